//! Deploy API v1, "Start Environment" and "Get Start Environment Status".

use std::time::Duration;

use super::at::At;
use crate::answer::{Asked, Verdicts, has_code};
use crate::call::Call;
use crate::error::{ErrorKind, Result};
use crate::http::Reply;
use crate::id::JobId;

pub(super) const ALREADY_STARTED: &str = "ALREADY_STARTED";
pub(super) const STARTS_ALREADY: &str = "APP_ALREADY_HAS_A_STARTING_JOB";
pub(super) const NO_SUCH_JOB: &str = "NO_SUCH_STARTJOB";
pub(super) const LOCKED: &str = "ALREADY_LOCKED";

const NO_PACKAGE: &str = "there is no package on it: transport one first";
const CODES: [(&str, &str); 11] = [
    (ALREADY_STARTED, "it was running already"),
    ("NO_MDA_HAS_BEEN_DEPLOYED", NO_PACKAGE),
    (STARTS_ALREADY, "it is being started already"),
    ("NO_PACKAGE", NO_PACKAGE),
    (LOCKED, "something else is being done to it"),
    ("DB_SYNC_FAILED", "the database could not be adapted to the package; see the log of the app"),
    (
        "INVALID_DB_STRUCTURE",
        "if it was started without database sync, leave that out; otherwise see the log of the app",
    ),
    ("MISSING_CONSTANT", "give its new constants a value"),
    ("INSECURE_ADMIN_PASSWORD", "see \"Change Admin Password\" on the Environments page of the app"),
    ("STARTUP_ACTION_FAILED", "the after-startup microflow failed; see the log of the app"),
    ("START_FAILED", "see the log of the app"),
];

/// Documented for a failed start job; in the response to the request, they mean the same.
const FAILED: [&str; 6] = [
    "DB_SYNC_FAILED", "INVALID_DB_STRUCTURE", "MISSING_CONSTANT", "INSECURE_ADMIN_PASSWORD", "STARTUP_ACTION_FAILED",
    "START_FAILED",
];

/// How [`start_environment`](crate::start_environment) starts an app.
///
/// ```
/// let start = mendix_deploy::Start::default().with_database_sync(false);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    database_sync: bool,
}

impl Default for Start {
    fn default() -> Self {
        Start { database_sync: true }
    }
}

impl Start {
    /// Whether the database is adapted to the package during the start (`AutoSyncDb`). Default true. **Going back to an
    /// older package does not undo it.** If it is needed and false, the start fails with `INVALID_DB_STRUCTURE`.
    #[must_use]
    pub fn with_database_sync(mut self, sync: bool) -> Self {
        self.database_sync = sync;
        self
    }
}

/// Requests the start, and returns its job if the API names one.
pub(crate) fn request(at: At, start: &Start) -> Result<Option<JobId>> {
    let body = serde_json::json!({ "AutoSyncDb": start.database_sync }).to_string();
    let what = format!("the request to start {}", at.short_name());
    let undone = format!("{} did not start", at.name());
    let call = at.post("/start", what, body, Verdicts::refusals(undone, &CODES));
    let read = |reply: &Reply| {
        let job = reply.json().id("JobId");
        (job.is_some() || At::accepted(reply).is_some()).then_some(job)
    };
    match call.once(read) {
        Err(error) if has_code(&error, &FAILED) => Err(error.with_kind(ErrorKind::StartFailed)),
        result => result,
    }
}

/// The status of a start job.
pub(super) struct Status {
    /// Sanitized.
    pub(super) text: String,
    pub(super) is_started: bool,
    pub(super) retry_after: Option<Duration>,
}

pub(super) fn job_status(at: At, job: &JobId) -> Result<Status> {
    let what = format!("the request for the status of start job {job} of {}", at.name());
    let call = at.get(&format!("/start/{job}"), what);
    // The API reports a failed start as an HTTP error of the status request.
    let undone = format!("{} did not start", at.name());
    let verdicts = Some(Verdicts { kind: ErrorKind::StartFailed, undone, codes: &CODES, any_in_success: false });
    let asked = Asked { verdicts, ..call.asked };
    let call = Call { asked, ..call };
    call.once(|reply| {
        let (json, retry_after) = (reply.json(), reply.retry_after);
        let is_started = json.raw("Status")?.eq_ignore_ascii_case("Started");
        Some(Status { text: json.text("Status")?, is_started, retry_after })
    })
}
