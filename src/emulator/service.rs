//! What all connections share: the settings, what was uploaded, and the jobs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::form::Part;
use crate::error::Result;
use crate::id::{AppId, JobId, PackageId};
use crate::random;

pub(super) const USERNAME: &str = "richard.ford51@example.com";
pub(super) const API_KEY: &str = "26587896-1cef-4483-accf-ad304e2673d6";

/// Everything that outlives a connection.
#[derive(Default)]
pub(super) struct Service {
    settings: Mutex<Settings>,
    records: Mutex<Records>,
    requests: AtomicUsize,
}

/// What the methods of the emulator set.
pub(super) struct Settings {
    pub(super) pace: Pace,
    pub(super) fails: bool,
    pub(super) refuses_credentials: bool,
    pub(super) next_answers: NextAnswers,
    pub(super) keep: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            pace: Pace::Polls(3),
            fails: false,
            refuses_credentials: false,
            next_answers: NextAnswers { calls: 0, status: 500, at_once: false },
            keep: 1 << 20,
        }
    }
}

/// So many calls get this status, at once or after the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextAnswers {
    pub(super) calls: u32,
    pub(super) status: u16,
    pub(super) at_once: bool,
}

/// When a job ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    Polls(u32),
    Time(Duration),
}

#[derive(Default)]
struct Records {
    uploads: Vec<Received>,
    jobs: HashMap<JobId, Job>,
}

struct Job {
    app: AppId,
    pace: Pace,
    fails: bool,
    polls: u32,
    created: Instant,
}

/// An upload that was accepted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The app it was uploaded to.
    pub app_id: AppId,
    /// The name of the package: `?name=`, decoded, or `default.mda` without it (Deploy API v2, "Request Parameters").
    pub name: String,
    /// The `filename` of the part, with `%22`, `%0D` and `%0A` decoded, as forms encode them.
    pub file_name: String,
    /// The length of the file in bytes.
    pub size: u64,
    /// The file itself, unless it is larger than [`Emulator::keep_up_to`](super::Emulator::keep_up_to) allows.
    pub content: Option<Vec<u8>>,
    /// The id that was answered for the package.
    pub package_id: PackageId,
    /// The id that was answered for the job.
    pub job_id: JobId,
}

impl Service {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn uploads(&self) -> Vec<Received> {
        lock(&self.records).uploads.clone()
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// What this call is to be answered with, whatever it asks for.
    pub(super) fn take_next_answer(&self) -> Option<NextAnswers> {
        let next = &mut self.settings().next_answers;
        next.calls = next.calls.checked_sub(1)?;
        Some(*next)
    }

    pub(super) fn accepts(&self, username: Option<&str>, api_key: Option<&str>) -> bool {
        !self.settings().refuses_credentials && username == Some(USERNAME) && api_key == Some(API_KEY)
    }

    /// Keeps an upload and creates its job.
    pub(super) fn record(&self, app: AppId, name: String, part: Part) -> Result<(PackageId, JobId)> {
        let (package_id, job_id): (PackageId, JobId) = (uuid().parse()?, uuid().parse()?);
        let (pace, fails) = {
            let settings = self.settings();
            (settings.pace, settings.fails)
        };
        let job = Job { app: app.clone(), pace, fails, polls: 0, created: Instant::now() };
        let Part { file_name, size, content } = part;
        let (package, id) = (package_id.clone(), job_id.clone());
        let mut records = lock(&self.records);
        records.jobs.insert(job_id.clone(), job);
        records.uploads.push(Received { app_id: app, name, file_name, size, content, package_id, job_id });
        Ok((package, id))
    }

    /// One poll of a job. There is none under another app than its own.
    pub(super) fn poll(&self, app: &AppId, job: &JobId, now: Instant) -> Option<&'static str> {
        lock(&self.records).jobs.get_mut(job).filter(|job| job.app == *app).map(|job| job.poll(now))
    }
}

impl Job {
    fn poll(&mut self, now: Instant) -> &'static str {
        self.polls = self.polls.saturating_add(1);
        let elapsed = now.saturating_duration_since(self.created);
        let (ended, queued) = match self.pace {
            Pace::Polls(polls) => (self.polls >= polls, self.polls == 1),
            Pace::Time(time) => (elapsed >= time, elapsed < time / 10),
        };
        match (ended, queued) {
            (true, _) if self.fails => "Failed",
            (true, _) => "Completed",
            (false, true) => "Queued",
            (false, false) => "Running",
        }
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

/// A thread that panicked with the lock held left every value whole: each is set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(pace: Pace, fails: bool, at: &[u64]) -> Vec<&'static str> {
        let created = Instant::now();
        let mut job = Job { app: "calc".parse().unwrap(), pace, fails, polls: 0, created };
        at.iter().map(|second| job.poll(created + Duration::from_secs(*second))).collect()
    }

    #[test]
    fn a_job_ends_at_the_poll_that_was_asked_for_and_stays_ended() {
        let by_polls = |n| polls(Pace::Polls(n), false, &[0; 5]);
        assert_eq!(by_polls(0), ["Completed"; 5]);
        assert_eq!(by_polls(1), ["Completed"; 5]);
        assert_eq!(by_polls(2), ["Queued", "Completed", "Completed", "Completed", "Completed"]);
        assert_eq!(by_polls(4), ["Queued", "Running", "Running", "Completed", "Completed"]);
        assert_eq!(by_polls(u32::MAX), ["Queued", "Running", "Running", "Running", "Running"]);
    }

    #[test]
    fn a_job_ends_at_the_time_that_was_asked_for() {
        let by_time = |time| polls(Pace::Time(time), true, &[0, 9, 10, 99, 100]);
        let in_between = ["Queued", "Queued", "Running", "Running", "Failed"];
        assert_eq!(by_time(Duration::from_secs(100)), in_between);
        assert_eq!(by_time(Duration::ZERO), ["Failed"; 5]);
        assert_eq!(by_time(Duration::MAX), ["Queued"; 5]);
    }
}
