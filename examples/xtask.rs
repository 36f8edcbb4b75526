//! A complete `cargo xtask deploy`: uploads a package and starts the app with it. After a failure or an interruption, run it
//! again: a package that already exists is not uploaded a second time. Its tests do without an account.
//!
//! In a project this is `xtask/src/main.rs`, with `mendix-deploy` and `anyhow` as its dependencies, and `mendix-deploy`
//! with the feature `emulator` as a dev-dependency for the tests. The alias is in `.cargo/config.toml`:
//!
//! ```toml
//! [alias]
//! xtask = "run --package xtask --"
//! ```

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mendix_deploy::{Client, Deploy, Event, Upload, upload_and_deploy};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let client = || Ok(Client::from_env()?.on_event(Event::log_to_stderr));
    match deploy(&args, std::env::var("BUILD_NUMBER").ok(), client) {
        Ok(said) => {
            // `println!` would panic if stdout is closed, although the deployment has succeeded.
            let _ = writeln!(stdout(), "{said}");
            ExitCode::SUCCESS
        }
        // With its causes, and without a backtrace, whatever `RUST_BACKTRACE` says.
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns what to print. `build` is the number of the build, which stays the same when the job is run again.
fn deploy(
    args: &[&str],
    build: Option<String>,
    client: impl FnOnce() -> mendix_deploy::Result<Client>,
) -> anyhow::Result<String> {
    let ["deploy", app, environment, package] = args else {
        bail!("usage: cargo xtask deploy APP_ID ENVIRONMENT PACKAGE.mda");
    };
    let build = build
        .filter(|build| !build.is_empty())
        .context("BUILD_NUMBER, of which the package's name is made, is not set")?;
    let upload = Upload::new(package).with_name(format!("{app}_{build}.mda")).skip_existing();
    let deployed = upload_and_deploy(&client()?, &app.parse()?, &environment.parse()?, &upload, &Deploy::default())?;
    Ok(format!("package {} runs at {}", deployed.package, deployed.url.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
    use mendix_deploy::{ErrorKind, Poll};

    /// Deploys build 45 to an environment of the emulator.
    fn deploy_to(emulator: &Emulator, environment: &str) -> anyhow::Result<String> {
        let name = format!("xtask-{}-{:?}.mda", std::process::id(), std::thread::current().id());
        let package = std::env::temp_dir().join(name);
        std::fs::write(&package, Emulator::SMALLEST_PACKAGE).unwrap();
        let args = ["deploy", "calc", environment, package.to_str().unwrap()];
        let poll = Poll::default().with_interval(Duration::ZERO).with_timeout(Duration::from_secs(2));
        let result = deploy(&args, Some("45".into()), || Ok(emulator.client().with_poll(poll)));
        std::fs::remove_file(package).unwrap();
        result
    }

    fn kind(result: anyhow::Result<String>) -> ErrorKind {
        result.unwrap_err().downcast_ref::<mendix_deploy::Error>().expect("an error of the crate").kind()
    }

    #[test]
    fn a_package_is_uploaded_under_the_name_of_the_build_and_runs() {
        let emulator = Emulator::start().unwrap();
        let said = deploy_to(&emulator, "Acceptance").unwrap();
        let [received] = &emulator.uploads()[..] else { panic!("one upload") };
        let runs = format!("package {} runs at https://calc-accp.mendixcloud.com", received.package_id);
        assert_eq!((said, received.name.as_str()), (runs, "calc_45.mda"));
        assert_eq!(emulator.running(&"calc".parse().unwrap(), "Acceptance"), Some(received.package_id.clone()));
    }

    #[test]
    fn whatever_fails_the_same_command_again_deploys_one_package() {
        type Fail = fn(&Emulator);
        let faults: [(Fail, ErrorKind); 4] = [
            (|emulator| emulator.fail_uploads(3, Fault::DisconnectAfter(10)), ErrorKind::Interrupted),
            (|emulator| emulator.jobs_end(JobEnd::Never), ErrorKind::StillRunning),
            (|emulator| emulator.fail_stops(1, Fault::Code("STOP_FAILED")), ErrorKind::Rejected),
            (|emulator| emulator.fail_starts(1, Fault::Code("STARTUP_ACTION_FAILED")), ErrorKind::StartFailed),
        ];
        for (fail, expected) in faults {
            let emulator = Emulator::start().unwrap();
            fail(&emulator);
            assert_eq!(kind(deploy_to(&emulator, "Acceptance")), expected);
            emulator.jobs_end(JobEnd::Completed);
            deploy_to(&emulator, "Acceptance").unwrap();
            assert_eq!(emulator.uploads().len(), 1, "{expected:?}");
        }
    }

    #[test]
    fn a_busy_api_a_slow_link_and_a_lost_response_are_survived() {
        let emulator = Emulator::start().unwrap();
        emulator.set_bandwidth(2000);
        emulator.fail_uploads(1, Fault::StatusAtOnce(503));
        emulator.fail_uploads(1, Fault::NoAnswer);
        deploy_to(&emulator, "Acceptance").unwrap();
        assert_eq!(emulator.uploads().len(), 1);
    }

    #[test]
    fn nothing_is_uploaded_for_a_wrong_key_or_production_or_without_arguments() {
        let emulator = Emulator::start().unwrap();
        assert_eq!(kind(deploy_to(&emulator, "Production")), ErrorKind::NotAllowed);
        emulator.refuse_credentials();
        assert_eq!(kind(deploy_to(&emulator, "Acceptance")), ErrorKind::Rejected);
        let without = |args: &[&str], build: Option<&str>| {
            deploy(args, build.map(str::to_owned), || Ok(emulator.client())).unwrap_err().to_string()
        };
        assert!(without(&["deploy", "calc"], Some("45")).starts_with("usage"));
        for build in [None, Some("")] {
            assert!(without(&["deploy", "calc", "Test", "x.mda"], build).starts_with("BUILD_NUMBER"));
        }
        assert!(without(&["deploy", "calc.mendixcloud.com", "Test", "x.mda"], Some("45")).contains("is it `calc`?"));
        assert!(emulator.uploads().is_empty());
    }
}
