//! Deploy API v2, "Job Status": polls a job, once or until it has ended.

use std::fmt;
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::http::Reply;
use crate::id::{AppId, JobId, Short};
use crate::json::Object;
use crate::poll::{self, Poll, Polled, Subject};
use crate::status::JobStatus;

/// Parts of the names of fields that may say why a job failed.
const REASONS: [&str; 7] = ["message", "reason", "error", "detail", "description", "cause", "info"];

/// Returns the status of a job. A failed job is a status here, not an error.
///
/// Makes one request and retries transient errors as configured by [`Retry`](crate::Retry). Each attempt blocks for at
/// most twice the connect timeout plus the response timeout (60 s by default).
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Connect`, `Rejected` (such as 401, 403 or 404), or `NoAnswer` without a usable
/// response. Each has the job's id.
///
/// ```no_run
/// # let client = mendix_deploy::Client::from_env()?;
/// let status = mendix_deploy::job_status(&client, &"calc".parse()?, &"66046953-ecf7-4550".parse()?)?;
/// println!("{status}");
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn job_status(client: &Client, app: &AppId, job: &JobId) -> Result<JobStatus> {
    let subject = Job { client, app, id: job };
    let polled = subject.call().with_retry(Job::read).map_err(|error| error.with_job(job))?;
    Ok(polled.status.status)
}

/// Waits until the job has completed. `Ok` means that it has, and nothing else.
///
/// Temporary failures of the API do not end the wait: after a transport failure, 408, 425, 429, 5xx or a 4xx that is
/// not registered with IANA it polls again, unless there has been no status for 5 min ([`Poll::with_max_outage`]). In
/// the first 30 s, a 404 is taken to mean that the job is not visible yet. Blocks for at most the timeout of `poll`
/// plus one request.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the job's id: `JobFailed`; `StillRunning` on timeout (call again to
/// resume waiting); `Rejected` at once for a refusal such as 401 or 403; `Connect`, `Rejected` or `NoAnswer` after an
/// outage, with the last failure as its source.
///
/// ```no_run
/// use mendix_deploy::{ErrorKind, Poll, wait_for_job};
///
/// # let client = mendix_deploy::Client::from_env()?;
/// match wait_for_job(&client, &"calc".parse()?, &"66046953-ecf7-4550".parse()?, &Poll::default()) {
///     Err(error) if error.kind() == ErrorKind::StillRunning => eprintln!("later: {error}"),
///     result => result?,
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn wait_for_job(client: &Client, app: &AppId, job: &JobId, poll: &Poll) -> Result<()> {
    let subject = Job { client, app, id: job };
    let call = subject.call();
    let status = poll::until(poll, &mut Instant::now(), &subject, || call.once(Job::read));
    let last = status.map_err(|error| error.with_job(job))?;
    match last.status {
        JobStatus::Completed => Ok(()),
        _ => Err(failed(app, job, last.reason.as_deref())),
    }
}

/// One request. An error if the job has failed, or if its status cannot be had.
pub(crate) fn check_not_failed(client: &Client, app: &AppId, job: &JobId) -> Result<()> {
    let subject = Job { client, app, id: job };
    let Report { status, reason } = subject.call().once(Job::read)?.status;
    if status == JobStatus::Failed { Err(failed(app, job, reason.as_deref())) } else { Ok(()) }
}

fn failed(app: &AppId, job: &JobId, reason: Option<&str>) -> Error {
    let failed = format!("job {job} failed, so there is no package to deploy");
    let message = match reason {
        Some(reason) => format!("{failed}; the API says \"{reason}\"; see also the Environments page of app {app}"),
        None => format!(
            "{failed}; the API gives no reason; check the Environments page of app {app}, and whether the package has \
             more than 1 GB or 64,000 files when unpacked"
        ),
    };
    Error::new(ErrorKind::JobFailed, message).with_job(job)
}

/// What a poll says of a job.
#[derive(PartialEq)]
struct Report {
    status: JobStatus,
    /// Why the job has failed, if it has and the API gives a reason. The specification names no field for it.
    reason: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

struct Job<'a> {
    client: &'a Client,
    app: &'a AppId,
    id: &'a JobId,
}

impl<'a> Job<'a> {
    fn call(&self) -> Call<'a> {
        let path = format!("/api/v2/apps/{}/jobs/{}", self.app, self.id);
        let what = format!("the request for the status of {}", self.name());
        Call::get(self.client, path, what, "no job of this app has that id: check both".to_owned())
    }

    fn read(reply: &Reply) -> Option<Polled<Report>> {
        let object = reply.json();
        let status = JobStatus::of(&object);
        if status.as_str().is_empty() {
            return None;
        }
        let reason = if status == JobStatus::Failed { read_reason(&object) } else { None };
        Some(Polled { status: Report { status, reason }, retry_after: reply.retry_after })
    }
}

/// The first of [`REASONS`] for which there is text.
fn read_reason(object: &Object) -> Option<String> {
    REASONS.iter().find_map(|part| object.text_like(part))
}

impl Subject for Job<'_> {
    type Status = Report;

    const MAY_APPEAR_LATE: bool = true;

    fn name(&self) -> String {
        format!("job {} of app {}", self.id, self.app)
    }

    fn resume(&self) -> &'static str {
        "call wait_for_job with this job"
    }

    fn has_ended(&self, report: &Report) -> bool {
        matches!(report.status, JobStatus::Completed | JobStatus::Failed)
    }

    fn polled(&self, report: &Report, elapsed: Duration, next_poll: Option<Duration>, routine: bool) {
        let (app, job_id, status) = (self.app.clone(), self.id.clone(), report.status.clone());
        self.client.notify(&Event::Polled { app, job_id, status, elapsed, next_poll, routine });
    }

    fn poll_failed(&self, error: &Error, outage: Duration, next_poll: Duration, routine: bool) {
        let subject = format!("job {}", Short(self.id.as_str()));
        let (app, reason) = (self.app.clone(), self.call().reason(error));
        self.client.notify(&Event::PollFailed { app, subject, outage, next_poll, reason, routine });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Secrets;

    #[test]
    fn the_reason_of_a_failure_is_read_from_any_likely_field() {
        let read = |body: &str| read_reason(&Object::of(body.as_bytes(), &Secrets::new(["s3cret"])));
        for field in ["Message", "reason", "Error", "errorMessage", "FailureReason", "Details", "StatusDescription"] {
            let body = format!(r#"{{"Status":"Failed","Other":"x","{field}":" no\r\nroom ##vso[s3cret] "}}"#);
            assert_eq!(read(&body).as_deref(), Some("no room # #vso[[secret]]"), "{field}");
        }
        assert_eq!(read(r#"{"ErrorCode":"X","Message":"no room"}"#).as_deref(), Some("no room"));
        assert_eq!(read(r#"{"Message":"no room","MessageId":"m-1"}"#).as_deref(), Some("no room"));
        assert_eq!(read(r#"{"Message":"","Reason":null,"Error":"X"}"#).as_deref(), Some("X"));
        for none in [r#"{"Status":"Failed"}"#, r#"{"Message":" ","Error":7}"#, "", "[]"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
