//! Uploads a package to Mendix Cloud and waits until it can be deployed.
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example upload -- APP_ID FILE [NAME]
//! ```
//!
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the job completed.

mod progress;

use anyhow::Context;
use mendix_deploy::{Client, ErrorKind, Poll, Upload, upload_and_wait};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (app, file, name) = match args.as_slice() {
        [app, file] => (app, file, None),
        [app, file, name] => (app, file, Some(name)),
        _ => anyhow::bail!("usage: upload APP_ID FILE [NAME]"),
    };
    let app = app.parse()?;
    let upload = match name {
        Some(name) => Upload::default().with_name(name),
        None => Upload::default(),
    };
    let client = Client::from_env()?.on_event(progress::display());

    let uploaded = upload_and_wait(&client, &app, file, &upload, &Poll::default()).map_err(|error| {
        let advice = match (error.kind(), error.job_id()) {
            (ErrorKind::JobFailed, _) => "the upload was accepted, but its job failed".to_owned(),
            (_, Some(job)) => format!("to go on waiting: cargo run --example wait -- {app} {job}"),
            _ if error.may_have_been_accepted() => "a package may exist: check before you upload again".to_owned(),
            _ => "no package was made".to_owned(),
        };
        anyhow::Error::new(error).context(advice)
    })?;
    let mut answer = serde_json::to_value(&uploaded)?;
    answer.as_object_mut().context("an object")?.insert("Status".to_owned(), "Completed".into());
    println!("{answer}");
    Ok(())
}
