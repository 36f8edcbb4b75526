//! From a package to a running environment: stop, transport, start.

use std::time::Instant;

use crate::client::Client;
use crate::environments::{
    self, ALREADY_STARTED, APP_IS_RUNNING, At, Environment, Start, force_stop, start, stop, transport,
};
use crate::error::{Error, ErrorKind, Result};
use crate::event::DeployStep;
use crate::id::{AppId, EnvironmentName, PackageId};
use crate::packages;
use crate::status::EnvironmentStatus;

/// How [`deploy_package`] deploys.
///
/// ```
/// use mendix_deploy::{Deploy, Start};
///
/// let deploy = Deploy::default().with_start(Start::default().with_database_sync(false));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deploy {
    start: Start,
    production: bool,
    restart: bool,
}

impl Deploy {
    /// How the app is started.
    #[must_use]
    pub fn with_start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Allows a production environment, which is refused otherwise: the API asks for no second factor.
    #[must_use]
    pub fn allow_production(mut self) -> Self {
        self.production = true;
        self
    }

    /// Whether the app is stopped and started even if it runs and the package is on the environment. Default false. Needed
    /// after a package was transported while the app ran, or settings were changed.
    #[must_use]
    pub fn with_restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }
}

/// What [`deploy_package`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployed {
    /// The package that was on the environment when the call began, to go back to. After an interruption it may be the new
    /// one already.
    pub previous: Option<PackageId>,
    /// Where the app can be reached.
    pub url: Option<String>,
}

/// Brings a package of the app to an environment and starts it there. `Ok` means that the app runs.
///
/// Waits until the package is ready, and only then stops the app, transports the package, and starts the app, each as
/// [`stop_environment`](crate::stop_environment), [`transport_package`](crate::transport_package) and
/// [`start_environment`](crate::start_environment) do. **The app is down in between.** What has been done before is not done
/// again: after an error or an interruption, the same call goes on from where the environment stands. If the app runs with
/// the package on the environment, nothing is done (see [`Deploy::with_restart`]).
///
/// Nothing is rolled back, cleaned or deleted, and no backup is made. To go back, deploy [`Deployed::previous`], which errors
/// name, too; a database that was adapted to the package stays so ([`Start::with_database_sync`]).
///
/// Blocks for at most four times the timeout of [`Poll`](crate::Poll) (30 min by default) and a few requests. The user needs
/// API Rights and Transport Rights for the environment. What this rests on is in the
/// [guide](crate::guide#from-a-package-to-a-running-app).
///
/// # Errors
/// Each says where the environment stands and which package was on it. By [`ErrorKind`]: `Config` for a production
/// environment that is not allowed, before anything is stopped; `JobFailed` if the package is not deployable, before anything
/// is stopped; `StartFailed` if the app did not start: **it is down**; `StillRunning` on timeout; `Rejected`, such as 403; `Connect` or `NoAnswer` after an
/// outage.
///
/// ```no_run
/// use mendix_deploy::{Client, Deploy, Upload, deploy_package, upload_and_wait};
///
/// # let (client, app) = (Client::from_env()?, "calc".parse()?);
/// let uploaded = upload_and_wait(&client, &app, &Upload::new("calc.mda"))?;
/// deploy_package(&client, &app, &"Acceptance".parse()?, &uploaded.package_id, &Deploy::default())?;
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
    Chain { at, package, deploy }.run().map_err(|error| error.with_package(package))
}

/// A deployment.
struct Chain<'a> {
    at: At<'a>,
    package: &'a PackageId,
    deploy: &'a Deploy,
}

impl Chain<'_> {
    fn run(&self) -> Result<Deployed> {
        let (At { client, app, environment }, package) = (self.at, self.package);
        let begun = Instant::now();
        let untouched = |error: Error| error.with_note("; nothing was changed");
        let found = environments::environment(client, app, environment).map_err(untouched)?;
        self.check_allowed(&found).map_err(untouched)?;
        let previous = environments::environment_package(client, app, environment).map_err(untouched)?;
        let previous = previous.map(|previous| previous.package_id);
        let deployed = Deployed { previous: previous.clone(), url: found.url };

        let is_on_it = previous.as_ref().is_some_and(|on_it| package.is_same_as(on_it.as_str()));
        if is_on_it && found.status == EnvironmentStatus::Running && !self.deploy.restart {
            self.at.notify(DeployStep::AlreadyRuns { package: package.clone() }, begun.elapsed());
            return Ok(deployed);
        }
        let (from, to) = (previous.clone(), package.clone());
        self.at.notify(DeployStep::Begun { package: to, previous: from }, begun.elapsed());
        let on_it = previous.as_ref().map_or_else(|| "no package".to_owned(), |previous| format!("package {previous}"));
        let stands = format!("is {} with {on_it} on it", found.status);
        if !is_on_it {
            packages::wait_for_package(&client.clone().with_poll(client.poll.with_an_end()), app, package)
                .map_err(|error| error.with_note(&format!("; nothing was changed: {} {stands}", self.at.name())))?;
        }

        // With the package on it, an app that is down may be starting.
        let must_stop = !found.status.is_down() && (!is_on_it || self.deploy.restart);
        if must_stop {
            stop(self.at).map_err(|error| {
                error.with_note(&format!("; the environment {stands}, unless it has stopped since; {}", self.goes_on()))
            })?;
        }
        if !is_on_it {
            self.transport().map_err(|error| self.down(error, &format!("{on_it} on it")))?;
        }
        start(self.at, &self.deploy.start, must_stop).map_err(|error| {
            let before = if is_on_it { String::new() } else { format!(" (before: {on_it})") };
            self.down(error, &format!("package {package} on it{before}"))
        })?;
        Ok(deployed)
    }

    fn check_allowed(&self, found: &Environment) -> Result<()> {
        if !found.production || self.deploy.production {
            return Ok(());
        }
        Err(Error::config(format!(
            "{} is for production, or does not say that it is not: package {} is deployed to it only with \
             Deploy::allow_production",
            self.at.name(),
            self.package
        )))
    }

    /// If the app turns out to be running, it is stopped once more: the status may lag behind.
    fn transport(&self) -> Result<()> {
        let transport = || transport(self.at, self.package, &mut None);
        match transport() {
            Err(error) if error.has_code(APP_IS_RUNNING) => {
                force_stop(self.at)?;
                transport()
            }
            result => result,
        }
    }

    fn goes_on(&self) -> String {
        format!("deploy_package with package {} goes on from there", self.package)
    }

    /// The error of a step after the stop; `with` is what is on the environment.
    fn down(&self, error: Error, with: &str) -> Error {
        let (stands, goes_on) = (format!("the environment has {with}"), self.goes_on());
        if error.has_code(ALREADY_STARTED) {
            error.with_note(&format!(
                "; the app that ran before still runs, and {stands}; deploy_package with package {} and \
                 Deploy::with_restart(true) stops it again",
                self.package
            ))
        } else if error.has_code(APP_IS_RUNNING) {
            error.with_note(&format!("; the app was stopped twice, but may still run; {stands}; {goes_on}"))
        } else if error.kind() == ErrorKind::StartFailed {
            let note = format!("; {stands}; when that is mended, {goes_on}");
            error.prefixed_with("the app is DOWN").with_note(&note)
        } else {
            error
                .prefixed_with("the app is down, unless it has started since")
                .with_note(&format!("; {stands}; {goes_on}"))
        }
    }
}
