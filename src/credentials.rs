//! User name and API key: checked, never shown, redacted from text.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The API key. It has no `Debug` and no `Display`, so it cannot be printed by accident.
#[derive(Clone)]
pub(crate) struct ApiKey(Arc<str>);

impl ApiKey {
    pub(crate) fn new(key: &str) -> Result<Self> {
        check_visible("the API key", key)?;
        Ok(ApiKey(key.into()))
    }

    /// The key itself, for the one header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key replaced, in whatever case.
    pub(crate) fn redact(&self, text: &str) -> String {
        let (lower, key) = (text.to_ascii_lowercase(), self.0.to_ascii_lowercase());
        let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
        for (start, found) in lower.match_indices(&key) {
            clean += text.get(end..start).unwrap_or_default();
            clean += "[key]";
            end = start + found.len();
        }
        clean + text.get(end..).unwrap_or_default()
    }

    /// Whether `text` repeats the key: a short one, as tests have it, only if it is the whole text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(&self.0)
            || (self.0.len() >= 8 && text.to_ascii_lowercase().contains(&self.0.to_ascii_lowercase()))
    }
}

/// A header's value that no server can read in two ways: visible ASCII, nothing around it.
pub(crate) fn check_visible(what: &str, value: &str) -> Result<()> {
    let problem = if value.is_empty() {
        "is empty"
    } else if value.trim() != value {
        "has white space or a line break around it: was it read from a file that ends in a line break?"
    } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
        "holds a character that is not visible ASCII"
    } else {
        return Ok(());
    };
    Err(Error::config(format!("{what} {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_in_any_case_and_next_to_multi_byte_text() {
        let key = ApiKey::new("aB-1").unwrap();
        assert_eq!(key.redact("é ab-1é AB-1aB-1"), "é [key]é [key][key]");
        assert_eq!(key.redact("nothing"), "nothing");
        assert!(key.is_in("AB-1") && !key.is_in("xab-1x"));
    }
}
