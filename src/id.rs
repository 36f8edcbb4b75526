//! Identifiers, validated on construction so that none of them can alter the path of a request.

mod short;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::text;

pub(crate) use short::Short;

/// An `AppId` is a subdomain, so this is the longest DNS label (RFC 1035 §2.3.4).
const APP_ID_MAX: usize = 63;
const ENVIRONMENT_NAME_MAX: usize = 128;
/// The API's own ids are UUIDs, but they are treated as opaque.
const OPAQUE_ID_MAX: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
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

            /// The id itself.
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
                match $check(&id) {
                    Ok(()) => Ok(Self(id)),
                    // Escaped, and short enough for a log line.
                    Err(expected) => Err(Error::config(format!("{} is not {expected}", text::quoted(&id, 64)))),
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
    /// A letter or digit, then up to 62 letters, digits or hyphens. Anything else, and a UUID, is refused as
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
    AppId, check_app_id
}

id! {
    /// The id of a package. Opaque; 1 to 128 letters, digits, `-` or `_`.
    PackageId, |id| check_opaque_id(id, "a PackageId")
}

id! {
    /// The id of the job that turns an upload into a package. Opaque; 1 to 128 letters, digits, `-` or `_`.
    ///
    /// ```
    /// let job = mendix_deploy::JobId::new("66046953-ecf7-4550-a889-4b7e9f1e1705")?;
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    JobId, |id| check_opaque_id(id, "a JobId")
}

impl AppId {
    /// The app, if this seems to be the subdomain of one of its other environments, such as `calc-accp`.
    pub(crate) fn without_environment(&self) -> Option<&str> {
        without_environment(&self.0).filter(|app| is_subdomain(app))
    }
}

impl PackageId {
    /// Compares ignoring case, because the API may write it in another case.
    pub(crate) fn is_same_as(&self, said: &str) -> bool {
        self.0.eq_ignore_ascii_case(said)
    }
}

impl EnvironmentName {
    /// The documentation's own examples write names in lower case, too.
    pub(crate) fn is_same_as(&self, other: &EnvironmentName) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

id! {
    /// The name of an environment, such as `Acceptance`, spelled as [`list_environments`](crate::list_environments) spells
    /// it (Deploy API v1, "Retrieve Environments", field `Mode`). Its case is kept.
    ///
    /// 1 to 128 characters. A slash, a control character, a space at either end, and a UUID are refused as
    /// [`Config`](crate::ErrorKind::Config).
    EnvironmentName, check_environment_name
}

/// Returns what was expected instead.
fn check_app_id(id: &str) -> Result<(), String> {
    if is_subdomain(id) && !is_uuid(id) {
        return Ok(());
    }
    let what = "an AppId, which is the subdomain of the app's URL (`calc` in https://calc.mendixcloud.com): letters, \
                digits and hyphens, at most 63";
    let hint = match subdomain_of(id) {
        _ if is_uuid(id) => "; this is a UUID".to_owned(),
        Some(subdomain) => format!("; is it `{subdomain}`?"),
        None => String::new(),
    };
    Err(format!("{what}{hint}"))
}

fn is_subdomain(id: &str) -> bool {
    (1..=APP_ID_MAX).contains(&id.len())
        && !id.starts_with('-')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether it is a UUID (RFC 9562 §4), like the ids of projects and environments.
fn is_uuid(id: &str) -> bool {
    let is_hyphen = |at| matches!(at, 8 | 13 | 18 | 23);
    id.len() == 36
        && id.bytes().enumerate().all(|(at, b)| if is_hyphen(at) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// The app's subdomain in a URL or a host name of one of its environments.
fn subdomain_of(text: &str) -> Option<&str> {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', ':', '?', '#']).next()?;
    let (first, _) = host.split_once('.')?;
    let app = without_environment(first).unwrap_or(first);
    Some(app).filter(|app| is_subdomain(app) && *app != "www")
}

/// A subdomain without the name of an environment behind it.
fn without_environment(subdomain: &str) -> Option<&str> {
    ["-accp", "-acceptance", "-test"].iter().find_map(|environment| {
        let (app, end) = subdomain.split_at_checked(subdomain.len().checked_sub(environment.len())?)?;
        end.eq_ignore_ascii_case(environment).then_some(app)
    })
}

/// Returns what was expected instead. A name is percent-encoded in paths, but some servers decode it before they split the
/// path.
fn check_environment_name(name: &str) -> Result<(), String> {
    let is_clean = text::sanitize(name) == name && !name.contains(['/', '\\']) && !matches!(name, "." | "..");
    if (1..=ENVIRONMENT_NAME_MAX).contains(&name.chars().count()) && is_clean && !is_uuid(name) {
        return Ok(());
    }
    let hint = if is_uuid(name) { "; this is a UUID" } else { "" };
    Err(format!("the name of an environment, such as Test, Acceptance or Production{hint}"))
}

/// Returns what was expected instead.
fn check_opaque_id(id: &str, what: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=OPAQUE_ID_MAX).contains(&id.len()) && id.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("{what}, which has 1 to {OPAQUE_ID_MAX} letters, digits, hyphens or underscores"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mistaken_for_an_app_id_is_refused_with_the_right_form() {
        let says = |id: &str| AppId::new(id).unwrap_err().to_string();
        for id in [
            "https://calc.mendixcloud.com/index.html", "calc.mendixcloud.com", "https://calc-accp.mendixcloud.com",
            "calc-test.mendixcloud.com:443", "calc.apps.eu-1a.mendixcloud.com",
        ] {
            assert!(says(id).starts_with(&format!("\"{id}\" is not an AppId")), "{}", says(id));
            assert!(says(id).ends_with("; is it `calc`?"), "{}", says(id));
        }
        assert!(says("cd5fc610-edb0-43c5-a374-0439a6411ace").ends_with("at most 63; this is a UUID"));
        for id in ["My App", "calc/", "https://www.example.com", "https://é.com", "://.", ""] {
            assert!(says(id).ends_with("at most 63"), "{}", says(id));
        }
        for name in ["", " a", "a/b", "..", "a\\b", "a\u{202e}b", "a\nb", "cd5fc610-edb0-43c5-a374-0439a6411ace"] {
            let error = EnvironmentName::new(name).unwrap_err().to_string();
            assert!(error.contains("is not the name of an environment"), "{error}");
        }
        for id in ["calc", "calc-accp", "c", "cd5fc610-edb0-43c5-a374-0439a6411acg", "sprintr-100"] {
            assert_eq!(AppId::new(id).unwrap().as_str(), id);
        }
    }
}
