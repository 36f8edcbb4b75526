//! Verifies by reading the package list.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::findings::{Findings, brief, words};
use super::granted::Granted;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::http::Reply;
use crate::id::AppId;
use crate::json::Object;
use crate::packages::{self, Package};
use crate::status::PackageStatus;
use crate::units::Seconds;

/// What `Date` is rounded to, and clocks may differ by.
pub(super) const ROUNDING: Duration = Duration::from_secs(2);
/// No package is older than the API, which was there in 2014: its documentation has packages of that year.
pub(super) const EARLIEST: Duration = Duration::from_secs(1_262_304_000);

/// A list, and when it was made by the server's clock.
pub(super) struct List {
    pub(super) entries: Vec<Entry>,
    pub(super) date: Option<SystemTime>,
}

pub(super) struct Entry {
    /// `None` without a usable id.
    pub(super) package: Option<Package>,
    /// Unsanitized: for comparisons, never for display.
    pub(super) name: String,
    /// As the API sent it, sanitized.
    status: String,
    size: Option<Value>,
    /// The documented fields that are missing, or not strings although they should be.
    lacks: Vec<&'static str>,
    /// Optional fields that are missing.
    without: Vec<&'static str>,
}

impl List {
    pub(super) fn of(reply: &Reply) -> Option<List> {
        Some(List { entries: reply.list(|object| Some(Entry::of(object)))?, date: reply.date })
    }
}

impl Entry {
    fn of(object: &Object) -> Entry {
        let is_there = |field: &str| object.field(field).is_some_and(|value| !value.is_null());
        let texts = ["PackageId", "Name", "Status"].into_iter().filter(|field| object.raw(field).is_none());
        let numbers = ["CreationDate", "Size"].into_iter().filter(|field| !is_there(field));
        Entry {
            package: Package::listed(object),
            name: object.raw("Name").unwrap_or_default(),
            status: object.text("Status").unwrap_or_default(),
            size: object.field("Size"),
            lacks: texts.chain(numbers).collect(),
            without: ["Version", "Description", "Creator"].into_iter().filter(|field| !is_there(field)).collect(),
        }
    }

    /// Whether its status allows for it to be ready.
    fn may_be_ready(&self) -> bool {
        use PackageStatus::{Building, Failed, Queued, Uploading};
        let is_not_ready = |package: &Package| matches!(package.status, Building | Failed | Queued | Uploading);
        !self.package.as_ref().is_some_and(is_not_ready)
    }
}

/// Reads the list and records the findings.
pub(super) fn read(client: &Client, app: &AppId, findings: &mut Findings) {
    match packages::list_call(client, app).with_retry(List::of) {
        Ok(list) => {
            findings.holds(Granted::ListPath, "answered");
            note(&list, findings);
        }
        Err(error) => failed(&error, findings),
    }
}

fn failed(error: &Error, findings: &mut Findings) {
    match error.status() {
        Some(200..=299) => {
            findings.holds(Granted::ListPath, "answered");
            findings.differs(Granted::ListShape, format!("{}, which is not an array of objects", brief(error)));
        }
        Some(403) => {
            findings.differs(Granted::ApiRights, format!("{}, unless this user has no API Rights", brief(error)));
        }
        _ => findings.failed(Granted::ListPath, "", error),
    }
}

fn note(List { entries, date }: &List, findings: &mut Findings) {
    let all = entries.len();
    // A package that is still being made, or has failed, may lack anything.
    let made: Vec<&Entry> = entries.iter().filter(|entry| entry.may_be_ready()).collect();
    if all == 0 {
        findings.says_nothing(Granted::ListShape, "an empty array");
        return;
    }
    let lacking: Vec<_> = made.iter().flat_map(|entry| entry.lacks.iter().copied()).collect();
    let incomplete = made.iter().filter(|entry| !entry.lacks.is_empty()).count();
    let seen = match incomplete {
        0 => format!("an array of {all}"),
        _ => format!("{incomplete} of {all} lack {}", words(lacking)),
    };
    findings.is(Granted::ListShape, incomplete == 0, seen);
    let without: Vec<_> = entries.iter().flat_map(|entry| entry.without.iter().copied()).collect();
    let seen = if without.is_empty() { "none is missing".to_owned() } else { format!("missing: {}", words(without)) };
    findings.holds(Granted::OtherFields, seen);

    // That some lack one is in the row of the list's shape.
    let dated = made.iter().filter(|entry| !entry.lacks.contains(&"CreationDate"));
    let packages: Vec<&Package> = dated.filter_map(|entry| entry.package.as_ref()).collect();
    dates(&packages, *date, findings);
    sizes(&made, findings);

    let created: Vec<_> = packages.iter().filter_map(|package| package.created).collect();
    match (created.is_sorted(), created.iter().rev().is_sorted()) {
        _ if created.len() < 2 => findings.says_nothing(Granted::Order, "too few packages"),
        (true, _) => findings.holds(Granted::Order, "oldest first"),
        (_, true) => findings.holds(Granted::Order, "newest first"),
        _ => findings.holds(Granted::Order, "not by date"),
    }
    let statuses: Vec<_> = entries.iter().filter_map(|entry| Some(&entry.package.as_ref()?.status)).collect();
    if !statuses.is_empty() {
        let are_known = !statuses.iter().any(|status| matches!(status, PackageStatus::Other(said) if !said.is_empty()));
        let seen = words(entries.iter().map(|entry| entry.status.as_str()));
        if are_known { findings.says_nothing(Granted::Ends, seen) } else { findings.differs(Granted::Ends, seen) }
    }
    let names: HashSet<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
    findings.says_nothing(Granted::UniqueName, format!("packages: {all}, names: {}", names.len()));
}

fn dates(packages: &[&Package], date: Option<SystemTime>, findings: &mut Findings) {
    let Some(date) = date else {
        findings.differs(Granted::SameClock, "the response has no `Date`");
        return;
    };
    if packages.is_empty() {
        return;
    }
    let all = packages.len();
    let is_plausible = |created: &SystemTime| {
        *created > SystemTime::UNIX_EPOCH + EARLIEST && *created < date + Duration::from_secs(24 * 60 * 60)
    };
    let plausible: Vec<_> = packages.iter().filter_map(|package| package.created).filter(is_plausible).collect();
    let odd = all - plausible.len();
    let seen = match odd {
        0 => "each is a date between 2010 and now".to_owned(),
        _ => format!("{odd} of {all} are not dates between 2010 and now"),
    };
    findings.is(Granted::CreationDate, odd == 0, seen);
    let early = plausible.iter().filter_map(|created| created.duration_since(date + ROUNDING).ok()).max();
    match (early, plausible.is_empty()) {
        (Some(early), _) => {
            findings
                .differs(Granted::SameClock, format!("a package is from {} after `Date`", Seconds(early + ROUNDING)));
        }
        (None, false) => findings.says_nothing(Granted::SameClock, "no package is from after `Date`"),
        (None, true) => {}
    }
    let oldest = plausible.iter().min().and_then(|created| date.duration_since(*created).ok());
    if let Some(oldest) = oldest {
        findings.says_nothing(Granted::Expiry, format!("the oldest is {} old", Seconds(oldest)));
    }
}

fn sizes(made: &[&Entry], findings: &mut Findings) {
    let sized: Vec<_> = made.iter().filter(|entry| entry.size.as_ref().is_some_and(|size| !size.is_null())).collect();
    let is_odd = |entry: &&&&Entry| entry.package.as_ref().is_some_and(|package| package.size.is_none());
    let with_point = sized.iter().any(|entry| entry.size.as_ref().is_some_and(Value::is_f64));
    match sized.iter().filter(is_odd).count() {
        _ if sized.is_empty() => {}
        0 if with_point => findings.says_nothing(Granted::Size, "whole numbers, with a decimal point"),
        0 => findings.says_nothing(Granted::Size, "whole numbers"),
        odd => findings.differs(Granted::Size, format!("{odd} of {} are not whole numbers", sized.len())),
    }
}

/// Makes one request, for a wait.
pub(super) fn once(client: &Client, app: &AppId) -> Result<List> {
    packages::list_call(client, app).once(List::of)
}
