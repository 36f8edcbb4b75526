//! The status of a job.

use std::fmt;

use serde::{Serialize, Serializer};

/// The status of a job (Deploy API v2, "Job Status").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobStatus {
    /// Waiting to run.
    Queued,
    /// Running.
    Running,
    /// Done: the package exists.
    Completed,
    /// Ended without a package.
    Failed,
    /// A status that the specification does not name, sanitized and cut to 64 characters. It is waited on, never taken
    /// for an end. A later version may give it a variant of its own.
    Other(String),
}

impl JobStatus {
    /// The status with that name, ignoring case, if it is one of the four.
    pub(crate) fn known(name: &str) -> Option<Self> {
        [JobStatus::Queued, JobStatus::Running, JobStatus::Completed, JobStatus::Failed]
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(name.trim()))
    }

    /// The status, spelled as in the API.
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

impl Serialize for JobStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
