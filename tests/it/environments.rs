//! The environments of v1.

mod faults;
mod reading;
mod steps;

use mendix_deploy::{EnvironmentName, PackageId};

use crate::support::caller::Caller;
use crate::support::package::Package;

fn name(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).unwrap()
}

fn acceptance() -> EnvironmentName {
    name("Acceptance")
}

/// Uploads a package, which is ready at once.
fn uploaded(caller: &Caller) -> PackageId {
    caller.upload(Package::small()).ok().package_id
}
