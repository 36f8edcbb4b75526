//! Deploy API v2, "Job Status": ask once how far a job is.

use crate::answer;
use crate::call::Call;
use crate::client::Client;
use crate::credentials::ApiKey;
use crate::error::Result;
use crate::http::Reply;
use crate::id::{AppId, JobId};
use crate::json;
use crate::status::JobStatus;
use crate::text;

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
    let key = &client.endpoint.api_key;
    call(client, app, job).with_retry(|reply| status(reply, key)).map_err(|error| error.with_job(job))
}

/// Asks once, for [`wait_for_job`](crate::wait_for_job).
pub(crate) fn ask(client: &Client, app: &AppId, job: &JobId) -> Result<JobStatus> {
    let key = &client.endpoint.api_key;
    call(client, app, job).once(|reply| status(reply, key)).map_err(|error| error.with_job(job))
}

fn call<'a>(client: &'a Client, app: &AppId, job: &JobId) -> Call<'a> {
    Call {
        client,
        path: format!("/apps/{app}/jobs/{job}"),
        what: format!("the status of job {job} of app {app}"),
        not_found: "is the id right, and does the job belong to this app?",
    }
}

fn status(reply: &Reply, key: &ApiKey) -> Option<JobStatus> {
    let said = json::text(&reply.body, "Status").filter(|said| !said.is_empty())?;
    Some(read_status(&said, key))
}

/// An unknown status came from the server, so it is sanitized and cut.
fn read_status(said: &str, key: &ApiKey) -> JobStatus {
    JobStatus::known(said)
        .unwrap_or_else(|| JobStatus::Other(text::beginning(&answer::shown(said, key), OTHER_MAX).to_owned()))
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
