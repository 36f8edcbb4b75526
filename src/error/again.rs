//! Which call resumes a deployment after an error.

/// Which call resumes a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same call.
    Same,
    /// The same call with a restart.
    WithRestart,
    /// No call with this package.
    WithAnotherPackage,
}
