//! Verifies by an upload: its job, its package by id, and its entry in the list.

use std::time::{Duration, Instant, SystemTime};

use super::findings::{Findings, brief, contradicts, words};
use super::granted::Granted;
use super::list::{self, EARLIEST, Entry, List, ROUNDING};
use crate::client::Client;
use crate::error::Result;
use crate::event::Subject;
use crate::id::{AppId, PackageId};
use crate::job;
use crate::packages;
use crate::status::{JobStatus, PackageStatus};
use crate::units::Seconds;
use crate::upload::{Opened, UploadedPackage};
use crate::wait::{Polled, Wait};

/// What was seen at each poll.
#[derive(Default)]
struct Seen {
    /// The statuses of the job, and of the package by its id and in the list.
    job: Vec<String>,
    package: Vec<String>,
    polls: u32,
    /// When it was first listed, and when its job had ended: at which poll, from 1, and how long after the response.
    listed: Option<(u32, Duration)>,
    ended: Option<(u32, Duration)>,
    /// Why the package could not be read by its id, the last time, and whether the id is the reason.
    not_by_id: Option<(String, bool)>,
    /// Why the list could not be read, the last time.
    not_listed: Option<String>,
    same_id: bool,
    same_name: bool,
    namesakes: usize,
    /// Its sizes while it was being made.
    sizes: Vec<Option<u64>>,
    made: Option<Made>,
}

/// Its entry in the list once it was made.
struct Made {
    size: Option<u64>,
    created: Option<SystemTime>,
    /// The date of the list, and how long ago the upload had begun by then.
    date: Option<SystemTime>,
    age: Duration,
}

struct Sent<'a> {
    app: &'a AppId,
    name: &'a str,
    size: u64,
    began: Instant,
    ids: UploadedPackage,
}

/// Uploads the package under this name, watches it, and records the findings.
pub(super) fn watch(
    client: &Client,
    app: &AppId,
    opened: &mut Opened,
    name: &str,
    findings: &mut Findings,
) -> Result<PackageId> {
    let began = Instant::now();
    let ids = opened.upload()?;
    let sent = Sent { app, name, size: opened.size(), began, ids };
    let mut seen = Seen::default();
    let job = &sent.ids.job_id;
    let wait = Wait::new(client, app, Subject::Job(job.clone()), format!("waiting for job {job} of app {app}"))
        .may_appear_late()
        .resumed_by("resume the wait", "wait_for_job");
    let answered = Instant::now();
    let end = wait.until_end(|| poll(client, &sent, &mut seen, answered));
    note(&sent, &seen, findings);
    let has_failed = seen.job.last().is_some_and(|status| status == JobStatus::Failed.as_str());
    // Its error has the reason.
    let end = if has_failed { job::wait_for_job(client, app, job) } else { end };
    // The same call would upload another one.
    end.map_err(|error| error.with_ids(Some(&sent.ids.package_id), Some(job)).with_transient(false))?;
    Ok(sent.ids.package_id)
}

fn poll(client: &Client, sent: &Sent, seen: &mut Seen, answered: Instant) -> Result<Polled<()>> {
    let (status, retry_after) = job::one(client, sent.app, &sent.ids.job_id)?;
    seen.polls += 1;
    seen.job.push(status.to_string());
    let has_ended = matches!(status, JobStatus::Completed | JobStatus::Failed);
    if has_ended {
        seen.ended.get_or_insert((seen.polls, answered.elapsed()));
    }
    match packages::one(client, sent.app, &sent.ids.package_id) {
        Ok(package) => {
            seen.package.push(package.status.to_string());
            seen.not_by_id = None;
        }
        Err(error) => seen.not_by_id = Some((brief(&error), contradicts(&error))),
    }
    let is_made = match list::once(client, sent.app) {
        Ok(list) => read_list(&list, sent, seen, answered),
        Err(error) => {
            seen.not_listed = Some(brief(&error));
            false
        }
    };
    let is_late = seen.ended.is_some_and(|(_, ended)| answered.elapsed() > ended + client.poll.patience());
    let is_over = has_ended && (is_made || is_late || status == JobStatus::Failed);
    Ok(Polled::at(status, retry_after).with_end(is_over.then_some(Ok(()))))
}

/// Returns whether the package is made, according to the list.
fn read_list(list: &List, sent: &Sent, seen: &mut Seen, answered: Instant) -> bool {
    let has_id = |entry: &&Entry| {
        entry.package.as_ref().is_some_and(|package| sent.ids.package_id.is_same_as(package.package_id.as_str()))
    };
    let has_name = |entry: &&Entry| entry.name == sent.name;
    seen.not_listed = None;
    seen.namesakes = list.entries.iter().filter(has_name).count();
    let by_id = list.entries.iter().find(has_id);
    let Some(entry) = by_id.or_else(|| list.entries.iter().find(has_name)) else { return false };
    let Some(package) = &entry.package else { return false };
    (seen.same_id, seen.same_name) = (by_id.is_some(), has_name(&entry));
    seen.listed.get_or_insert((seen.polls, answered.elapsed()));
    seen.package.push(package.status.to_string());
    let is_made = matches!(package.status, PackageStatus::Succeeded | PackageStatus::Failed);
    if is_made {
        let (size, created, age) = (package.size, package.created, sent.began.elapsed());
        seen.made = Some(Made { size, created, date: list.date, age });
    } else {
        seen.sizes.push(package.size);
    }
    is_made
}

fn note(sent: &Sent, seen: &Seen, findings: &mut Findings) {
    let job_has = words(seen.job.iter().map(String::as_str));
    let Some((poll, listed)) = seen.listed else {
        match &seen.not_listed {
            // Another row is about that.
            Some(why) => findings.says_nothing(Granted::Listed, format!("the list: {why}")),
            None => findings.differs(Granted::Listed, format!("not listed; its job: {job_has}")),
        }
        return;
    };
    findings.holds(Granted::Listed, "it is listed");
    findings.holds(Granted::Late, format!("listed at poll {poll}, {} after the response", Seconds(listed)));
    match &seen.not_by_id {
        Some((why, true)) => findings.differs(Granted::SameId, format!("a request by that id: {why}")),
        Some((why, false)) => findings.says_nothing(Granted::SameId, format!("a request by that id: {why}")),
        None => {
            findings.is(Granted::SameId, seen.same_id, if seen.same_id { "the same" } else { "the list has another" });
        }
    }
    findings.is(Granted::Name, seen.same_name, if seen.same_name { "the same" } else { "another" });
    findings.is(Granted::NobodyElse, seen.namesakes <= 1, format!("packages of its name: {}", seen.namesakes));
    let package_has = words(seen.package.iter().map(String::as_str));
    findings.holds(Granted::Follows, format!("the job: {job_has}; the package: {package_has}"));
    match seen.ended {
        Some((at, ended)) if poll > at => {
            findings.differs(
                Granted::Arrived,
                format!("listed {} after its job had ended", Seconds(listed.saturating_sub(ended))),
            );
        }
        Some(_) => findings.holds(Granted::Arrived, "listed by the end of its job"),
        None => {}
    }
    match seen.sizes.iter().copied().map(Option::unwrap_or_default).max() {
        Some(size) => findings.is(Granted::StillMade, size <= sent.size, relation(size, sent.size)),
        None => findings.says_nothing(Granted::StillMade, "it was never listed as being made"),
    }
    let Some(made) = &seen.made else { return };
    if let Some(size) = made.size {
        findings.is(Granted::Size, size == sent.size, format!("of the upload: {}", relation(size, sent.size)));
    }
    note_age(made, findings);
}

fn relation(size: u64, of_file: u64) -> &'static str {
    match size {
        0 => "none, or 0",
        size if size < of_file => "smaller than the file",
        size if size > of_file => "larger than the file",
        _ => "that of the file",
    }
}

fn note_age(&Made { created, date, age, .. }: &Made, findings: &mut Findings) {
    // Another row is about invalid dates.
    let created = created.filter(|created| *created > SystemTime::UNIX_EPOCH + EARLIEST);
    let (Some(created), Some(date)) = (created, date) else { return };
    let (earliest, latest) = (date.checked_sub(age + ROUNDING), date + ROUNDING);
    let is_between = earliest.is_none_or(|earliest| created >= earliest) && created <= latest;
    let off = date.duration_since(created).unwrap_or_else(|later| later.duration());
    findings.is(
        Granted::SameClock,
        is_between,
        format!("of the upload, begun {} before: {} from `Date`", Seconds(age), Seconds(off)),
    );
}
