//! State shared by all connections: the settings, and the uploads with their jobs and packages.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::codes::{self, Documented};
use super::fault::{Faults, Meanwhile};
use super::form::Part;
use super::pace::{Job, JobEnd, Pace};
use super::runtime::Environment;
use super::store::{self, DEPLOYED_PACKAGE, Listing, Received};
use crate::error::Result;
use crate::id::{AppId, JobId, PackageId};
use crate::random;

/// Everything that outlives a connection.
#[derive(Default)]
pub(super) struct State {
    pub(super) pace: Pace,
    pub(super) end: JobEnd,
    pub(super) refuses_credentials: bool,
    pub(super) refuses_v1: bool,
    pub(super) faults: Faults,
    /// Bytes per second; 0 is no limit.
    pub(super) bandwidth: u64,
    /// See [`keep_up_to`](super::Emulator::keep_up_to).
    pub(super) keep: Option<u64>,
    pub(super) requests: usize,
    /// How many polls of the list do not show a package.
    pub(super) hidden_for: u32,
    /// How far the server's clock is behind.
    pub(super) clock_behind: Duration,
    /// Fields that are left out of packages and environments.
    pub(super) omitted: Vec<String>,
    pub(super) uploads: Vec<Upload>,
    /// The environments of all apps that were requested.
    environments: Vec<Environment>,
    /// What somebody else does, and after how many requests about environments.
    pub(super) meanwhile: Vec<(usize, Meanwhile)>,
    /// Whether a package can be transported while the app runs.
    pub(super) transports_while_running: bool,
    /// What was done to environments.
    pub(super) steps: Vec<String>,
}

/// An accepted upload, its job and its package.
pub(super) struct Upload {
    pub(super) received: Received,
    job: Job,
    listing: Listing,
}

impl State {
    /// Records an upload and creates its job.
    pub(super) fn record(&mut self, app: AppId, name: String, part: Part) -> Result<(PackageId, JobId)> {
        let (package_id, job_id): (PackageId, JobId) = (uuid().parse()?, uuid().parse()?);
        let Part { file_name, size, content } = part;
        let ids = (package_id.clone(), job_id.clone());
        let received = Received { app_id: app, name, file_name, size, content, package_id, job_id };
        let listing = Listing { created: SystemTime::now(), hidden_for: self.hidden_for };
        self.uploads.push(Upload { received, job: Job::new(Instant::now()), listing });
        Ok(ids)
    }

    /// By the server's clock.
    pub(super) fn now(&self) -> SystemTime {
        earlier(SystemTime::now(), self.clock_behind)
    }

    pub(super) fn age_packages(&mut self, by: Duration) {
        for Upload { listing, .. } in &mut self.uploads {
            listing.created = earlier(listing.created, by);
        }
    }

    /// Polls a job, which exists only under its own app.
    pub(super) fn poll(&mut self, app: &AppId, job: &JobId) -> Option<&'static str> {
        let upload = self.uploads.iter_mut().find(|upload| upload.received.job_id == *job)?;
        (upload.received.app_id == *app).then(|| upload.job.poll(self.pace, self.end, Instant::now()))
    }

    /// The listed packages of an app, or one of them. Counts as a poll of their jobs.
    pub(super) fn packages(&mut self, app: &AppId, only: Option<&PackageId>) -> Vec<Value> {
        let mut found = Vec::new();
        for Upload { received, job, listing } in &mut self.uploads {
            let is_wanted = received.app_id == *app && only.is_none_or(|id| received.package_id == *id);
            if is_wanted && listing.is_shown() {
                let status = job.poll(self.pace, self.end, Instant::now());
                let created = earlier(listing.created, self.clock_behind);
                found.push(store::listed(received, created, status, &self.omitted));
            }
        }
        found
    }

    /// One package. The one that is on the environments at first is not in the list.
    pub(super) fn package(&mut self, app: &AppId, package: &PackageId) -> Option<Value> {
        let deployed = (package.as_str() == DEPLOYED_PACKAGE).then(|| store::deployed(&self.omitted));
        self.packages(app, Some(package)).pop().or(deployed)
    }

    /// Whether a package can be transported.
    pub(super) fn check_ready(&mut self, app: &AppId, package: &PackageId) -> Result<(), Documented> {
        if package.as_str() == DEPLOYED_PACKAGE {
            return Ok(());
        }
        let found = self.uploads.iter().find(|upload| upload.received.package_id == *package);
        let job = found.map(|upload| upload.received.job_id.clone());
        match job.and_then(|job| self.poll(app, &job)) {
            Some("Completed") => Ok(()),
            Some("Failed") => Err(codes::NOT_ALLOWED),
            Some(_) => Err(codes::LATER),
            None => Err(codes::PACKAGE_NOT_FOUND),
        }
    }

    pub(super) fn environments(&mut self, app: &AppId) -> impl Iterator<Item = &mut Environment> {
        if !self.environments.iter().any(|environment| environment.app == *app) {
            self.environments.extend(Environment::all_of(app));
        }
        self.environments.iter_mut().filter(move |environment| environment.app == *app)
    }

    /// Names are case-sensitive.
    pub(super) fn environment(&mut self, app: &AppId, mode: &str) -> Option<&mut Environment> {
        self.environments(app).find(|environment| environment.mode == mode)
    }
}

fn earlier(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_sub(by).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A random UUID (RFC 9562 §5.4), the shape of the service's own ids.
pub(super) fn uuid() -> String {
    let (high, low) = (random::bits(), random::bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        ((low >> 48) & 0x3fff) | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

/// A thread that panicked with the lock held left the state consistent, because each value is set in one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
