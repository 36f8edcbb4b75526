//! What an error means at a shell: the exit status, and the command to run next.

use std::io::{Write, stderr};
use std::process::ExitCode;

use mendix_deploy::{AppId, EnvironmentName, Error, ErrorKind, JobId, PackageId};

use super::args::{Command, DeployArgs, Timeout, UploadArgs, VerifyArgs};
use super::{shell, words};

pub(crate) const WRONG_INPUT: u8 = 2;
const NOT_YET: u8 = 3;
const UNKNOWN: u8 = 4;
pub(crate) const FAILED: u8 = 5;
const DOWN: u8 = 6;

/// Writes it to stderr.
pub(crate) fn report(error: &Error, command: &Command) -> ExitCode {
    let causes = anyhow::Chain::new(error).skip(1).map(|cause| format!("  caused by: {cause}\n"));
    let said = words::of_the_command(&format!("error: {error}\n{}", causes.collect::<String>()));
    let text = format!("{said}next: {}\n", next(error, command));
    // One write, so that lines of several commands do not mix.
    let _ = stderr().write_all(text.as_bytes());
    ExitCode::from(exit_status(error))
}

fn exit_status(error: &Error) -> u8 {
    use ErrorKind::{Config, File, JobFailed, NotAllowed, Overtaken, Rejected, StartFailed};
    match error.kind() {
        _ if error.app_may_be_down() => DOWN,
        Config | File | NotAllowed => WRONG_INPUT,
        // Never if the same command would upload a second time.
        _ if error.is_transient() => NOT_YET,
        Rejected | JobFailed | StartFailed | Overtaken => FAILED,
        _ if error.may_have_been_accepted() => UNKNOWN,
        _ => FAILED,
    }
}

/// The command that resumes, or `status` where a person has to decide.
fn next(error: &Error, command: &Command) -> String {
    let other = match command {
        Command::Deploy(args) => after_deploy(error, args),
        Command::Upload(args) => after_upload(error, args),
        Command::Verify(args) => after_verify(error, args),
        Command::Wait(args) if error.kind() == ErrorKind::JobFailed => Some(status(&args.app)),
        _ => None,
    };
    let asks_for_permission = error.kind() == ErrorKind::NotAllowed;
    let same = || {
        let mut given = std::env::args_os().skip(1).map(|arg| arg.into_string().ok()).collect::<Option<Vec<_>>>()?;
        if asks_for_permission {
            // Right after the subcommand, because `--` may come later.
            given.insert(given.len().min(1), "--production".to_owned());
        }
        Some(given)
    };
    other.or_else(same).and_then(|words| shell::line(&words)).unwrap_or_else(|| {
        let with = if asks_for_permission { " with --production" } else { "" };
        format!("run the same command again{with}")
    })
}

/// `None` is the same command.
fn after_deploy(error: &Error, args: &DeployArgs) -> Option<Vec<String>> {
    let DeployArgs { app, environment, .. } = args;
    // A package that has failed is not found.
    let finds_it_again = args.package.is_some() || args.named.skip_existing && error.kind() != ErrorKind::JobFailed;
    match (error.package_id(), error.job_id()) {
        (Some(package), _) if !error.needs_another_package() => {
            let production = args.production || error.kind() == ErrorKind::NotAllowed;
            let mut words = deploy(app, environment, package, production);
            words.extend((args.restart || error.needs_restart()).then(|| "--restart".into()));
            Some(with_timeout(words, args.timeout))
        }
        (None, Some(job)) if error.kind() == ErrorKind::OutcomeUnknown => {
            Some(with_timeout(wait(app, job), args.timeout))
        }
        _ if error.kind() == ErrorKind::OutcomeUnknown || finds_it_again && error.needs_another_package() => {
            Some(status(app))
        }
        _ => None,
    }
}

/// `None` is the same command, unless that could upload a second time.
fn after_upload(error: &Error, UploadArgs { app, timeout, .. }: &UploadArgs) -> Option<Vec<String>> {
    match error.job_id() {
        _ if error.needs_another_package() => None,
        Some(job) => Some(with_timeout(wait(app, job), *timeout)),
        None if error.is_transient() => None,
        None => error.may_have_been_accepted().then(|| status(app)),
    }
}

/// `None` is the same command, if nothing was uploaded yet.
fn after_verify(
    error: &Error,
    VerifyArgs { app, environment, deploy: deploys, production, .. }: &VerifyArgs,
) -> Option<Vec<String>> {
    match (error.package_id(), environment) {
        (Some(package), Some(environment)) if *deploys && !error.needs_another_package() => {
            Some(deploy(app, environment, package, *production))
        }
        _ => error.may_have_been_accepted().then(|| status(app)),
    }
}

pub(crate) fn deploy(app: &AppId, environment: &EnvironmentName, package: &PackageId, production: bool) -> Vec<String> {
    let words = ["deploy", app.as_str(), environment.as_str(), "--package", package.as_str()];
    words.into_iter().chain(production.then_some("--production")).map(str::to_owned).collect()
}

fn wait(app: &AppId, job: &JobId) -> Vec<String> {
    vec!["wait".into(), app.to_string(), job.to_string()]
}

fn with_timeout(mut words: Vec<String>, timeout: Option<Timeout>) -> Vec<String> {
    words.extend(timeout.iter().flat_map(|Timeout(time)| ["--timeout".to_owned(), format!("{}s", time.as_secs())]));
    words
}

fn status(app: &AppId) -> Vec<String> {
    vec!["status".into(), app.to_string()]
}
