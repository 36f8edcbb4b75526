//! A complete `cargo xtask deploy`; its tests need no account.
//!
//! In a project this is `xtask/src/main.rs`, with `mendix-deploy` and `anyhow` as its dependencies, and
//! `mendix-deploy = { version = "0.1", features = ["emulator"] }` as a dev-dependency for the tests. The alias is in
//! `.cargo/config.toml`:
//!
//! ```toml
//! [alias]
//! xtask = "run --package xtask --"
//! ```

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use mendix_deploy::{AppId, Client, ErrorKind, Poll, Retry, Upload, UploadedPackage, upload_and_wait};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["deploy", app, package] => {
            let client = Client::from_env()?
                .with_retry(Retry::default().with_attempts(5))
                .on_event(|event| eprintln!("{event}"));
            let version = std::env::var("BUILD_NUMBER").unwrap_or_else(|_| "local".into());
            let uploaded = deploy(&client, &app.parse()?, Path::new(package), &version)?;
            println!("package {} is ready to be deployed", uploaded.package_id);
            Ok(())
        }
        _ => bail!("usage: cargo xtask deploy APP_ID PACKAGE.mda"),
    }
}

/// Uploads the package under a name unique to this build, and waits for its job.
fn deploy(client: &Client, app: &AppId, package: &Path, version: &str) -> anyhow::Result<UploadedPackage> {
    let stem = package.file_stem().and_then(|stem| stem.to_str()).context("the package has no readable name")?;
    let upload = Upload::default().with_name(format!("{stem}_{version}.mda"));
    let poll = Poll::default().with_timeout(Duration::from_secs(60 * 60));
    match upload_and_wait(client, app, package, &upload, &poll) {
        Ok(uploaded) => Ok(uploaded),
        // Outcomes that a build may want to treat differently; the error's own message covers the rest.
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
            Err(error).context("not uploaded again: check first")
        }
        Err(error) if error.kind() == ErrorKind::JobFailed => Err(error).context("was the package built properly?"),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mendix_deploy::emulator::{Emulator, JobEnd};

    fn package() -> std::path::PathBuf {
        let unique = format!("xtask-{}-{:?}.mda", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(unique);
        std::fs::write(&path, Emulator::SMALLEST_PACKAGE).unwrap();
        path
    }

    #[test]
    fn a_package_is_uploaded_under_a_name_of_its_own() {
        let emulator = Emulator::start().unwrap();
        emulator.complete_after_polls(1);
        let package = package();
        deploy(&emulator.client(), &"calc".parse().unwrap(), &package, "45").unwrap();
        let uploads = emulator.uploads();
        assert_eq!(uploads.len(), 1);
        assert!(uploads[0].name.ends_with("_45.mda"), "{}", uploads[0].name);
        assert_eq!(uploads[0].content.as_deref(), Some(&Emulator::SMALLEST_PACKAGE[..]));
        std::fs::remove_file(package).unwrap();
    }

    #[test]
    fn a_failed_job_fails_the_task_with_advice() {
        let emulator = Emulator::start().unwrap();
        emulator.complete_after_polls(1);
        emulator.jobs_end(JobEnd::Failed);
        let package = package();
        let error = deploy(&emulator.client(), &"calc".parse().unwrap(), &package, "46").unwrap_err();
        assert_eq!(error.to_string(), "was the package built properly?");
        assert_eq!(error.downcast_ref::<mendix_deploy::Error>().unwrap().kind(), ErrorKind::JobFailed);
        std::fs::remove_file(package).unwrap();
    }
}
