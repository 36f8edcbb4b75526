//! The jobs that uploads create, and when and how they end.

use std::time::{Duration, Instant};

/// How jobs end; see [`Emulator::jobs_end`](super::Emulator::jobs_end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JobEnd {
    /// The package has been made.
    #[default]
    Completed,
    /// The package could not be made.
    Failed,
    /// Never: the job stays `Running`.
    Never,
}

/// When jobs end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    Polls(u32),
    Time(Duration),
}

impl Default for Pace {
    fn default() -> Self {
        Pace::Polls(1)
    }
}

pub(super) struct Job {
    created: Instant,
    polls: u32,
    /// The status it ended with, which is final.
    ended: Option<&'static str>,
}

impl Job {
    pub(super) fn new(created: Instant) -> Job {
        Job { created, polls: 0, ended: None }
    }

    /// Counts a poll and returns the status.
    pub(super) fn poll(&mut self, pace: Pace, end: JobEnd, now: Instant) -> &'static str {
        self.polls = self.polls.saturating_add(1);
        let elapsed = now.saturating_duration_since(self.created);
        let (is_over, is_queued) = match pace {
            Pace::Polls(polls) => (self.polls >= polls, self.polls == 1),
            Pace::Time(time) => (elapsed >= time, elapsed < time / 10),
        };
        self.ended = self.ended.or(match end {
            JobEnd::Completed if is_over => Some("Completed"),
            JobEnd::Failed if is_over => Some("Failed"),
            _ => None,
        });
        self.ended.unwrap_or(if is_queued && !is_over { "Queued" } else { "Running" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(pace: Pace, end: JobEnd, at: [u64; 5]) -> [&'static str; 5] {
        let created = Instant::now();
        let mut job = Job::new(created);
        at.map(|second| job.poll(pace, end, created + Duration::from_secs(second)))
    }

    #[test]
    fn a_job_ends_when_and_how_it_was_configured() {
        let by_polls = |n| polls(Pace::Polls(n), JobEnd::Completed, [0; 5]);
        assert_eq!((by_polls(0), by_polls(1)), (["Completed"; 5], ["Completed"; 5]));
        assert_eq!(by_polls(2), ["Queued", "Completed", "Completed", "Completed", "Completed"]);
        assert_eq!(by_polls(4), ["Queued", "Running", "Running", "Completed", "Completed"]);
        assert_eq!(by_polls(u32::MAX), ["Queued", "Running", "Running", "Running", "Running"]);
        let by_time = |time| polls(Pace::Time(time), JobEnd::Failed, [0, 9, 10, 99, 100]);
        assert_eq!(by_time(Duration::from_secs(100)), ["Queued", "Queued", "Running", "Running", "Failed"]);
        assert_eq!((by_time(Duration::ZERO), by_time(Duration::MAX)), (["Failed"; 5], ["Queued"; 5]));
    }
}
