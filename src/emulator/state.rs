//! State shared by all connections: the settings, the uploads, and the jobs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::fault::Faults;
use super::form::Part;
use super::jobs::{Job, JobEnd, Pace};
use crate::error::Result;
use crate::id::{AppId, JobId, PackageId};
use crate::random;

/// Everything that outlives a connection.
pub(super) struct State {
    pub(super) pace: Pace,
    pub(super) end: JobEnd,
    pub(super) refuses_credentials: bool,
    pub(super) upload_faults: Faults,
    pub(super) poll_faults: Faults,
    /// Bytes per second; 0 is no limit.
    pub(super) bandwidth: u64,
    /// The content of files of up to this many bytes is kept.
    pub(super) keep: u64,
    pub(super) requests: usize,
    pub(super) uploads: Vec<Received>,
    jobs: HashMap<JobId, Job>,
}

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

impl Default for State {
    fn default() -> Self {
        State {
            pace: Pace::Polls(1),
            end: JobEnd::Completed,
            refuses_credentials: false,
            upload_faults: Faults::default(),
            poll_faults: Faults::default(),
            bandwidth: 0,
            keep: 1 << 20,
            requests: 0,
            uploads: Vec::new(),
            jobs: HashMap::new(),
        }
    }
}

impl State {
    /// Records an upload and creates its job.
    pub(super) fn record(&mut self, app: AppId, name: String, part: Part) -> Result<(PackageId, JobId)> {
        let (package_id, job_id): (PackageId, JobId) = (uuid().parse()?, uuid().parse()?);
        self.jobs.insert(job_id.clone(), Job::new(app.clone(), Instant::now()));
        let Part { file_name, size, content } = part;
        let ids = (package_id.clone(), job_id.clone());
        self.uploads.push(Received { app_id: app, name, file_name, size, content, package_id, job_id });
        Ok(ids)
    }

    /// Polls a job, which exists only under its own app.
    pub(super) fn poll(&mut self, app: &AppId, job: &JobId) -> Option<&'static str> {
        let job = self.jobs.get_mut(job).filter(|job| job.app == *app)?;
        Some(job.poll(self.pace, self.end, Instant::now()))
    }
}

/// A random UUID (RFC 9562 §5.4), the shape of the service's own ids.
fn uuid() -> String {
    let (high, low) = (random::bits(), random::bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

/// A thread that panicked with the lock held left the state consistent, because each value is set in one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
