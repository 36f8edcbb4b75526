//! Deploys a package, from a file or from one that was uploaded before: stop, transport, start.

mod chain;
mod settings;

use std::time::Instant;

use chain::Chain;

use crate::client::Client;
use crate::environments::{self, At, UNTOUCHED};
use crate::error::{Error, Result};
use crate::id::{AppId, EnvironmentName, PackageId};
use crate::upload::{Opened, Resume, Upload};

#[cfg(feature = "cli")]
pub(crate) use chain::check_allowed;
pub use settings::{Deploy, Deployed};

/// Deploys a package from a file in one call: uploads it, waits until it is ready, and starts the app with it. `Ok` means
/// that the app was seen running with it.
///
/// The file is checked first, and then the environment: nothing is uploaded for an environment that does not exist or is not
/// allowed. Then the package is uploaded, as by [`upload_and_wait`](crate::upload_and_wait), and deployed, as by
/// [`deploy_package`]. **The app is down** from the stop to the start.
///
/// With [`Upload::skip_existing`], make the same call again after an error or an interruption, unless the error says otherwise:
/// a package that is already there is not uploaded again, and the deployment continues from the state of the environment.
///
/// The app is not stopped if less than a tenth of the time is left to start it again.
///
/// Blocks for as long as the upload, and then for at most the timeout of [`Poll`](crate::Poll) (30 min by default) in total,
/// plus a few requests. The user needs API Rights for the app, and API Rights and Transport Rights for the environment.
///
/// # Errors
/// Each says what happened to the package ("no package was made", "a package may exist", its id) and to the app ("the app was
/// not touched", "the app is down", the last state of the environment), and which call resumes. First those of
/// `upload_and_wait`, during which the app is not touched, then those of `deploy_package`.
///
/// ```no_run
/// use mendix_deploy::{Client, Deploy, Event, Upload, upload_and_deploy};
///
/// let client = Client::from_env()?.on_event(Event::log_to_stderr);
/// let upload = Upload::new("calc.mda").with_name("calc_1.0.0.45.mda").skip_existing();
/// let (app, environment) = ("calc".parse()?, "Acceptance".parse()?);
/// let deployed = upload_and_deploy(&client, &app, &environment, &upload, &Deploy::default())?;
/// println!("package {} runs", deployed.package);
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn upload_and_deploy(
    client: &Client,
    app: &AppId,
    environment: &EnvironmentName,
    upload: &Upload,
    deploy: &Deploy,
) -> Result<Deployed> {
    let call_began = Instant::now();
    let at = At { client, app, environment };
    let untouched = |error: Error| error.with_app_note(UNTOUCHED);
    let mut opened = Opened::new(client, app, upload).map_err(untouched)?;
    let found = environments::environment(client, app, environment)
        .and_then(|found| chain::check_allowed(at, &found, deploy).map(|()| found))
        .map_err(|error| untouched(error.with_package_note("no package was made")))?;
    let ready = opened.until_ready(&Resume::DEPLOY).map_err(untouched)?;
    // Without a timeout, the wait for the package may have taken any time, so the time of the deployment begins now.
    let began = if client.poll.timeout.is_some() { ready.began } else { Instant::now() };
    let mut chain = Chain::new(at, &ready.package, deploy, began);
    let deployed = chain.play(found.url, call_began);
    deployed.map_err(|error| opened.accepted(chain.report(error), &ready.package, ready.job.as_ref()))
}

/// Deploys a package of the app to an environment. `Ok` means that the app was seen running with it.
///
/// Waits until the package is ready, and only then stops the app, transports the package, and starts the app, each as
/// [`stop_environment`](crate::stop_environment), [`transport_package`](crate::transport_package) and
/// [`start_environment`](crate::start_environment) do. **The app is down in between.** Steps that are done are not
/// repeated: after an interruption, the same call resumes, and after an error the call that it names. If the app already runs
/// with the package on the environment, nothing is done (see [`Deploy::with_restart`]).
///
/// Nothing is rolled back, cleaned or deleted, and no backup is made. To go back, deploy [`Deployed::previous`], which
/// errors name, too. A database that was adapted to the package is not changed back
/// ([`Start::with_database_sync`](crate::Start::with_database_sync)).
///
/// Blocks for at most the timeout of [`Poll`](crate::Poll) (30 min by default) and a few requests. The user needs
/// API Rights and Transport Rights for the environment. The [guide](crate::guide::deploying) has the steps, and what they
/// rely on.
///
/// # Errors
/// Each says in which state the environment was last seen, which package was on it, and which call resumes;
/// [`Error::app_may_be_down`](crate::Error::app_may_be_down) says whether the app may be down. By
/// [`ErrorKind`](crate::ErrorKind): `NotAllowed` for a production environment, and `JobFailed` if the package cannot be
/// deployed, both before anything is stopped; `StartFailed` if the app did not start: **it is down**; `Overtaken` if
/// another deployment has put its package on the environment meanwhile; `StillRunning` on timeout; `Rejected`, such as
/// 403; `Connect` or `NoAnswer` after an outage.
///
/// ```no_run
/// use mendix_deploy::{Client, Deploy, deploy_package};
///
/// # let (client, app) = (Client::from_env()?, "calc".parse()?);
/// let package = "4e8d3f0c-9afc-478f-9ac5-b6da5e9d7f26".parse()?;
/// deploy_package(&client, &app, &"Acceptance".parse()?, &package, &Deploy::default())?;
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn deploy_package(
    client: &Client,
    app: &AppId,
    environment: &EnvironmentName,
    package: &PackageId,
    deploy: &Deploy,
) -> Result<Deployed> {
    let at = At { client, app, environment };
    let began = Instant::now();
    let mut chain = Chain::new(at, package, deploy, began);
    let deployed = environments::environment(client, app, environment).and_then(|found| {
        chain.saw(&found);
        chain::check_allowed(at, &found, deploy)?;
        chain.play(found.url, began)
    });
    deployed.map_err(|error| chain.report(error))
}
