//! Uploads `app.mda` whenever it has changed.
//!
//! An xtask is the better place for this. Cargo reruns build scripts when it sees fit, including for `cargo check`, in
//! editors, and for people who only want to compile; it shows no output while they run; and an upload cannot be undone. So this
//! one does nothing unless `DEPLOY_APP` names an app. If the upload or the job fails, so does the build, and the next
//! build uploads again: first check whether the error says that a package may exist.

use std::io::Write;

use mendix_deploy::{Client, Upload, upload_and_wait};

const PACKAGE: &str = "app.mda";

fn main() -> Result<(), mendix_deploy::Error> {
    // Without these lines, every change to any file of the crate would
    // upload the package again.
    print_to_cargo(format!("rerun-if-changed={PACKAGE}"));
    print_to_cargo("rerun-if-env-changed=DEPLOY_APP");
    let app = std::env::var("DEPLOY_APP").unwrap_or_default();
    if app.is_empty() {
        print_to_cargo(format!("warning={PACKAGE} is not uploaded, as DEPLOY_APP is not set"));
        return Ok(());
    }
    let package = upload_and_wait(&Client::from_env()?, &app.parse()?, &Upload::new(PACKAGE))?;
    print_to_cargo(format!("warning=package {package} is ready to be deployed"));
    print_to_cargo(format!("rustc-env=PACKAGE_ID={package}"));
    Ok(())
}

fn print_to_cargo(instruction: impl std::fmt::Display) {
    // `println!` would panic if cargo has gone.
    let _ = writeln!(std::io::stdout(), "cargo::{instruction}");
}
