//! Identifiers, validated on construction so that none of them can alter the path of a request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::text;

/// An `AppId` is a subdomain, so this is the longest DNS label (RFC 1035 §2.3.4).
const APP_ID_MAX: usize = 63;
/// The API's own ids are UUIDs, but they are treated as opaque.
const OPAQUE_ID_MAX: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $label:literal, $check:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Validates an id.
            ///
            /// # Errors
            /// [`Config`](crate::ErrorKind::Config) if it is invalid; the message says what is expected.
            pub fn new(id: &str) -> Result<Self> {
                id.to_owned().try_into()
            }

            /// The id as it stands in the path of a request.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(id: &str) -> Result<Self> {
                Self::new(id)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(id: &str) -> Result<Self> {
                Self::new(id)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(id: String) -> Result<Self> {
                if $check(&id) {
                    Ok(Self(id))
                } else {
                    Err(refused(&id, concat!($label, ", which ", $rule)))
                }
            }
        }

        // By hand, as in uploaded.rs: serde's derive would add five crates to every user's build.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// An app, identified by the subdomain of its URL: `calc` for `https://calc.mendixcloud.com`. Neither its UUID nor
    /// its display name (Deploy API v2, "Request Parameters").
    ///
    /// A letter or digit, then up to 62 letters, digits or hyphens. Anything else is refused as
    /// [`Config`](crate::ErrorKind::Config).
    ///
    /// ```
    /// use mendix_deploy::AppId;
    ///
    /// let app = AppId::new("calc")?;
    /// assert_eq!(app.as_str(), "calc");
    /// assert_eq!(app, "calc".parse()?);
    /// assert!(AppId::new("calc/../other").is_err());
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    AppId, "an AppId", is_app_id,
    "is the subdomain of the app's URL (`calc` in calc.mendixcloud.com), letters, digits and hyphens, at most 63"
}

id! {
    /// The id of a package. Opaque; 1 to 128 letters, digits, `-` or `_`.
    PackageId, "a PackageId", is_opaque_id, "has 1 to 128 letters, digits, hyphens or underscores"
}

id! {
    /// The id of the job that turns an upload into a package. Opaque; 1 to 128 letters, digits, `-` or `_`.
    ///
    /// ```
    /// let job = mendix_deploy::JobId::new("66046953-ecf7-4550-a889-4b7e9f1e1705")?;
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    JobId, "a JobId", is_opaque_id, "has 1 to 128 letters, digits, hyphens or underscores"
}

fn is_app_id(id: &str) -> bool {
    (1..=APP_ID_MAX).contains(&id.len())
        && !id.starts_with('-')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_opaque_id(id: &str) -> bool {
    (1..=OPAQUE_ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Quotes and escapes the refused text, and keeps it short enough for a log line.
fn refused(text: &str, what: &str) -> Error {
    Error::config(format!("{} is not {what}", text::quoted(text, 64)))
}
