//! Deploy API v1: the environments of an app. Reading calls; stop, transport and start are in the folder.

mod at;
mod course;
mod environment;
mod list;
mod report;
mod run;
mod start;
mod steps;
mod stop;
mod transport;

use at::none_if_unknown;

use crate::client::Client;
use crate::error::Result;
use crate::id::{AppId, EnvironmentName};
use crate::packages::Package;

pub(crate) use at::At;
pub(crate) use course::Goal;
pub use environment::Environment;
#[cfg(feature = "cli")]
pub(crate) use list::call as list_call;
pub(crate) use report::UNTOUCHED;
pub(crate) use run::Run;
pub use start::Start;
#[cfg(feature = "cli")]
pub(crate) use start::request as request_start;
pub use steps::{start_environment, stop_environment, transport_package};

/// Lists the environments of an app, as the API orders them (Deploy API v1, "Retrieve Environments"). An entry without a
/// usable name is left out.
///
/// Makes one request and retries transient errors as configured by [`Retry`](crate::Retry). Each attempt blocks for at
/// most twice the connect timeout plus the response timeout (60 s by default). The user needs API Rights.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Connect`, `Rejected` (such as 401, 403 or 404), or `NoAnswer` without a usable
/// response.
///
/// ```no_run
/// let client = mendix_deploy::Client::from_env()?;
/// for environment in mendix_deploy::list_environments(&client, &"calc".parse()?)? {
///     println!("{} {}", environment.name, environment.status);
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn list_environments(client: &Client, app: &AppId) -> Result<Vec<Environment>> {
    list::call(client, app).with_retry(list::read)
}

/// Returns an environment (Deploy API v1, "Retrieve Environment"). Blocks as [`list_environments`] does.
///
/// # Errors
/// Those of [`list_environments`]. If there is no environment of that name, the error lists the names that exist.
pub fn environment(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<Environment> {
    let at = At { client, app, environment };
    at.environment_call().with_retry(|reply| at.read(reply)).map_err(|error| list::with_names(at, error))
}

/// Returns the package that is on an environment (Deploy API v1, "Retrieve Environment Package"); `None` if none was ever
/// transported there. If it was transported while the app ran, the app may still run the previous one. Blocks as
/// [`list_environments`] does.
///
/// # Errors
/// Those of [`environment`].
pub fn environment_package(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<Option<Package>> {
    let at = At { client, app, environment };
    none_if_unknown(at.package_call().with_retry(At::read_package)).map_err(|error| list::with_names(at, error))
}
