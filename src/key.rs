//! The API key: validated, never shown. And what people paste in place of a value.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The API key, without `Debug` and `Display`, so that it cannot be printed by accident.
#[derive(Clone)]
pub(crate) struct ApiKey(Arc<str>);

impl ApiKey {
    pub(crate) fn new(key: &str) -> Result<Self> {
        validate_header_value("the API key", key)?;
        Ok(ApiKey(key.into()))
    }

    /// The key itself, for the one header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Refuses a header value that servers could read differently (only visible ASCII is allowed), and one that is no value
/// but what a script or a CI system should have replaced by it.
pub(crate) fn validate_header_value(what: &str, value: &str) -> Result<()> {
    let problem = if value.is_empty() {
        "is empty"
    } else if let Some(problem) = not_a_value(value) {
        problem
    } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
        "contains a character that is not visible ASCII"
    } else {
        return Ok(());
    };
    Err(Error::config(format!("{what} {problem}")))
}

/// What is wrong with a text that is more than a value, or only stands for one.
pub(crate) fn not_a_value(text: &str) -> Option<&'static str> {
    const QUOTES: [&str; 6] = ["\"", "'", "`", "\u{201c}", "\u{201d}", "\u{2018}"];
    const BEGINNINGS: [&str; 6] = ["$(", "${", "$[", "{{", "#{", "$env:"];
    const ENDS: [(&str, &str); 3] = [("%", "%"), ("<", ">"), ("__", "__")];
    let is_variable = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if text.trim() != text {
        Some("has leading or trailing whitespace; was it read from a file that ends in a newline?")
    } else if QUOTES.iter().any(|quote| text.starts_with(quote)) {
        Some("is in quotes, which are not part of it")
    } else if BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        || ENDS
            .iter()
            .any(|(start, end)| text.len() > 2 * start.len() && text.starts_with(start) && text.ends_with(end))
        || text.strip_prefix('$').is_some_and(is_variable)
    {
        Some("is a placeholder that nothing has replaced: is the variable defined, and visible to this step?")
    } else if text.bytes().all(|b| b == b'*') {
        Some("consists of asterisks: it was copied from where it is masked")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_stands_for_a_value_is_none() {
        for text in [
            "\"pa55\"", "'pa55'", "$(PA55)", "${PA55}", "${{ secrets.PA55 }}", "{{ pa55 }}", "%PA55%", "#{PA55}#",
            "<pa55>", "__PA55__", "$PASS", "$env:PA55", "***",
        ] {
            let problem = not_a_value(text).unwrap_or_default();
            assert!(!problem.is_empty(), "{text}");
        }
        for text in
            ["pa55", "$ecret", "100%", "%", "a\"b", "{pa55}", "<", "__", "____", "*a*", "$Pass", "26587896-1cef"]
        {
            assert_eq!(not_a_value(text), None, "{text}");
        }
    }
}
