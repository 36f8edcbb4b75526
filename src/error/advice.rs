//! What a reader of a log can do about an error.

/// The end of a message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advice {
    /// On which condition, such as "once that has ended, ".
    pub(crate) when: &'static str,
    /// What to do, such as "deploy this package again".
    pub(crate) what: String,
    /// What else could be deployed to go back, such as "that package"; empty if there is nothing.
    pub(crate) or: &'static str,
    /// The functions and settings that it takes, which stand in brackets behind it.
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
