//! The single steps of a deployment.

use std::time::Instant;

use super::at::At;
use super::course::Goal;
use super::list;
use super::run::Run;
use super::start::Start;
use crate::client::Client;
use crate::error::Result;
use crate::id::{AppId, EnvironmentName, PackageId};

/// Stops the app on an environment, **also on a production environment, without asking**, and waits until it is `Stopped`
/// (Deploy API v1, "Stop Environment"). `Ok` means that it is. Nothing is deleted. Only the calls that deploy
/// need [`Deploy::allow_production`](crate::Deploy::allow_production).
///
/// The status is polled first. If the request gets no response, polling shows whether it was carried out; it is repeated if
/// the app still runs after ten polling intervals.
///
/// Blocks for at most the timeout of [`Poll`](crate::Poll) (30 min if it has none) plus three requests, of which the stop
/// may take 5 min ([`Client::with_response_timeout`]). Temporary failures do not end it, as in
/// [`wait_for_job`](crate::wait_for_job). The user needs API Rights and Transport Rights for the environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `StillRunning` on timeout; `Rejected`, such as 403, or `STOP_FAILED`; `Connect` or
/// `NoAnswer` after an outage. If there is no environment of that name, the error lists the names that exist.
pub fn stop_environment(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<()> {
    let at = At { client, app, environment };
    let start = Start::default();
    let mut run = Run::new(at, Goal::Stopped, &start, Instant::now());
    let done = run.until_done("stopping");
    done.map_err(|error| run.report(list::with_names(at, error)))
}

/// Puts a package on an environment, **also on a production environment, without asking**, and waits until it is there
/// (Deploy API v1, "Transport a Deployment Package to an Environment"). `Ok` means that
/// [`environment_package`](crate::environment_package) returns it.
///
/// The app does not run the package until it is stopped and started. Stop it first: whether a package can be transported
/// while the app runs is not clear from the documentation. While the service is still processing the package, this waits.
/// If the request gets no response, polling the package on the environment shows whether it was carried out; it is repeated
/// if that is still another one after ten polling intervals.
///
/// Blocks as [`stop_environment`](crate::stop_environment) does. The user needs API Rights and Transport Rights for the
/// environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the package's id: `StillRunning` on timeout; `Rejected`, such as
/// `APP_IS_RUNNING` or `INVALID_RUNTIME_VERSION`, with what helps; `Connect` or `NoAnswer` after an outage. If there is no
/// environment of that name, the error lists the names that exist.
pub fn transport_package(
    client: &Client,
    app: &AppId,
    environment: &EnvironmentName,
    package: &PackageId,
) -> Result<()> {
    let (at, start) = (At { client, app, environment }, Start::default());
    let mut run = Run::new(at, Goal::On(package), &start, Instant::now());
    let done = run.until_done(&format!("transporting package {package} to"));
    done.map_err(|error| run.report(list::with_names(at, error.with_package(package))))
}

/// Starts the app on an environment, **also on a production environment, without asking**, and waits until it runs (Deploy
/// API v1, "Start Environment" and "Get Start Environment Status"). `Ok` means that it does.
///
/// The status is polled first, but the start is requested even if that is `Running`, because it may be stale: the API
/// confirms that an app runs, and then does nothing. If the request gets no response, it is repeated after ten polling
/// intervals, unless the app runs by then. If something else is already starting the app, its status is polled.
///
/// Blocks as [`stop_environment`](crate::stop_environment) does. The user needs API Rights and Transport Rights for the
/// environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `StartFailed` if the app did not start, with the API's code (such as
/// `MISSING_CONSTANT`), what that means and what helps: the app is down then. `StillRunning` on timeout: call again to
/// resume. `Rejected`, such as 403; `Connect` or `NoAnswer` after an outage. If there is no environment of that name, the
/// error lists the names that exist.
pub fn start_environment(client: &Client, app: &AppId, environment: &EnvironmentName, start: &Start) -> Result<()> {
    let at = At { client, app, environment };
    let mut run = Run::new(at, Goal::Runs, start, Instant::now());
    let done = run.until_done("starting");
    done.map(|()| run.notify_started()).map_err(|error| run.report(list::with_names(at, error)))
}
