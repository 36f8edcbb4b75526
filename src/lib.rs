#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
compile_error!("mendix-deploy needs TLS: enable the feature `rustls` (the default) or `native-tls`");

// The house, from the top. A module imports only from its own floor and from those below; a test reads this.

// A server to test against, and what is promised.
#[cfg(feature = "emulator")]
#[cfg_attr(docsrs, doc(cfg(feature = "emulator")))]
pub mod emulator;
#[doc = include_str!("guide.md")]
pub mod guide {}

// What users call: a file for each page of the API, or for each task.
mod check;
mod deploy;
mod environments;
mod find_upload;
mod job;
mod packages;
mod upload;

// What the calls share: one request, what its answer means, and the wait for an end. A new call begins at `call`.
mod answer;
mod call;
mod wait;

// Where requests go, and how; all of ureq.
mod client;
mod http;

// Settings, and input that is checked where it is made.
mod base_url;
mod file;
mod poll;
mod retry;

// The vocabulary, and what is read and shown of foreign text.
mod error;
mod event;
mod id;
mod json;
mod key;
mod secrets;
mod status;

// Leaves.
mod random;
mod text;
mod units;

pub use check::check;
pub use client::Client;
pub use deploy::{Deploy, Deployed, deploy_package};
pub use environments::{
    Environment, Start, environment, environment_package, list_environments, start_environment, stop_environment,
    transport_package,
};
pub use error::{Error, ErrorKind, Result};
pub use event::DeployStep;
pub use event::{Event, Subject};
pub use find_upload::find_upload;
pub use id::EnvironmentName;
pub use id::{AppId, JobId, PackageId};
pub use job::{job_status, wait_for_job};
pub use packages::{Package, list_packages, wait_for_package};
pub use poll::Poll;
pub use retry::Retry;
pub use status::EnvironmentStatus;
pub use status::{JobStatus, PackageStatus};
pub use upload::{Upload, UploadedPackage, upload_and_wait, upload_package};
