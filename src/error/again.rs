//! Which call resumes a deployment after an error.

/// What resumes a deployment of which this is the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same call.
    Same,
    /// The same call, if it restarts the app.
    WithRestart,
    /// No call with this package.
    WithAnotherPackage,
}
