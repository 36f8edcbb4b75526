//! Shortened ids, for a log that has each in full once.

use std::fmt;

/// Displays the beginning of an id, enough to recognize it.
pub(crate) struct Short<'a>(pub(crate) &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        match id.get(..8) {
            Some(beginning) if id.len() > 12 => write!(f, "{beginning}…"),
            _ => f.write_str(id),
        }
    }
}
