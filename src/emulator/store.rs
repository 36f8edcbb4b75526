//! Uploads, and their packages as the list of v1 shows them.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::id::{AppId, JobId, PackageId};

/// The documentation's example of a package.
pub(super) const DEPLOYED_PACKAGE: &str = "4ee10492-6cfc-4582-b825-a9040c0988ad";

/// An accepted upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The app that it was uploaded to.
    pub app_id: AppId,
    /// The name of the package: the decoded `?name=`, or `default.mda` (Deploy API v2, "Request Parameters").
    pub name: String,
    /// The `filename` of the part, with `%22`, `%0D` and `%0A` decoded.
    pub file_name: String,
    /// The size of the file in bytes.
    pub size: u64,
    /// The content of the file, unless it is larger than [`Emulator::keep_up_to`](super::Emulator::keep_up_to) allows.
    pub content: Option<Vec<u8>>,
    /// The id of the package in the response.
    pub package_id: PackageId,
    /// The id of the job in the response.
    pub job_id: JobId,
}

/// The package that is on the environments before anything is uploaded: the documentation's example.
pub(super) fn deployed(omitted: &[String]) -> Value {
    without(
        omitted,
        json!({
            "PackageId": DEPLOYED_PACKAGE,
            "Name": "Main line-1.1.5.9.mda",
            "Status": "Succeeded",
            "Description": "Initial app",
            "Creator": "Richard Ford",
            "CreationDate": 1_404_739_654_045_u64,
            "Version": "1.1.5.9",
            "Size": 1_999_059,
        }),
    )
}

/// The object without these fields.
pub(super) fn without(omitted: &[String], mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|name, _| !omitted.iter().any(|field| field == name));
    }
    object
}

/// When a package was made, and whether it is listed yet.
pub(super) struct Listing {
    pub(super) created: SystemTime,
    /// How many polls.
    pub(super) hidden_for: u32,
}

impl Listing {
    /// Counts a poll.
    pub(super) fn is_shown(&mut self) -> bool {
        let is_shown = self.hidden_for == 0;
        self.hidden_for = self.hidden_for.saturating_sub(1);
        is_shown
    }
}

/// A package as in Build API, "Retrieve Packages". How its status follows that of the job is documented nowhere.
pub(super) fn listed(received: &Received, created: SystemTime, job_status: &str, omitted: &[String]) -> Value {
    let status = match job_status {
        "Completed" => "Succeeded",
        "Running" => "Uploading",
        same => same,
    };
    let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let package = json!({
        "PackageId": received.package_id,
        "Name": received.name,
        "Status": status,
        "Description": null,
        "Creator": "Richard Ford",
        "CreationDate": u64::try_from(created.as_millis()).unwrap_or(u64::MAX),
        "Size": received.size,
    });
    without(omitted, package)
}
