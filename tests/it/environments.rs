//! The environments of v1.

mod deploy;
mod faults;
mod reading;
mod steps;

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{EnvironmentName, PackageId};

use crate::support::caller::Caller;
use crate::support::package::Package;

fn name(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).unwrap()
}

fn acceptance() -> EnvironmentName {
    name("Acceptance")
}

/// What of the steps concerns a start, and so on.
fn count(emulator: &Emulator, step: &str) -> usize {
    emulator.steps().iter().filter(|said| said.starts_with(step)).count()
}

/// Uploads a package, which is ready at once.
fn uploaded(caller: &Caller) -> PackageId {
    caller.upload(Package::small()).ok().package_id
}
