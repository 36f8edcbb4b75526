//! Resumes waiting for a job, for example after `upload` timed out or the build was killed.
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example wait -- APP_ID JOB_ID
//! ```
//!
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the job completed.

mod progress;

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use mendix_deploy::{AppId, Client, JobId, wait_for_job};
use progress::Progress;

fn main() -> ExitCode {
    progress::exit_code(run())
}

fn run() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [app, job] = &args[..] else { bail!("usage: wait APP_ID JOB_ID") };
    let (app, job): (AppId, JobId) = (app.parse()?, job.parse()?);
    let progress = Progress::new();
    let shown = progress.clone();
    let client = Client::from_env()?.on_event(move |event| shown.show(event));

    let result = wait_for_job(&client, &app, &job);
    progress.end();
    result.map_err(|error| progress::explain(&app, error))?;
    let answer = serde_json::json!({ "JobId": job, "Status": "Completed" });
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}
