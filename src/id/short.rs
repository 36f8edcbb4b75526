//! Ids in a log, where each is needed in full only once.

use std::fmt;

/// Enough of an id to tell one from another.
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
