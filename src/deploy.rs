//! From a package to a running environment: stop, transport, start.

use crate::client::Client;
use crate::environments::{self, At, Environment, Goal, Run, Start};
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
    /// The package that runs.
    pub package: PackageId,
    /// The package that was on the environment right before this one was transported, to go back to. `None` if there was none,
    /// or if it was this one already, as after an interruption.
    pub previous: Option<PackageId>,
    /// Where the app can be reached.
    pub url: Option<String>,
    /// False if the app ran with the package already, so that nothing was done.
    pub changed: bool,
}

/// Brings a package of the app to an environment and starts it there. `Ok` means that the app runs.
///
/// Waits until the package is ready, and only then stops the app, transports the package, and starts the app, each as
/// [`stop_environment`](crate::stop_environment), [`transport_package`](crate::transport_package) and
/// [`start_environment`](crate::start_environment) do. **The app is down in between.** What has been done before is not done
/// again: after an interruption, the same call resumes, and after an error the one that it names. If the app runs with the
/// package on the environment, nothing is done (see [`Deploy::with_restart`]).
///
/// Nothing is rolled back, cleaned or deleted, and no backup is made. To go back, deploy [`Deployed::previous`], which errors
/// name, too; a database that was adapted to the package stays so ([`Start::with_database_sync`]).
///
/// Blocks for at most the timeout of [`Poll`](crate::Poll) (30 min by default) and a few requests. The user needs
/// API Rights and Transport Rights for the environment. What this rests on is in the
/// [guide](crate::guide#from-a-package-to-a-running-app).
///
/// # Errors
/// Each says where the environment stood when it was last polled, which package was on it, and which call resumes;
/// [`Error::app_may_be_down`] says whether the app may be down. By [`ErrorKind`]: `NotAllowed` for a production environment, and `JobFailed` if the package cannot be deployed, both
/// before anything is stopped; `StartFailed` if the app did not start: **it is down**; `Overtaken` if another deployment has
/// put its package on the environment meanwhile; `StillRunning` on timeout; `Rejected`, such as 403; `Connect` or `NoAnswer`
/// after an outage.
///
/// ```no_run
/// use mendix_deploy::{Client, Deploy, Upload, deploy_package, upload_and_wait};
///
/// # let (client, app) = (Client::from_env()?, "calc".parse()?);
/// let package = upload_and_wait(&client, &app, &Upload::new("calc.mda"))?;
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
    let mut run = Run::new(at, Goal::Deployed { package, restart: deploy.restart }, &deploy.start);
    let deployed = Chain { at, package, deploy }.play(&mut run);
    deployed.map_err(|error| run.report(error).with_package(package))
}

/// A deployment.
struct Chain<'a> {
    at: At<'a>,
    package: &'a PackageId,
    deploy: &'a Deploy,
}

impl Chain<'_> {
    fn play(&self, run: &mut Run) -> Result<Deployed> {
        let (At { client, app, environment }, package) = (self.at, self.package);
        let found = environments::environment(client, app, environment)?;
        run.seen.status = Some(found.status.clone());
        self.check_allowed(&found)?;
        run.first_look()?;
        let (previous, is_there) = (run.seen.on_it.clone(), run.course.is_there(&run.seen));
        if !is_there || found.status != EnvironmentStatus::Running || self.deploy.restart {
            self.at.notify(DeployStep::Begun { package: package.clone(), previous }, run.elapsed());
        }
        if !is_there {
            let began = run.began;
            packages::wait(client, app, package, |wait| wait.limited_since(began).amid(true))?;
        }
        run.until_done(&format!("the deployment of package {package} to"))?;
        let changed = run.course.has_acted();
        if changed {
            run.tell_started();
        } else {
            self.at.notify(DeployStep::AlreadyRuns { package: package.clone() }, run.elapsed());
        }
        let previous = run.course.previous().cloned();
        Ok(Deployed { package: package.clone(), previous, url: found.url, changed })
    }

    fn check_allowed(&self, found: &Environment) -> Result<()> {
        if !found.production || self.deploy.production {
            return Ok(());
        }
        let message = format!(
            "{} is for production, or does not say that it is not: package {} is deployed to it only with \
             Deploy::allow_production",
            self.at.name(),
            self.package
        );
        Err(Error::new(ErrorKind::NotAllowed, message))
    }
}
