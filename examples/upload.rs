//! Uploads a package to Mendix Cloud and waits until it can be deployed; with `--check` it only checks whether it could.
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example upload -- --check APP_ID FILE
//! cargo run --example upload -- APP_ID FILE [NAME]
//! ```
//!
//! With a name that no other build has, the same command can be run again: what is there is not uploaded a second time.
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the package can be deployed, or the
//! check passed.

mod progress;

use std::process::ExitCode;

use anyhow::bail;
use mendix_deploy::{AppId, Client, Event, Upload, check, upload_and_wait};
use progress::Progress;
use serde_json::{Value, json};

fn main() -> ExitCode {
    progress::exit_code(run())
}

fn run() -> anyhow::Result<Value> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--check", app, file] => only_check(&app.parse()?, file),
        [app, file] => upload(&app.parse()?, &Upload::new(file)),
        [app, file, name] => upload(&app.parse()?, &Upload::new(file).with_name(name).skip_existing()),
        _ => bail!("usage: upload [--check] APP_ID FILE [NAME]"),
    }
}

fn only_check(app: &AppId, file: &str) -> anyhow::Result<Value> {
    let client = Client::from_env()?.on_event(Event::log_to_stderr);
    check(&client, app, &Upload::new(file))?;
    Ok(json!({ "Check": "passed" }))
}

fn upload(app: &AppId, upload: &Upload) -> anyhow::Result<Value> {
    let progress = Progress::new();
    let package = upload_and_wait(&progress.watching(Client::from_env()?), app, upload);
    progress.end();
    Ok(json!({ "PackageId": package?, "Status": "Succeeded" }))
}
