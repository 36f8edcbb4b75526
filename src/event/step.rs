//! The steps of a deployment.

use std::fmt;

use crate::id::{JobId, PackageId, Short};

/// A step of a deployment to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeployStep {
    /// [`deploy_package`](crate::deploy_package) has begun, and changed nothing yet.
    Begun {
        /// The package to deploy.
        package: PackageId,
        /// The package that is on the environment.
        previous: Option<PackageId>,
    },
    /// The app runs the package already, so nothing is done.
    AlreadyRuns {
        /// The package.
        package: PackageId,
    },
    /// The API has accepted the request to stop the app.
    StopRequested,
    /// The app is stopped.
    Stopped,
    /// The package is on the environment.
    Transported {
        /// The package.
        package: PackageId,
    },
    /// The API has accepted the request to start the app.
    StartRequested {
        /// The job that starts it, if the API has named one.
        job: Option<JobId>,
    },
    /// The app runs.
    Started,
    /// A request got no response; polling shows whether it took effect.
    Unanswered {
        /// What went wrong, in one line.
        reason: String,
    },
}

impl fmt::Display for DeployStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeployStep::Begun { package, previous } => {
                write!(f, "deploying package {package}")?;
                if let Some(previous) = previous.as_ref().filter(|previous| *previous != package) {
                    write!(f, " in place of package {previous}")?;
                }
                f.write_str("; if interrupted, call deploy_package again with the same package")
            }
            DeployStep::AlreadyRuns { package } => write!(f, "already runs package {package}, nothing to do"),
            DeployStep::StopRequested => f.write_str("stop requested"),
            DeployStep::Stopped => f.write_str("stopped"),
            DeployStep::Transported { package } => write!(f, "transported package {}", Short(package.as_str())),
            DeployStep::StartRequested { job: Some(job) } => write!(f, "start requested as job {job}"),
            DeployStep::StartRequested { job: None } => f.write_str("start requested"),
            DeployStep::Started => f.write_str("started"),
            DeployStep::Unanswered { reason } => write!(f, "checking whether it took effect: {reason}"),
        }
    }
}
