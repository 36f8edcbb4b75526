//! Searches the package list for an upload.

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

/// The list at one poll.
pub(super) struct List {
    /// Each with its name unsanitized.
    pub(super) entries: Vec<(Package, String)>,
    /// By the server's clock.
    pub(super) date: Option<SystemTime>,
    /// Time from the start of the upload to the request, and to the response. The server's date is from in between.
    pub(super) asked: Duration,
    pub(super) elapsed: Duration,
}

/// The result of a search.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Found(Package),
    /// No package that has the name is young enough.
    NotListed {
        /// Packages of the same size that are young enough.
        similar: Vec<Package>,
        /// The youngest package of that name: its date may be in other units.
        older: Option<Package>,
    },
    /// Still being made, or of unknown age: the next list may say more.
    NotYet(Vec<Package>),
    /// These cannot be told apart.
    Unclear(Vec<Package>),
}

impl List {
    /// The age of a package when the list was made. `None` if its date is missing, 0 or in the future.
    fn age(&self, package: &Package) -> Option<Duration> {
        let (date, created) = (self.date?, package.created.filter(|created| *created > SystemTime::UNIX_EPOCH)?);
        (date + ROUNDING).duration_since(created).ok().map(|age| age.saturating_sub(ROUNDING))
    }

    pub(super) fn search(&self, name: &str, size: u64) -> Verdict {
        let is_older_than = |package: &Package, time| self.age(package).is_some_and(|age| age > time + ROUNDING);
        let is_old = |package: &Package| is_older_than(package, self.elapsed);
        // The list may be from any moment between request and response.
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
                // The API may give no size.
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
