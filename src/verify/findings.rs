//! What was found for each row.

use super::granted::Granted;
use crate::error::{Error, SaidBy};

/// A row of the guide's tables, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// What is taken for granted: the row's first cell in the guide.
    pub granted: &'static str,
    /// What was seen, or why nothing was. It names no app, environment, package, id or user.
    pub seen: String,
    /// Whether that agrees.
    pub finding: Finding,
}

/// Whether what was seen agrees with what is taken for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Finding {
    /// Nothing was seen that shows it.
    NotSeen,
    /// It agrees.
    Holds,
    /// It does not.
    Differs,
}

/// What was seen so far.
pub(super) struct Findings(Vec<(Granted, Finding, Vec<String>)>);

impl Findings {
    pub(super) fn new() -> Findings {
        Findings(Granted::ALL.iter().map(|granted| (*granted, Finding::NotSeen, Vec::new())).collect())
    }

    pub(super) fn holds(&mut self, granted: Granted, seen: impl Into<String>) {
        self.note(granted, Finding::Holds, seen);
    }

    pub(super) fn differs(&mut self, granted: Granted, seen: impl Into<String>) {
        self.note(granted, Finding::Differs, seen);
    }

    /// Records something that is neither for nor against it.
    pub(super) fn says_nothing(&mut self, granted: Granted, seen: impl Into<String>) {
        self.note(granted, Finding::NotSeen, seen);
    }

    pub(super) fn is(&mut self, granted: Granted, holds: bool, seen: impl Into<String>) {
        self.note(granted, if holds { Finding::Holds } else { Finding::Differs }, seen);
    }

    /// Records a failed request, which contradicts it or says nothing.
    pub(super) fn failed(&mut self, granted: Granted, what: &str, error: &Error) {
        let finding = if contradicts(error) { Finding::Differs } else { Finding::NotSeen };
        self.note(granted, finding, format!("{what}{}", brief(error)));
    }

    /// Records a finding. `Differs` takes precedence.
    fn note(&mut self, granted: Granted, finding: Finding, seen: impl Into<String>) {
        let Some((_, found, texts)) = self.0.iter_mut().find(|(row, ..)| *row == granted) else { return };
        if finding == Finding::Differs && *found != Finding::Differs {
            texts.clear();
        }
        let (seen, is_of_account) = (seen.into(), finding == Finding::Differs || *found != Finding::Differs);
        if is_of_account && !texts.contains(&seen) {
            texts.push(seen);
        }
        *found = finding.max(*found);
    }

    pub(super) fn rows(self) -> Vec<Row> {
        let row = |(granted, finding, texts): (Granted, Finding, Vec<String>)| {
            let seen = if texts.is_empty() { granted.shown_by().to_owned() } else { texts.join("; ") };
            Row { granted: granted.name(), seen, finding }
        };
        self.0.into_iter().map(row).collect()
    }
}

/// An error without anything that could identify an app or a user.
pub(super) fn brief(error: &Error) -> String {
    match error.code() {
        Some(code) => format!("{}, {}", error.in_brief(), word(code)),
        None => error.in_brief(),
    }
}

/// Whether the API's response contradicts the documentation. A gateway's failure, missing rights and "later" do not.
pub(super) fn contradicts(error: &Error) -> bool {
    match error.status() {
        _ if error.said_by() == SaidBy::Others => false,
        None | Some(401 | 403 | 407 | 408 | 425 | 429) => false,
        Some(500..) => error.code().is_some(),
        Some(_) => true,
    }
}

/// A status, or a code in capitals; anything else could identify something, and is not shown.
pub(super) fn word(said: &str) -> String {
    let is_status = said.chars().all(|c| c.is_ascii_alphabetic());
    let is_code = said.chars().all(|c| c.is_ascii_uppercase() || "_ ".contains(c));
    match said.len() {
        0 => "nothing".to_owned(),
        1..=40 if is_status || is_code => format!("`{said}`"),
        _ => "something else".to_owned(),
    }
}

/// The same for several, each once, in order of first appearance.
pub(super) fn words<'a>(said: impl IntoIterator<Item = &'a str>) -> String {
    let mut all: Vec<String> = Vec::new();
    for word in said.into_iter().map(word) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    if all.is_empty() { word("") } else { all.join(", ") }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Finding::Holds => "holds",
            Finding::Differs => "differs",
            Finding::NotSeen => "not seen",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_takes_precedence() {
        let mut findings = Findings::new();
        findings.holds(Granted::Size, "a");
        findings.says_nothing(Granted::Size, "b");
        findings.holds(Granted::Size, "c");
        findings.differs(Granted::Mode, "d");
        findings.holds(Granted::Mode, "e");
        findings.says_nothing(Granted::Late, "f");
        let rows = findings.rows();
        let row = |granted: Granted| rows.iter().find(|row| row.granted == granted.name()).unwrap();
        assert_eq!((row(Granted::Size).finding, row(Granted::Size).seen.as_str()), (Finding::Holds, "a; b; c"));
        assert_eq!((row(Granted::Mode).finding, row(Granted::Mode).seen.as_str()), (Finding::Differs, "d"));
        assert_eq!((row(Granted::Late).finding, row(Granted::Late).seen.as_str()), (Finding::NotSeen, "f"));
        assert_eq!(row(Granted::Name).seen, "--upload shows it");
    }

    #[test]
    fn text_that_could_identify_something_is_not_shown() {
        assert_eq!(
            words(["Running", "calc_1.mda", "Running", "NOT ALLOWED", "Richard Ford", ""]),
            "`Running`, something else, `NOT ALLOWED`, nothing"
        );
    }

    #[test]
    fn the_rows_are_those_of_the_guide() {
        let heading = "| what is taken for granted | source | if it is wrong |\n|---|---|---|\n";
        let tables: Vec<_> = include_str!("../guide/assumptions.md").split(heading).skip(1).collect();
        let rows = tables.iter().flat_map(|table| table.lines().take_while(|line| line.starts_with("| ")));
        let first: Vec<_> = rows.map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap()).collect();
        let names: Vec<_> = Granted::ALL.iter().map(|granted| granted.name()).collect();
        assert_eq!((first, tables.len()), (names, 3));
    }
}
