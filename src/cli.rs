//! The subcommands: a few calls of the library each, progress on stderr, and one JSON object on stdout.

mod args;
mod emulator;
mod failure;
mod overview;
mod progress;
mod shell;
mod verify;
mod words;

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;

use clap::Parser;
use mendix_deploy::{
    Client, Deploy, Poll, Result, Upload, check, deploy_package, environment, upload_and_deploy, upload_and_wait,
    wait_for_job,
};
use serde_json::{Value, json};

use args::{Args, CheckArgs, Command, DeployArgs, Timeout, UploadArgs, WaitArgs};
use progress::Progress;

pub(crate) fn run() -> ExitCode {
    let Args { command } = Args::parse();
    let progress = Progress::new();
    let show = |answer: Value| {
        progress.end();
        print(&answer);
        ExitCode::SUCCESS
    };
    let done = match &command {
        Command::Deploy(args) => deploy(args, &progress).map(show),
        Command::Upload(args) => upload(args, &progress).map(show),
        Command::Wait(args) => wait(args, &progress).map(show),
        Command::Check(args) => only_check(args, &progress).map(show),
        Command::Status { app } => client(&progress, None).and_then(|client| {
            let (shown, error) = overview::of(&client, app)?;
            let done = show(shown);
            error.map_or(Ok(done), Err)
        }),
        Command::Verify(args) => client(&progress, None).and_then(|client| verify::run(&client, args, &progress)),
        Command::Emulator { port } => return emulator::run(*port),
    };
    done.unwrap_or_else(|error| {
        progress.end();
        failure::report(&error, &command)
    })
}

/// Prints on one line for a program, and on several for a terminal.
fn print(answer: &Value) {
    let text = if stdout().is_terminal() { format!("{answer:#}") } else { answer.to_string() };
    // The work is done, even if nobody reads the result.
    let _ = writeln!(stdout(), "{text}");
}

fn client(progress: &Progress, timeout: Option<Timeout>) -> Result<Client> {
    let client = progress.watching(Client::from_env()?);
    Ok(match timeout {
        Some(Timeout(timeout)) => client.with_poll(Poll::default().with_timeout(timeout)),
        None => client,
    })
}

fn deploy(args: &DeployArgs, progress: &Progress) -> Result<Value> {
    let DeployArgs { app, environment, .. } = args;
    let client = client(progress, args.timeout)?;
    let mut deploy = Deploy::default().with_restart(args.restart);
    if args.production {
        deploy = deploy.allow_production();
    }
    let deployed = match (&args.package, &args.file) {
        (Some(package), _) => deploy_package(&client, app, environment, package, &deploy),
        // clap has checked that there is one of the two.
        (None, file) => {
            let upload = args.named.upload(&file.clone().unwrap_or_default());
            upload_and_deploy(&client, app, environment, &upload, &deploy)
        }
    }?;
    Ok(json!({
        "PackageId": deployed.package,
        "Environment": environment,
        "Status": "Running",
        "Url": deployed.url,
        "PreviousPackageId": deployed.previous,
        "Changed": deployed.changed,
    }))
}

fn upload(args: &UploadArgs, progress: &Progress) -> Result<Value> {
    let client = client(progress, args.timeout)?;
    let package = upload_and_wait(&client, &args.app, &args.named.upload(&args.file))?;
    Ok(json!({ "PackageId": package, "Status": "Succeeded" }))
}

fn wait(args: &WaitArgs, progress: &Progress) -> Result<Value> {
    wait_for_job(&client(progress, args.timeout)?, &args.app, &args.job)?;
    Ok(json!({ "JobId": args.job, "Status": "Completed" }))
}

fn only_check(args: &CheckArgs, progress: &Progress) -> Result<Value> {
    let client = client(progress, None)?;
    check(&client, &args.app, &Upload::new(&args.file))?;
    let environment = args.environment.as_ref().map(|name| environment(&client, &args.app, name)).transpose()?;
    Ok(json!({ "Check": "passed", "Environment": environment.as_ref().map(overview::of_environment) }))
}
