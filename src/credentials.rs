//! User name and API key: validated, never shown, redacted from text.

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

    /// Replaces every occurrence of the key in `text`, ignoring case.
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

    /// Whether `text` contains the key; a short key, as in tests, only counts if it is the whole text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(&self.0)
            || (self.0.len() >= 8 && text.to_ascii_lowercase().contains(&self.0.to_ascii_lowercase()))
    }
}

/// Refuses a header value that servers could read differently: only visible ASCII is allowed.
pub(crate) fn validate_header_value(what: &str, value: &str) -> Result<()> {
    let problem = if value.is_empty() {
        "is empty"
    } else if value.trim() != value {
        "has leading or trailing whitespace; was it read from a file that ends in a newline?"
    } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
        "contains a character that is not visible ASCII"
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
