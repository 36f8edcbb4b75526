//! The end of a message: what the reader can do.

/// What to do about an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advice {
    /// The condition, such as "once that has ended, ".
    pub(crate) when: &'static str,
    /// What to do, such as "deploy this package again".
    pub(crate) what: String,
    /// What could be deployed instead to go back, such as "that package"; may be empty.
    pub(crate) or: &'static str,
    /// The functions and settings to use, which follow in brackets.
    pub(crate) names: Vec<&'static str>,
}

impl Advice {
    pub(crate) fn new(what: impl Into<String>, names: &[&'static str]) -> Advice {
        Advice { when: "", what: what.into(), or: "", names: names.to_vec() }
    }

    pub(super) fn text(&self) -> String {
        let Advice { when, what, or, .. } = self;
        match (what.as_str(), *or) {
            ("", "") => String::new(),
            ("", or) => format!("deploy {or} to go back"),
            (what, "") => format!("{when}{what}"),
            (what, or) => format!("{when}{what}, or {or}"),
        }
    }
}
