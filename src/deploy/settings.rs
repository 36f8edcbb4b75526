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

    /// Whether the app is stopped and started even if it runs and the package is on the environment. Default false. Needed
    /// after a package was transported while the app ran, or settings were changed.
    #[must_use]
    pub fn with_restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }
}

/// What a deployment has done.
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
