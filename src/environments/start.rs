//! Deploy API v1, "Start Environment" and "Get Start Environment Status".

use std::time::{Duration, Instant};

use super::at::At;
use super::step::refused;
use crate::answer::{Asked, Verdicts};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::DeployStep;
use crate::id::{AppId, EnvironmentName, JobId};
use crate::status::EnvironmentStatus;
use crate::wait::Look;

pub(crate) const ALREADY_STARTED: &str = "ALREADY_STARTED";
const STARTS_ALREADY: &str = "APP_ALREADY_HAS_A_STARTING_JOB";
const NO_SUCH_JOB: &str = "NO_SUCH_STARTJOB";
const LOCKED: &str = "ALREADY_LOCKED";

const NO_PACKAGE: &str = "there is no package on it: transport_package first";
const CODES: [(&str, &str); 12] = [
    (ALREADY_STARTED, "it was running already"),
    ("NO_MDA_HAS_BEEN_DEPLOYED", NO_PACKAGE),
    (STARTS_ALREADY, "it is being started already"),
    ("NO_PACKAGE", NO_PACKAGE),
    (LOCKED, "something else is being done to it: try again when that has ended"),
    ("DB_SYNC_FAILED", "the database could not be adapted to the package; see the log of the app"),
    (
        "INVALID_DB_STRUCTURE",
        "if it was started with Start::with_database_sync(false), leave that out; otherwise see the log of the app",
    ),
    ("MISSING_CONSTANT", "give the constants that are new in the package a value, on the Environments page of the app"),
    (
        "INSECURE_ADMIN_PASSWORD",
        "change the password of the administrator: \"Change Admin Password\" on the Environments page of the app",
    ),
    ("STARTUP_ACTION_FAILED", "the after-startup microflow failed; see the log of the app"),
    ("START_FAILED", "see the log of the app"),
    ("INVALID_APPID", "check the AppId"),
];

/// How [`start_environment`] starts an app.
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

/// Starts the app on an environment, and waits until it runs (Deploy API v1, "Start Environment" and "Get Start Environment
/// Status"). `Ok` means that it does, or did before.
///
/// The status is asked for first. **The start is requested once**: if no answer comes, or something else is starting the
/// app already, its status is watched.
///
/// Blocks as [`stop_environment`](crate::stop_environment) does. The user needs API Rights and Transport Rights for the
/// environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `StartFailed` if the app did not start, with the API's code (such as
/// `MISSING_CONSTANT`), what that means and what helps: the app is down then. `StillRunning` on timeout: call again to go on
/// watching. `Rejected`, such as 403; `Connect` or `NoAnswer` after an outage. If there is no environment of that name, the
/// error lists those that there are.
pub fn start_environment(client: &Client, app: &AppId, environment: &EnvironmentName, start: &Start) -> Result<()> {
    let at = At { client, app, environment };
    self::start(at, start, false).map_err(|error| {
        let error = at.listing_names(error);
        match error.kind() {
            ErrorKind::StartFailed => error
                .prefixed_with("the app is DOWN")
                .with_note("; when that is mended, start_environment goes on from there"),
            _ => error.with_note(
                "; the app is down until it has started: start_environment looks first, and goes on from there",
            ),
        }
    })
}

/// `was_stopped`: the app ran before, and we have stopped it.
pub(crate) fn start(at: At, start: &Start, was_stopped: bool) -> Result<()> {
    let (watched, lost, patience) = (Watched::Nothing, None, at.client.poll.patience());
    let mut starting = Starting { at, start, was_stopped, patience, begun: Instant::now(), watched, lost };
    let done = at.until_done("the start of", || starting.look());
    done.map_err(|error| starting.with_what_is_known(error))?;
    at.notify(DeployStep::Started, starting.begun.elapsed());
    Ok(())
}

/// A start that is to be requested, or is watched.
struct Starting<'a> {
    at: At<'a>,
    start: &'a Start,
    was_stopped: bool,
    patience: Duration,
    begun: Instant,
    watched: Watched,
    /// Why the request was not answered, if it was not.
    lost: Option<String>,
}

/// What is watched.
enum Watched {
    /// The start has not been requested.
    Nothing,
    Job(JobId),
    /// The status, because no job is known.
    Status,
    /// The status, because the job is not known any more, since then.
    StatusAfter(JobId, Instant),
}

impl Starting<'_> {
    fn look(&mut self) -> Result<Look<()>> {
        let at = self.at;
        if let Watched::Nothing = self.watched {
            if at.status()?.0 == EnvironmentStatus::Running {
                return Ok(Look::ended(Ok(())));
            }
            match self.request() {
                Ok(watched) => self.watched = watched,
                Err(error) => return refused(error),
            }
        }
        if let Watched::Job(job) = &self.watched {
            self.watched = match job_status(at, job) {
                Ok((status, _)) if status.eq_ignore_ascii_case("Started") => return Ok(Look::ended(Ok(()))),
                Ok((status, retry_after)) => return Ok(Look::not_yet(status, retry_after)),
                Err(error) if error.has_code(ALREADY_STARTED) => Watched::Status,
                Err(error) if error.status() == Some(404) => Watched::StatusAfter(job.clone(), Instant::now()),
                Err(error) if error.kind() == ErrorKind::StartFailed => {
                    let is_locked = error.has_code(LOCKED);
                    return Ok(Look::ended(Err(error.with_transient(is_locked))));
                }
                Err(error) => return Err(error),
            };
        }
        let (status, retry_after) = at.status()?;
        Ok(match &self.watched {
            _ if status == EnvironmentStatus::Running => Look::ended(Ok(())),
            Watched::StatusAfter(job, since) if since.elapsed() >= self.patience => {
                Look::ended(Err(forgotten(at, job, &status)))
            }
            _ => Look::not_yet(status, retry_after),
        })
    }

    /// Requests the start, once.
    fn request(&mut self) -> Result<Watched> {
        let (at, begun) = (self.at, self.begun);
        match request(at, self.start) {
            Ok(job) => {
                at.notify(DeployStep::StartRequested { job: job.clone() }, begun.elapsed());
                Ok(job.map_or(Watched::Status, Watched::Job))
            }
            Err(error) if error.kind() == ErrorKind::NoAnswer => {
                at.unanswered(&error, begun.elapsed());
                self.lost = Some(error.in_brief());
                Ok(Watched::Status)
            }
            // Then it still runs what it ran before we stopped it.
            Err(error) if error.has_code(ALREADY_STARTED) && self.was_stopped => Err(error),
            Err(error) if error.has_code(ALREADY_STARTED) || error.has_code(STARTS_ALREADY) => {
                at.notify(DeployStep::StartRequested { job: None }, begun.elapsed());
                Ok(Watched::Status)
            }
            Err(error) => Err(error),
        }
    }

    fn with_what_is_known(&self, error: Error) -> Error {
        match (&self.watched, &self.lost) {
            (_, Some(why)) => {
                error.with_note(&format!("; whether the request to start it arrived is not known: {why}"))
            }
            (Watched::Job(job) | Watched::StatusAfter(job, _), _) if !error.to_string().contains(job.as_str()) => {
                error.with_note(&format!(" [start job {job}]"))
            }
            _ => error,
        }
    }
}

/// Requests the start, and returns its job if the API names one.
fn request(at: At, start: &Start) -> Result<Option<JobId>> {
    let body = serde_json::json!({ "AutoSyncDb": start.database_sync }).to_string();
    let undone = format!("{} did not start", at.name());
    let call = at.post("/start", body, "start ", Verdicts { kind: ErrorKind::Rejected, undone, codes: &CODES });
    call.once(|reply| Some(reply.json().id("JobId")))
}

fn job_status(at: At, job: &JobId) -> Result<(String, Option<Duration>)> {
    let call = at.get(&format!("/start/{job}"), &format!("the status of start job {job} of "));
    // A failed start is told as the error of a request for its status.
    let undone = format!("{} did not start (start job {job})", at.name());
    let verdicts = Some(Verdicts { kind: ErrorKind::StartFailed, undone, codes: &CODES });
    let asked = Asked { verdicts, ..call.asked };
    let call = Call { asked, ..call };
    call.once(|reply| Some((reply.json().text("Status")?, reply.retry_after)))
}

fn forgotten(at: At, job: &JobId, status: &EnvironmentStatus) -> Error {
    let message = format!(
        "{} did not start: its start job {job} is not known any more, and it is {status}; see the log of the app",
        at.name()
    );
    Error::new(ErrorKind::StartFailed, message).with_code(Some(NO_SUCH_JOB.to_owned()))
}
