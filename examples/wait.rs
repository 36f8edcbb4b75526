//! Resumes waiting for a job, for example after `upload` timed out or the build was killed.
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example wait -- APP_ID JOB_ID
//! ```
//!
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the job completed.

mod progress;

use mendix_deploy::{Client, ErrorKind, JobId, Poll, wait_for_job};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [app, job] = args.as_slice() else { anyhow::bail!("usage: wait APP_ID JOB_ID") };
    let (app, job): (_, JobId) = (app.parse()?, job.parse()?);
    let client = Client::from_env()?.on_event(progress::display());

    wait_for_job(&client, &app, &job, &Poll::default()).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::JobFailed => "the upload was accepted, but its job failed".to_owned(),
            _ => format!("to go on waiting: cargo run --example wait -- {app} {job}"),
        };
        anyhow::Error::new(error).context(advice)
    })?;
    println!("{}", serde_json::json!({ "JobId": job, "Status": "Completed" }));
    Ok(())
}
