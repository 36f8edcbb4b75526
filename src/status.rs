//! The statuses of jobs, packages and environments.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::json::Object;
use crate::text;

/// An unknown status is cut to so many characters.
const OTHER_MAX: usize = 64;

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of_variant])* $variant,)*
            /// An undocumented status, sanitized and cut to 64 characters. Counts as still in progress, never as final. A
            /// later version of this crate may give it a variant of its own.
            Other(String),
        }

        impl $name {
            /// The field `Status`, whatever its case; `Other("")` if there is none.
            pub(crate) fn of(object: &Object) -> Self {
                let said = object.raw("Status").unwrap_or_default();
                let known = [$($name::$variant),*].into_iter().find(|status| status.as_str().eq_ignore_ascii_case(&said));
                known.unwrap_or_else(|| {
                    let other = object.text("Status").unwrap_or_default();
                    $name::Other(text::beginning(&other, OTHER_MAX).to_owned())
                })
            }

            /// The status, spelled as in the API.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => stringify!($variant),)*
                    $name::Other(text) => text,
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

status! {
    /// The status of a job (Deploy API v2, "Job Status").
    JobStatus {
        /// Waiting to run.
        Queued,
        /// Running.
        Running,
        /// Done: the package exists.
        Completed,
        /// Ended without a package.
        Failed,
    }
}

status! {
    /// The status of a package (Build API, "Retrieve Packages").
    PackageStatus {
        /// Ready to be deployed.
        Succeeded,
        /// Waiting to be built.
        Queued,
        /// Being built from the team server.
        Building,
        /// Being uploaded, or processed after that.
        Uploading,
        /// Not deployable.
        Failed,
    }
}

status! {
    /// The status of an environment (Deploy API v1, "Retrieve Environments").
    EnvironmentStatus {
        /// Nothing was ever deployed there.
        Empty,
        /// The app does not run.
        Stopped,
        /// The app runs.
        Running,
    }
}

impl EnvironmentStatus {
    /// Whether the app does not run for certain.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, EnvironmentStatus::Stopped | EnvironmentStatus::Empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

    #[test]
    fn a_status_is_read_without_case_and_an_unknown_one_is_kept() {
        let secrets = Secrets::new(["s3cret"]);
        let body = |said: &str| serde_json::json!({ "Status": said }).to_string();
        let read = |said: &str| JobStatus::of(&Object::of(body(said).as_bytes(), &secrets));
        assert_eq!(read("completed"), JobStatus::Completed);
        assert_eq!(read(" QUEUED\n"), JobStatus::Queued);
        assert_eq!(read("\u{b}Completed\u{a0}"), JobStatus::Completed);
        let is_secret = Secrets::new(["Completed"]);
        assert_eq!(JobStatus::of(&Object::of(body("Completed").as_bytes(), &is_secret)), JobStatus::Completed);
        assert_eq!(read("Paused"), JobStatus::Other("Paused".into()));
        assert_eq!(read("Completed?").to_string(), "Completed?");
        assert_eq!(read("s3cret"), JobStatus::Other("[secret]".into()));
        assert_eq!(read(&"x".repeat(3000)).as_str().len(), OTHER_MAX);
        assert_eq!(PackageStatus::of(&Object::of(body("succeeded").as_bytes(), &secrets)), PackageStatus::Succeeded);
    }
}
