//! Checks the crate's assumptions about the service, for anyone who has an account.
//!
//! Nobody has run this crate against the real service yet. The [guide](crate::guide::assumptions) lists what the calls rely on,
//! and [`verify`] returns what it saw for each row. The command `mendix-deploy verify` prints that as a table for an issue.

mod deployed;
mod environments;
mod findings;
mod granted;
mod list;
mod uploaded;

use std::path::PathBuf;

use crate::check;
use crate::client::Client;
use crate::deploy::{self, Deploy, Deployed};
use crate::environments::At;
use crate::error::{Error, Result, SaidBy};
use crate::id::{AppId, EnvironmentName, JobId};
use crate::job;
use crate::random;
use crate::upload::{Opened, Upload};

use findings::{Findings, brief};
use granted::Granted;

pub use findings::{Finding, Row};

/// A job that no app has.
const UNKNOWN_JOB: &str = "00000000-0000-4000-8000-000000000000";

/// What to verify. By default, everything that can be seen without changing anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verify {
    environment: Option<EnvironmentName>,
    upload: Option<PathBuf>,
    deploy: Option<Deploy>,
}

impl Verify {
    /// Reads only this environment in detail, by default all.
    #[must_use]
    pub fn with_environment(mut self, environment: EnvironmentName) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Also uploads this package under a new name, and watches it. **It stays in the app.**
    #[must_use]
    pub fn with_upload(mut self, file: impl Into<PathBuf>) -> Self {
        self.upload = Some(file.into());
        self
    }

    /// Also deploys the uploaded package to the environment. **The app is down meanwhile, and then runs this package.**
    #[must_use]
    pub fn with_deploy(mut self, deploy: Deploy) -> Self {
        self.deploy = Some(deploy);
        self
    }
}

/// What was seen.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The rows of the guide's tables, in their order.
    pub rows: Vec<Row>,
    /// What was deployed, with the package to go back to.
    pub deployed: Option<Deployed>,
    /// What ended the upload or the deployment early.
    pub error: Option<Error>,
}

/// Checks the rows of the guide's tables of assumptions against the service.
///
/// Blocks for as long as its requests take: a few for the app, and two for each environment; with an upload as long as
/// [`upload_and_wait`](crate::upload_and_wait), and with a deployment as long as [`deploy_package`](crate::deploy_package) as well.
///
/// # Errors
/// If nothing can be verified: `Config` or `File` before anything is requested, `NotAllowed` for a production environment,
/// `Rejected` for an unknown one, and the errors of [`check`](crate::check()). A later error is in [`Verified::error`].
pub fn verify(client: &Client, app: &AppId, verify: &Verify) -> Result<Verified> {
    let Verify { environment, upload: file, deploy } = verify;
    let name = format!("verify-{:016x}.mda", random::bits());
    let upload = file.as_ref().map(|file| Upload::new(file).with_name(name.as_str()));
    let mut opened = upload.as_ref().map(|upload| Opened::new(client, app, upload)).transpose()?;
    let target = match (deploy, environment, &opened) {
        (None, ..) => None,
        (Some(deploy), Some(environment), Some(_)) => Some((At { client, app, environment }, deploy)),
        (Some(_), None, _) => return Err(Error::config("there is no environment to deploy to")),
        (Some(_), _, None) => return Err(Error::config("there is no package to deploy")),
    };
    check::retrieve_app(client, app)?;
    if let Some((at, deploy)) = target {
        deploy::check_allowed(at, &crate::environments::environment(client, app, at.environment)?, deploy)?;
    }

    let mut findings = Findings::new();
    environments::read(client, app, environment.as_ref(), &mut findings)?;
    ask_for_unknown_job(client, app, &mut findings)?;
    let uploaded = match &mut opened {
        Some(opened) => uploaded::watch(client, app, opened, &name, &mut findings).map(Some),
        None => Ok(None),
    };
    // Read after the upload, so that it has at least one package.
    list::read(client, app, &mut findings);
    let (mut deployed, mut error) = (None, None);
    match (uploaded, target) {
        (Ok(Some(package)), Some((at, deploy))) => match deployed::watch(at, &package, deploy, &mut findings) {
            Ok(done) => {
                deployed = Some(done);
                error = deployed::start_again(at, &package, &mut findings).err();
            }
            Err(failed) => error = Some(failed),
        },
        (Ok(_), _) => {}
        (Err(failed), _) => error = Some(failed),
    }
    Ok(Verified { rows: findings.rows(), deployed, error })
}

fn ask_for_unknown_job(client: &Client, app: &AppId, findings: &mut Findings) -> Result<()> {
    let unknown: JobId = UNKNOWN_JOB.parse()?;
    match job::job_status(client, app, &unknown) {
        Ok(_) => findings.differs(Granted::UnknownJob, "it has a status"),
        Err(error) if error.status() == Some(404) && error.said_by() != SaidBy::Others => {
            findings.holds(Granted::UnknownJob, brief(&error));
        }
        Err(error) => findings.failed(Granted::UnknownJob, "", &error),
    }
    Ok(())
}
