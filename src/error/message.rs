//! The parts of an error message: what happened, to the package, to the app, and what to do.

use std::fmt;

use super::advice::Advice;

#[derive(Default)]
pub(super) struct Message {
    /// The request that failed, if any: "the request for the status of job 66046953 of app calc".
    pub(super) what: String,
    /// How it ended, with what the server said.
    pub(super) end: String,
    /// What happened to the package, and to the app; each may be empty.
    pub(super) of_package: String,
    pub(super) of_app: String,
    pub(super) advice: Advice,
    /// The settings that played a part, which follow those of the advice.
    pub(super) settings: Vec<&'static str>,
}

impl Message {
    /// The functions and settings, each once.
    pub(super) fn in_brackets(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in self.advice.names.iter().chain(&self.settings) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { what, end, of_package, of_app, advice, .. } = self;
        write!(f, "{what}{end}")?;
        for part in [of_package, of_app, &advice.text()].into_iter().filter(|part| !part.is_empty()) {
            write!(f, "; {part}")?;
        }
        f.write_str(&self.in_brackets())
    }
}
