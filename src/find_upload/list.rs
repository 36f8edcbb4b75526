//! What the package list says of an upload.

use std::time::{Duration, SystemTime};

use crate::error::{Advice, Error, ErrorKind, UnknownUpload};
use crate::packages::Package;
use crate::status::PackageStatus;
use crate::text;
use crate::units::{Grouped, Seconds};

/// `Date` is in whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);
/// How many packages are named in an error.
const NAMED_MAX: usize = 5;

/// What the list was when it was read.
pub(super) struct List {
    /// Each with its name as it came.
    pub(super) entries: Vec<(Package, String)>,
    /// By the server's clock.
    pub(super) date: Option<SystemTime>,
    /// Since the upload began, by ours: when it was asked for, and when it had come. The server's date is from in between.
    pub(super) asked: Duration,
    pub(super) elapsed: Duration,
}

/// What a list says of an upload.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Found(Package),
    /// None has the name that is young enough.
    NotListed {
        /// Of the same size, and young enough.
        similar: Vec<Package>,
        /// The youngest of those that have the name: its date may be in other units.
        older: Option<Package>,
    },
    /// Still being made, or of unknown age, so that the next list may say more.
    NotYet(Vec<Package>),
    /// These cannot be told apart.
    Unclear(Vec<Package>),
}

impl List {
    /// How long before the list was made a package was. A date of 0, or in the future, tells nothing.
    fn age(&self, package: &Package) -> Option<Duration> {
        let (date, created) = (self.date?, package.created.filter(|created| *created > SystemTime::UNIX_EPOCH)?);
        (date + ROUNDING).duration_since(created).ok().map(|age| age.saturating_sub(ROUNDING))
    }

    pub(super) fn look_for(&self, name: &str, size: u64) -> Verdict {
        let is_older_than = |package: &Package, time| self.age(package).is_some_and(|age| age > time + ROUNDING);
        let is_old = |package: &Package| is_older_than(package, self.elapsed);
        // A list that took its time may be from before or after.
        let has_age = |package: &Package| self.age(package).is_some() && !is_older_than(package, self.asked);
        let has_name = |listed: &String| listed == name.trim();
        let young = || self.entries.iter().filter(|(package, _)| !is_old(package));
        let candidates: Vec<_> =
            young().filter(|(_, listed)| has_name(listed)).map(|(found, _)| found.clone()).collect();
        let is_made = |package: &Package| matches!(package.status, PackageStatus::Succeeded | PackageStatus::Failed);
        match &candidates[..] {
            [] => {
                let fits = |package: &&Package| package.size == Some(size) && has_age(package);
                let similar = young().map(|(package, _)| package).filter(fits).cloned().collect();
                let namesakes = self.entries.iter().filter(|(_, listed)| has_name(listed)).map(|(found, _)| found);
                Verdict::NotListed { similar, older: namesakes.min_by_key(|found| self.age(found)).cloned() }
            }
            [package] => {
                let is_made = is_made(package);
                // It may not have one.
                let of_unknown_size = package.known_size().is_none();
                match (has_age(package), package.size == Some(size)) {
                    (true, true) => Verdict::Found(package.clone()),
                    (true, false) if is_made && of_unknown_size => Verdict::Found(package.clone()),
                    (true, false) if is_made => Verdict::Unclear(candidates),
                    _ => Verdict::NotYet(candidates),
                }
            }
            // One of them may turn out to be older.
            _ if candidates.iter().any(|package| !has_age(package)) => Verdict::NotYet(candidates),
            _ => Verdict::Unclear(candidates),
        }
    }

    pub(super) fn unclear(&self, upload: &UnknownUpload, which: &str, packages: &[Package]) -> Error {
        let (app, size) = (&upload.app, Grouped(upload.size));
        let name = text::name(upload.name.as_deref().unwrap_or_default());
        let described: Vec<_> = packages.iter().take(NAMED_MAX).map(|package| self.describe(package)).collect();
        let more = if packages.len() > NAMED_MAX { ", and more" } else { "" };
        let message = format!(
            "cannot tell which package the upload of {name} ({size} bytes) to app {app} made, if any: {which}: {}{more}",
            described.join(", ")
        );
        let advice =
            "compare on the app's Environments page before you upload again, and give each upload a name of its own";
        Error::new(ErrorKind::OutcomeUnknown, message).with_advice(Advice::new(advice, &["Upload::with_name"]))
    }

    fn describe(&self, package: &Package) -> String {
        let Package { package_id, status, size, .. } = package;
        let size = size.map_or_else(|| "of unknown size".to_owned(), |size| format!("{} bytes", Grouped(size)));
        let made = self.age(package).map(|age| match self.elapsed.checked_sub(age) {
            Some(after) => format!("made {} after the upload began", Seconds(after)),
            None => format!("made {} before the upload began", Seconds(age.saturating_sub(self.elapsed))),
        });
        let made = made.unwrap_or_else(|| "made at an unknown time".to_owned());
        format!("package {package_id} ({status}, {size}, {made})")
    }
}
