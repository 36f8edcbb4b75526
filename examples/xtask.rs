//! A complete `cargo xtask`: `deploy` uploads a package and, if an environment is given, brings it there; `wait` and
//! `resume` go on after an interruption. Its tests need no account.
//!
//! In a project this is `xtask/src/main.rs`, with `mendix-deploy` and `anyhow` as its dependencies, and `mendix-deploy`
//! with the feature `emulator` as a dev-dependency for the tests. The alias is in `.cargo/config.toml`:
//!
//! ```toml
//! [alias]
//! xtask = "run --package xtask --"
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use mendix_deploy::{AppId, Client, Deploy, EnvironmentName, ErrorKind, Event, JobId, PackageId, Poll, Retry, Upload};
use mendix_deploy::{deploy_package, environment, upload_and_wait, wait_for_job};

const USAGE: &str = "usage: cargo xtask deploy APP_ID PACKAGE.mda [ENVIRONMENT], cargo xtask wait APP_ID JOB_ID, or \
                     cargo xtask resume APP_ID ENVIRONMENT PACKAGE_ID";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let build = std::env::var("BUILD_NUMBER").unwrap_or_else(|_| "local".into());
    let client = || {
        let poll = Poll::default().with_timeout(Duration::from_secs(60 * 60));
        let client = Client::from_env()?.with_retry(Retry::default().with_attempts(5)).with_poll(poll);
        Ok(client.on_event(Event::log_to_stderr))
    };
    match run(&args, &build, client) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        // Without a backtrace, whatever `RUST_BACKTRACE` says.
        Err(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns what to print. There is a client only if the arguments are right.
fn run(args: &[&str], build: &str, client: impl FnOnce() -> mendix_deploy::Result<Client>) -> anyhow::Result<String> {
    match args {
        ["deploy", app, package] => {
            let package = upload(&client()?, &app.parse()?, Path::new(package), build)?;
            Ok(format!("package {package} is ready to be deployed"))
        }
        ["deploy", app, package, to] => {
            let (client, app, name) = (client()?, app.parse()?, to.parse()?);
            // Before anything is uploaded. It takes `Deploy::allow_production` to deploy to one.
            if environment(&client, &app, &name)?.production {
                bail!("{name} is a production environment");
            }
            let package = upload(&client, &app, Path::new(package), build)?;
            deploy(&client, &app, &name, &package)
        }
        ["resume", app, to, package] => deploy(&client()?, &app.parse()?, &to.parse()?, &package.parse()?),
        ["wait", app, job] => wait(&client()?, &app.parse()?, &job.parse()?),
        _ => bail!(USAGE),
    }
}

/// Uploads the package under a name that is unique to this build, and waits until it can be deployed.
fn upload(client: &Client, app: &AppId, package: &Path, build: &str) -> anyhow::Result<PackageId> {
    let stem = package.file_stem().and_then(|stem| stem.to_str()).context("the package has no readable name")?;
    let upload = Upload::new(package).with_name(format!("{stem}_{build}.mda"));
    match upload_and_wait(client, app, &upload) {
        Ok(package) => Ok(package),
        // Outcomes that a build may want to treat differently; the error's own message covers the rest.
        Err(error) => Err(match (error.kind(), error.job_id().cloned()) {
            (ErrorKind::StillRunning, Some(job)) => {
                anyhow::Error::new(error).context(format!("go on later with `cargo xtask wait {app} {job}`"))
            }
            (ErrorKind::JobFailed, _) => anyhow::Error::new(error).context("check how the package was built"),
            _ => error.into(),
        }),
    }
}

/// Brings the package to the environment.
fn deploy(client: &Client, app: &AppId, name: &EnvironmentName, package: &PackageId) -> anyhow::Result<String> {
    let deployed = deploy_package(client, app, name, package, &Deploy::default())
        .with_context(|| format!("go on with `cargo xtask resume {app} {name} {package}`"))?;
    Ok(format!("package {package} runs at {}", deployed.url.unwrap_or_default()))
}

fn wait(client: &Client, app: &AppId, job: &JobId) -> anyhow::Result<String> {
    wait_for_job(client, app, job)?;
    Ok(format!("job {job} has completed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mendix_deploy::emulator::{Emulator, Fault, JobEnd};

    /// Runs a task against the emulator. A wait makes one poll.
    fn task(emulator: &Emulator, args: &[&str]) -> anyhow::Result<String> {
        let poll = Poll::default().with_timeout(Duration::ZERO);
        run(args, "45", || Ok(emulator.client().with_poll(poll)))
    }

    fn deploy_to(emulator: &Emulator) -> anyhow::Result<String> {
        deploy_with(emulator, &[])
    }

    fn deploy_with(emulator: &Emulator, environment: &[&str]) -> anyhow::Result<String> {
        let name = format!("xtask-{}-{:?}.mda", std::process::id(), std::thread::current().id());
        let package = std::env::temp_dir().join(name);
        std::fs::write(&package, Emulator::SMALLEST_PACKAGE).unwrap();
        let result = task(emulator, &[&["deploy", "calc", package.to_str().unwrap()], environment].concat());
        std::fs::remove_file(package).unwrap();
        result
    }

    fn kind(error: &anyhow::Error) -> ErrorKind {
        error.downcast_ref::<mendix_deploy::Error>().expect("an error of the crate").kind()
    }

    #[test]
    fn a_package_is_uploaded_under_a_name_of_its_own() {
        let emulator = Emulator::start().unwrap();
        let said = deploy_to(&emulator).unwrap();
        let [received] = &emulator.uploads()[..] else { panic!("one upload") };
        assert_eq!(said, format!("package {} is ready to be deployed", received.package_id));
        assert!(received.name.ends_with("_45.mda"), "{}", received.name);
        assert_eq!(received.content.as_deref(), Some(&Emulator::SMALLEST_PACKAGE[..]));
    }

    #[test]
    fn a_busy_api_and_a_broken_connection_are_survived() {
        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(1, Fault::StatusAtOnce(503));
        emulator.fail_uploads(1, Fault::DisconnectAfter(10));
        deploy_to(&emulator).unwrap();
        assert_eq!(emulator.uploads().len(), 1);
    }

    #[test]
    fn a_slow_link_is_only_slow() {
        let emulator = Emulator::start().unwrap();
        emulator.set_bandwidth(2000);
        deploy_to(&emulator).unwrap();
    }

    #[test]
    fn a_wrong_key_is_refused() {
        let emulator = Emulator::start().unwrap();
        emulator.refuse_credentials();
        assert_eq!(kind(&deploy_to(&emulator).unwrap_err()), ErrorKind::Rejected);
        assert!(emulator.uploads().is_empty());
    }

    #[test]
    fn an_upload_of_unknown_outcome_is_found_again_or_fails_the_task_but_is_not_repeated() {
        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(1, Fault::NoAnswer);
        let said = deploy_to(&emulator).unwrap();
        let [received] = &emulator.uploads()[..] else { panic!("one upload") };
        assert_eq!(said, format!("package {} is ready to be deployed", received.package_id));

        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(1, Fault::Status(502));
        assert_eq!(kind(&deploy_to(&emulator).unwrap_err()), ErrorKind::OutcomeUnknown);
        assert_eq!(emulator.requests(), 2, "an upload, and a look at the packages");
    }

    #[test]
    fn a_failed_job_fails_the_task_with_advice() {
        let emulator = Emulator::start().unwrap();
        emulator.jobs_end(JobEnd::Failed);
        let error = deploy_to(&emulator).unwrap_err();
        assert_eq!(
            (kind(&error), error.to_string().as_str()),
            (ErrorKind::JobFailed, "check how the package was built")
        );
    }

    #[test]
    fn a_wait_that_times_out_is_resumed_by_the_command_that_the_error_names() {
        let emulator = Emulator::start().unwrap();
        emulator.jobs_end(JobEnd::Never);
        let error = deploy_to(&emulator).unwrap_err();
        assert_eq!(kind(&error), ErrorKind::StillRunning);
        emulator.jobs_end(JobEnd::Completed);
        assert!(task(&emulator, &command(&error.to_string())).unwrap().ends_with("has completed"));
    }

    /// The arguments of the command in a text.
    fn command(text: &str) -> Vec<&str> {
        text.split("cargo xtask ").nth(1).unwrap().trim_end_matches('`').split(' ').collect()
    }

    #[test]
    fn a_package_is_brought_to_an_environment_and_a_failure_is_resumed_by_the_command_that_the_error_names() {
        let emulator = Emulator::start().unwrap();
        emulator.fail_starts(1, Fault::Code("STARTUP_ACTION_FAILED"));
        let error = deploy_with(&emulator, &["Acceptance"]).unwrap_err();
        assert_eq!(kind(&error), ErrorKind::StartFailed);
        let said = task(&emulator, &command(&error.to_string())).unwrap();
        assert!(said.ends_with("runs at https://calc-accp.mendixcloud.com"), "{said}");
        let refused = deploy_with(&emulator, &["Production"]).unwrap_err();
        assert_eq!(refused.to_string(), "Production is a production environment");
        assert_eq!((emulator.uploads().len(), emulator.steps().len()), (1, 4));
    }

    #[test]
    fn wrong_arguments_and_unreadable_names_are_told_without_a_request() {
        let emulator = Emulator::start().unwrap();
        for (args, says) in [
            (&["deploy", "calc"][..], "usage"),
            (&["deploy", "calc.mendixcloud.com", "x.mda"], "is it `calc`?"),
            (&["wait", "calc", "../jobs"], "is not a JobId"),
            (&["deploy", "calc", ".."], "no readable name"),
        ] {
            let error = task(&emulator, args).unwrap_err();
            assert!(error.to_string().contains(says), "{args:?}: {error}");
        }
        assert_eq!(emulator.requests(), 0);
    }
}
