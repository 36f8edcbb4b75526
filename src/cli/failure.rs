//! What an error means for somebody at a shell: its exit status, its message in the words of the command, and the command to run
//! next.

use std::io::{Write, stderr};
use std::process::ExitCode;

use mendix_deploy::{AppId, EnvironmentName, Error, ErrorKind, JobId, PackageId};

use super::args::{Command, DeployArgs, Timeout, UploadArgs, VerifyArgs};
use super::shell;

pub(crate) const WRONG_INPUT: u8 = 2;
const NOT_YET: u8 = 3;
const UNKNOWN: u8 = 4;
pub(crate) const FAILED: u8 = 5;
const DOWN: u8 = 6;

/// The flags of the settings that messages name. What else they name has no flag: the next command does it, or nothing does.
const FLAGS: [(&str, &str); 5] = [
    ("Deploy::allow_production", "--production"),
    ("Deploy::with_restart", "--restart"),
    ("Upload::with_name", "--name"),
    ("Upload::skip_existing", "--skip-existing"),
    ("Poll::with_timeout", "--timeout"),
];

/// Writes it to stderr.
pub(crate) fn report(error: &Error, command: &Command) -> ExitCode {
    let causes = anyhow::Chain::new(error).skip(1).map(|cause| {
        let cause = cause.downcast_ref::<Error>().map_or_else(|| cause.to_string(), message);
        format!("  caused by: {cause}\n")
    });
    let (message, next) = (message(error), next(error, command));
    let text = format!("error: {message}\n{}next: {next}\n", causes.collect::<String>());
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

/// The message, with the flags of this command in place of functions and settings.
fn message(error: &Error) -> String {
    let (text, names) = (error.to_string(), error.names());
    let flags: Vec<_> = FLAGS.iter().filter(|(name, _)| names.contains(name)).map(|(_, flag)| *flag).collect();
    let ours = if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(", ")) };
    match text.rsplit_once(&format!(" ({})", names.join(", "))) {
        Some((before, after)) if !names.is_empty() => format!("{before}{ours}{after}"),
        _ => text,
    }
}

/// The command that continues, or that shows what there is if somebody has to decide.
fn next(error: &Error, command: &Command) -> String {
    let words = match command {
        Command::Deploy(args) => after_deploy(error, args),
        Command::Upload(args) => after_upload(error, args),
        Command::Verify(args) => after_verify(error, args),
        Command::Wait(args) if error.kind() == ErrorKind::JobFailed => Some(status(&args.app)),
        _ => None,
    };
    let same = || {
        let given = std::env::args_os().skip(1).map(|arg| arg.into_string().ok()).collect::<Option<Vec<_>>>()?;
        let production = (error.kind() == ErrorKind::NotAllowed).then(|| "--production".to_owned());
        Some(given.into_iter().chain(production).collect())
    };
    words.or_else(same).and_then(|words| shell::line(&words)).unwrap_or_else(|| "run the same command again".to_owned())
}

/// `None` is the same command.
fn after_deploy(error: &Error, args: &DeployArgs) -> Option<Vec<String>> {
    let DeployArgs { app, environment, .. } = args;
    match (error.package_id(), error.job_id()) {
        (Some(package), _) if !error.needs_another_package() => {
            let mut words = deploy(app, environment, package, args.production);
            words.extend((args.restart || error.needs_restart()).then(|| "--restart".into()));
            if let Some(Timeout(timeout)) = args.timeout {
                words.extend(["--timeout".into(), format!("{}s", timeout.as_secs())]);
            }
            Some(words)
        }
        (None, Some(job)) if error.kind() == ErrorKind::OutcomeUnknown => Some(wait(app, job)),
        _ if error.kind() == ErrorKind::OutcomeUnknown || args.package.is_some() && error.needs_another_package() => {
            Some(status(app))
        }
        _ => None,
    }
}

/// `None` is the same command, which must not upload a second time.
fn after_upload(error: &Error, UploadArgs { app, .. }: &UploadArgs) -> Option<Vec<String>> {
    match error.job_id() {
        _ if error.is_transient() || error.needs_another_package() => None,
        Some(job) => Some(wait(app, job)),
        None => error.may_have_been_accepted().then(|| status(app)),
    }
}

/// `None` is the same command, which would upload another package.
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

fn deploy(app: &AppId, environment: &EnvironmentName, package: &PackageId, production: bool) -> Vec<String> {
    let words = ["deploy", app.as_str(), environment.as_str(), "--package", package.as_str()];
    words.into_iter().chain(production.then_some("--production")).map(str::to_owned).collect()
}

fn wait(app: &AppId, job: &JobId) -> Vec<String> {
    vec!["wait".into(), app.to_string(), job.to_string()]
}

fn status(app: &AppId) -> Vec<String> {
    vec!["status".into(), app.to_string()]
}
