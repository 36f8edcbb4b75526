//! Deploy API v1, "Transport a Deployment Package to an Environment".

use super::at::At;
use crate::answer::Verdicts;
use crate::error::Result;
use crate::id::PackageId;

/// The package is not ready yet.
pub(super) const LATER: &str = "SERVICE UNAVAILABLE";
pub(super) const APP_IS_RUNNING: &str = "APP_IS_RUNNING";

/// The package is unusable: only another one helps.
pub(super) const UNUSABLE: [&str; 3] = ["NOT ALLOWED", "PACKAGE_NOT_FOUND", "PACKAGE_PARSE_FAILED"];

const RIGHTS: &str = "the user needs Transport Rights (Permissions tab)";
const UNUSABLE_PACKAGE: &str = "it is unusable: check how it was built, then upload a new one and use its id";
const CODES: [(&str, &str); 8] = [
    ("INVALID_RUNTIME_VERSION", "the environment lacks the version of Mendix that it was made with"),
    ("NO_ACCESS", RIGHTS),
    ("TRANSPORT_NOT_ALLOWED", RIGHTS),
    (APP_IS_RUNNING, "stop it first"),
    ("NOT ALLOWED", UNUSABLE_PACKAGE),
    ("PACKAGE_NOT_FOUND", "did it expire (15 days), or is it of another app? Upload it, and use the new id"),
    ("PACKAGE_PARSE_FAILED", UNUSABLE_PACKAGE),
    (LATER, "it is not ready yet: wait for it"),
];

pub(super) fn request(at: At, package: &PackageId) -> Result<()> {
    let body = serde_json::json!({ "PackageId": package }).to_string();
    let what = format!("the request to transport the package to {}", at.short_name());
    let undone = format!("package {package} was not transported to {}", at.short_name());
    at.post("/transport", what, body, Verdicts::refusals(undone, &CODES)).once(At::accepted)
}
