//! How to deploy, and what was done.

use crate::environments::Start;
use crate::id::PackageId;

/// How [`deploy_package`](crate::deploy_package) and [`upload_and_deploy`](crate::upload_and_deploy) deploy.
///
/// ```
/// use mendix_deploy::{Deploy, Start};
///
/// let deploy = Deploy::default().with_start(Start::default().with_database_sync(false));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deploy {
    pub(super) start: Start,
    pub(super) allows_production: bool,
    pub(super) restart: bool,
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
        self.allows_production = true;
        self
    }

    /// Whether to stop and start the app even if it runs and the package is on the environment. Default false. Needed
    /// after a package was transported while the app ran, or after settings were changed.
    #[must_use]
    pub fn with_restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }
}

/// The result of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployed {
    /// The package that runs.
    pub package: PackageId,
    /// The package to go back to: the one that was on the environment right before the transport. `None` if there was none,
    /// or if it was already this one, as after an interruption.
    pub previous: Option<PackageId>,
    /// Where the app can be reached.
    pub url: Option<String>,
    /// False if the app already ran with the package, so that nothing was done.
    pub changed: bool,
}
