//! Deploy API v2, "Job Status": ask once how far a job is.

use std::time::Duration;

use crate::answer::{self, Refusal, is_later, is_refusal};
use crate::client::Client;
use crate::credentials::ApiKey;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{self, Failure, Reply, Request, Stage};
use crate::id::{AppId, JobId};
use crate::json;
use crate::retry::repeat;
use crate::status::JobStatus;
use crate::text;

const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// A status that this crate does not know is kept up to so many characters.
const OTHER_MAX: usize = 64;

/// Asks for the status of a job, once. A job that failed is a status here, not an error.
///
/// Blocks for at most the connect limit twice and the response limit (60 s by default), for each attempt that
/// [`Retry`](crate::Retry) allows; failed attempts are repeated if the error is transient.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Connect`, `Rejected` (401, 403, 404 and the like), or `NoAnswer` if no
/// usable answer came. Each holds the job's id.
///
/// ```no_run
/// # let client = mendix_deploy::Client::from_env()?;
/// let status = mendix_deploy::job_status(&client, &"calc".parse()?, &"66046953-ecf7-4550".parse()?)?;
/// println!("{status}");
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn job_status(client: &Client, app: &AppId, job: &JobId) -> Result<JobStatus> {
    repeat(&client.retry, &|event| client.notify(event), || ask(client, app, job))
}

/// One GET, not repeated.
pub(crate) fn ask(client: &Client, app: &AppId, job: &JobId) -> Result<JobStatus> {
    let answer_limit = client.response_timeout.unwrap_or(ANSWER_LIMIT);
    let path = format!("/apps/{app}/jobs/{job}");
    let status = match http::send(&client.endpoint, Request { path: &path, body: None, answer_limit }) {
        Ok(reply) => read(client, &reply, app, job),
        Err(failure) => Err(failed(failure, app, job)),
    };
    status.map_err(|error| error.with_job(job))
}

fn read(client: &Client, reply: &Reply, app: &AppId, job: &JobId) -> Result<JobStatus> {
    let key = &client.endpoint.api_key;
    let error = match reply.status {
        200..=299 => match json::text(&reply.body, "Status") {
            Some(status) if !status.is_empty() => return Ok(read_status(&status, key)),
            _ => unknown(app, job, &answer::no_use(reply, key)),
        },
        status if is_refusal(status) || is_later(status) => {
            let what = format!("asking for the status of job {job} of app {app}");
            let not_found = "is the id right, and does the job belong to this app?".to_owned();
            return Err(answer::rejected(client, reply, &what, not_found));
        }
        status => {
            let said = Refusal::of_reply(reply, key);
            unknown(app, job, &said.as_answer(status)).with_code(said.code)
        }
    };
    let error = error.with_status(reply.status).with_retry_after(reply.retry_after);
    Err(answer::because_cut_short(error, reply))
}

/// An unknown status came from the server, so it is sanitized and cut.
fn read_status(said: &str, key: &ApiKey) -> JobStatus {
    JobStatus::known(said)
        .unwrap_or_else(|| JobStatus::Other(text::beginning(&answer::shown(said, key), OTHER_MAX).to_owned()))
}

fn unknown(app: &AppId, job: &JobId, how: &str) -> Error {
    Error::new(ErrorKind::NoAnswer, format!("the status of job {job} of app {app} is not known: {how}"))
}

fn failed(Failure { stage, cause }: Failure, app: &AppId, job: &JobId) -> Error {
    let error = match stage {
        Stage::Connecting { target, reason, hint, transient } => {
            let message = format!("cannot connect to {target}: {reason}{hint}");
            Error::new(ErrorKind::Connect, message).with_transient(transient)
        }
        Stage::ReadingBody | Stage::Sending | Stage::AwaitingAnswer => unknown(app, job, "no usable answer came"),
    };
    error.with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_without_case_and_an_unknown_one_is_kept() {
        let key = ApiKey::new("s3cret").unwrap();
        let read = |text| read_status(text, &key);
        assert_eq!(read("completed"), JobStatus::Completed);
        assert_eq!(read(" QUEUED\n"), JobStatus::Queued);
        assert_eq!(read("\u{b}Completed\u{a0}"), JobStatus::Completed);
        assert_eq!(read_status("Completed", &ApiKey::new("e").unwrap()), JobStatus::Completed);
        assert_eq!(read("Paused"), JobStatus::Other("Paused".into()));
        assert_eq!(read("Completed?").to_string(), "Completed?");
        assert_eq!(read("\u{1b}[2Js3cret"), JobStatus::Other("[2J[key]".into()));
        assert_eq!(read(&"x".repeat(3000)).as_str().len(), OTHER_MAX);
    }
}
