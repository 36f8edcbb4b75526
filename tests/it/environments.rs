//! The environments of v1.

mod deploy;
mod evidence;
mod faults;
mod interleavings;
mod killed;
mod reading;
mod refusals;
mod steps;
mod texts;
mod together;

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{EnvironmentName, PackageId};

use crate::support::caller::Caller;
use crate::support::package::Package;
use crate::support::server::{Step, answered};

pub(crate) fn name(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).unwrap()
}

pub(crate) fn acceptance() -> EnvironmentName {
    name("Acceptance")
}

/// How many steps of this kind there were.
pub(crate) fn count(emulator: &Emulator, step: &str) -> usize {
    emulator.steps().iter().filter(|said| said.starts_with(step)).count()
}

/// A script that answers with the environment in this status.
fn environment(status: &str) -> Vec<Step> {
    answered("200 OK", &format!(r#"{{"Mode":"Acceptance","Status":"{status}","Production":false}}"#))
}

/// Uploads a package, which is ready at once.
fn uploaded(caller: &Caller) -> PackageId {
    caller.upload(Package::small()).ok().package_id
}
