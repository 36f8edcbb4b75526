//! What a job can be.

use std::fmt;

/// How far a job is (Deploy API v2, "Job Status").
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobStatus {
    /// Waiting for its turn.
    Queued,
    /// At work.
    Running,
    /// Done; the package exists.
    Completed,
    /// Ended without a package.
    Failed,
    /// A status the specification does not name. It is shown and waited on, never taken for an end.
    Other(String),
}

impl JobStatus {
    /// The status of that name, compared without case, if it is one of the four.
    pub(crate) fn known(name: &str) -> Option<Self> {
        [JobStatus::Queued, JobStatus::Running, JobStatus::Completed, JobStatus::Failed]
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(name.trim()))
    }

    /// The status as the API spells it.
    pub fn as_str(&self) -> &str {
        match self {
            JobStatus::Queued => "Queued",
            JobStatus::Running => "Running",
            JobStatus::Completed => "Completed",
            JobStatus::Failed => "Failed",
            JobStatus::Other(text) => text,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
