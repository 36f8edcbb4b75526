//! Deploy API v2, "Job Status": polls a job, once or until it has ended.

#[cfg(feature = "cli")]
use std::time::Duration;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::event::Subject;
use crate::http::Reply;
use crate::id::{AppId, JobId};
use crate::json::Object;
use crate::status::JobStatus;
use crate::wait::{Polled, Wait};

/// Parts of names of fields that may contain the reason of a failed job.
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
/// let (app, job) = ("calc".parse()?, "66046953-ecf7-4550".parse()?);
/// let status = mendix_deploy::job_status(&client, &app, &job)?;
/// println!("{status}");
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn job_status(client: &Client, app: &AppId, job: &JobId) -> Result<JobStatus> {
    call(client, app, job).with_retry(read).map_err(|error| error.with_job(job))
}

/// Waits until the job has completed. `Ok` means that it has.
///
/// Temporary failures of the API do not end the wait: after a transport failure, 408, 425, 429, 5xx or a 4xx that is not
/// registered with IANA it polls again, unless there has been no status for 5 min
/// ([`Poll::with_max_outage`](crate::Poll::with_max_outage)). Once there was a status, it also polls again after a refusal
/// that is not in the API's format, as from a gateway, and after a single 401 or 403 of the API, but not after two in a row.
/// In the first 30 s, a 404 means that the job is not visible yet. Blocks for at most the timeout of [`Poll`](crate::Poll)
/// plus one request.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the job's id: `JobFailed`; `StillRunning` on timeout (call again to
/// resume waiting); `Rejected` for a refusal such as 401 or 403; `Connect`, `Rejected` or `NoAnswer` after an outage, with the
/// last failure as its source.
///
/// ```no_run
/// use mendix_deploy::{ErrorKind, wait_for_job};
///
/// # let client = mendix_deploy::Client::from_env()?;
/// match wait_for_job(&client, &"calc".parse()?, &"66046953-ecf7-4550".parse()?) {
///     Err(error) if error.kind() == ErrorKind::StillRunning => eprintln!("later: {error}"),
///     result => result?,
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn wait_for_job(client: &Client, app: &AppId, job: &JobId) -> Result<()> {
    wait(client, app, job, |wait| wait.resumed_by("resume the wait", "wait_for_job"))
}

/// The same as a step of another call, which adapts it by `set`.
pub(crate) fn wait<'a>(
    client: &'a Client,
    app: &'a AppId,
    job: &JobId,
    set: impl FnOnce(Wait<'a>) -> Wait<'a>,
) -> Result<()> {
    let (call, subject) = (call(client, app, job), Subject::Job(job.clone()));
    let wait = set(Wait::new(client, app, subject, format!("waiting for {}", name(app, job))).may_appear_late());
    let read = |reply: &Reply| {
        let status = read(reply)?;
        let end = match status {
            JobStatus::Completed => Some(Ok(())),
            JobStatus::Failed => Some(Err(failed(app, job, reply))),
            _ => None,
        };
        Some(Polled::at(status, reply.retry_after).with_end(end))
    };
    wait.until_end(|| call.once(read)).map_err(|error| error.with_job(job))
}

/// Makes one request. Fails if the job has failed, or if its status cannot be read.
pub(crate) fn check_not_failed(client: &Client, app: &AppId, job: &JobId) -> Result<()> {
    call(client, app, job).once(|reply| match read(reply)? {
        JobStatus::Failed => Some(Err(failed(app, job, reply))),
        _ => Some(Ok(())),
    })?
}

/// Makes one request. Returns the status and `Retry-After`.
#[cfg(feature = "cli")]
pub(crate) fn one(client: &Client, app: &AppId, job: &JobId) -> Result<(JobStatus, Option<Duration>)> {
    call(client, app, job).once(|reply| Some((read(reply)?, reply.retry_after)))
}

fn call<'a>(client: &'a Client, app: &'a AppId, job: &JobId) -> Call<'a> {
    let what = format!("the request for the status of {}", name(app, job));
    let not_found = "no job of this app has that id: check the app and the job".to_owned();
    Call::v2(client, app, format!("/jobs/{job}"), what, not_found)
}

fn name(app: &AppId, job: &JobId) -> String {
    format!("job {job} of app {app}")
}

fn read(reply: &Reply) -> Option<JobStatus> {
    Some(JobStatus::of(&reply.json())).filter(|status| !status.as_str().is_empty())
}

/// Builds the error of a failed job. The specification has no field for a reason, so likely names are tried.
fn failed(app: &AppId, job: &JobId, reply: &Reply) -> Error {
    let failed = format!("job {job} failed, so there is no package");
    let (message, advice) = match read_reason(&reply.json()) {
        Some(reason) => {
            (format!("{failed}; the API says \"{reason}\""), format!("see also the Environments page of app {app}"))
        }
        None => (
            format!("{failed}; the API gives no reason"),
            format!(
                "check the Environments page of app {app}, and whether it has more than 1 GB or 64,000 files when unpacked"
            ),
        ),
    };
    Error::new(ErrorKind::JobFailed, message).with_advice(Advice::new(advice, &[])).with_job(job)
}

/// The text for the first of [`REASONS`] that a field matches.
fn read_reason(object: &Object) -> Option<String> {
    REASONS.iter().find_map(|part| object.text_like(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

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
