//! Brings a package from disk to a running environment of Mendix Cloud: uploads it, waits until it can be deployed, stops the
//! app, transports the package, and starts the app. **The app is down in between.**
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example deploy -- APP_ID ENVIRONMENT FILE NAME
//! cargo run --example deploy -- APP_ID ENVIRONMENT --package PACKAGE_ID
//! ```
//!
//! The name is one that no other build has. After an error or an interruption, run the same command again: what is there is
//! not uploaded a second time. `--package` deploys what was uploaded before, to go back, for example. `--production` allows a
//! production environment; `--restart` stops and starts the app even if it runs.
//!
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the app runs.

mod progress;

use std::process::ExitCode;

use anyhow::bail;
use mendix_deploy::{AppId, Client, Deploy, EnvironmentName, Upload, deploy_package, upload_and_deploy};
use progress::Progress;
use serde_json::{Value, json};

const USAGE: &str = "usage: deploy [--production] [--restart] APP_ID ENVIRONMENT (FILE NAME | --package PACKAGE_ID)";

fn main() -> ExitCode {
    progress::exit_code(run())
}

fn run() -> anyhow::Result<Value> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (flags, args): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|arg| matches!(*arg, "--production" | "--restart"));
    let [app, environment, file, name] = args[..] else { bail!(USAGE) };
    let (app, environment): (AppId, EnvironmentName) = (app.parse()?, environment.parse()?);
    let mut deploy = Deploy::default().with_restart(flags.contains(&"--restart"));
    if flags.contains(&"--production") {
        deploy = deploy.allow_production();
    }
    let progress = Progress::new();
    let client = progress.watching(Client::from_env()?);
    let deployed = if file == "--package" {
        deploy_package(&client, &app, &environment, &name.parse()?, &deploy)
    } else {
        let upload = Upload::new(file).with_name(name).skip_existing();
        upload_and_deploy(&client, &app, &environment, &upload, &deploy)
    };
    progress.end();
    let deployed = deployed?;
    Ok(json!({
        "PackageId": deployed.package,
        "Environment": environment,
        "Status": "Running",
        "Url": deployed.url,
        "PreviousPackageId": deployed.previous,
    }))
}
