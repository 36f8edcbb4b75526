#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
compile_error!("mendix-deploy needs TLS: enable the feature `rustls` (the default) or `native-tls`");

mod answer;
mod base_url;
mod call;
mod check;
mod client;
mod credentials;
#[cfg(feature = "environments")]
mod deploy;
#[cfg(feature = "emulator")]
#[cfg_attr(docsrs, doc(cfg(feature = "emulator")))]
pub mod emulator;
#[cfg(feature = "environments")]
mod environments;
mod error;
mod event;
mod file;
mod find_upload;
#[doc = include_str!("guide.md")]
pub mod guide {}
mod http;
mod id;
mod job;
mod json;
mod packages;
mod poll;
mod random;
mod retry;
mod status;
mod text;
mod units;
mod upload;
mod wait;

pub use check::check;
pub use client::Client;
#[cfg(feature = "environments")]
#[cfg_attr(docsrs, doc(cfg(feature = "environments")))]
pub use deploy::{Deploy, Deployed, deploy_package};
#[cfg(feature = "environments")]
#[cfg_attr(docsrs, doc(cfg(feature = "environments")))]
pub use environments::{
    Environment, Start, environment, environment_package, list_environments, start_environment, stop_environment,
    transport_package,
};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "environments")]
#[cfg_attr(docsrs, doc(cfg(feature = "environments")))]
pub use event::DeployStep;
pub use event::{Event, Subject};
pub use find_upload::find_upload;
#[cfg(feature = "environments")]
#[cfg_attr(docsrs, doc(cfg(feature = "environments")))]
pub use id::EnvironmentName;
pub use id::{AppId, JobId, PackageId};
pub use job::{job_status, wait_for_job};
pub use packages::{Package, list_packages, wait_for_package};
pub use poll::Poll;
pub use retry::Retry;
#[cfg(feature = "environments")]
#[cfg_attr(docsrs, doc(cfg(feature = "environments")))]
pub use status::EnvironmentStatus;
pub use status::{JobStatus, PackageStatus};
pub use upload::{Upload, UploadedPackage, upload_and_wait, upload_package};
