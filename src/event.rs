//! Events: what an observer sees while a call blocks.

use std::fmt;
use std::time::Duration;

use crate::id::{JobId, PackageId};
use crate::status::JobStatus;

/// A step in an upload or a wait, passed to the observer set by [`Client::on_event`](crate::Client::on_event).
/// `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Upload progress: sent at the start, then at most once a second and once per percent, and at the end. A retried
    /// upload starts again at 0.
    #[non_exhaustive]
    Uploading {
        /// Bytes of the package that the operating system has accepted for sending.
        sent: u64,
        /// Size of the package in bytes.
        total: u64,
    },
    /// The server accepted the package. Sent before the first poll, so that the log has the ids even if the build is
    /// killed later.
    #[non_exhaustive]
    Accepted {
        /// The package that the job will create.
        package_id: PackageId,
        /// The job to wait for.
        job_id: JobId,
    },
    /// A poll returned a status.
    #[non_exhaustive]
    Polled {
        /// The job that was polled.
        job_id: JobId,
        /// Its status.
        status: JobStatus,
        /// Time since the wait began.
        elapsed: Duration,
        /// The pause until the next poll; `None` if this was the last one.
        next_poll: Option<Duration>,
    },
    /// A poll failed, and the wait goes on.
    #[non_exhaustive]
    PollFailed {
        /// The job that was polled.
        job_id: JobId,
        /// How long there has been no status.
        outage: Duration,
        /// The pause until the next poll.
        next_poll: Duration,
        /// What went wrong, in one line.
        reason: String,
    },
    /// An attempt failed and will be retried.
    #[non_exhaustive]
    Retrying {
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// The maximum number of attempts.
        of: u32,
        /// The pause before the next attempt.
        wait: Duration,
        /// What went wrong, in one line.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Uploading { sent, total } => {
                let percent = u128::from(*sent) * 100 / u128::from((*total).max(1));
                write!(f, "uploading: {} of {} ({percent} %)", Bytes(*sent), Bytes(*total))
            }
            Event::Accepted { package_id, job_id } => {
                write!(f, "upload accepted: package {package_id}, job {job_id}")
            }
            Event::Polled { job_id, status, elapsed, next_poll } => {
                write!(f, "job {job_id}: {status} after {}", Seconds(*elapsed))?;
                next_poll.map_or(Ok(()), |pause| write!(f, ", next poll in {}", Seconds(pause)))
            }
            Event::PollFailed { outage, next_poll, reason, .. } => {
                write!(f, "no status for {}, next poll in {}: {reason}", Seconds(*outage), Seconds(*next_poll))
            }
            Event::Retrying { attempt, of, wait, reason } => {
                write!(f, "attempt {attempt} of {of} failed, next one in {}: {reason}", Seconds(*wait))
            }
        }
    }
}

/// A size in bytes, formatted for people.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    #[allow(clippy::cast_precision_loss)] // one decimal is shown
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..0x400 => write!(f, "{bytes} bytes"),
            bytes @ 0x400..0x10_0000 => write!(f, "{:.1} KiB", bytes as f64 / f64::from(1 << 10)),
            bytes @ 0x10_0000..0x4000_0000 => write!(f, "{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
            bytes => write!(f, "{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        }
    }
}

/// A duration, formatted for people: tenths below ten seconds, minutes from two minutes on.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..10 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            whole @ 10..120 => write!(f, "{whole} s"),
            whole => write!(f, "{} min {} s", whole / 60, whole % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_one_readable_line() {
        let job_id: JobId = "j-1".parse().unwrap();
        let package_id: PackageId = "p-1".parse().unwrap();
        let s = Duration::from_secs;
        let polled = |status, elapsed, next_poll| Event::Polled { job_id: job_id.clone(), status, elapsed, next_poll };
        let reason = || "the server answered 502".to_owned();
        for (event, line) in [
            (Event::Uploading { sent: 0, total: 0 }, "uploading: 0 bytes of 0 bytes (0 %)"),
            (Event::Uploading { sent: 1536, total: 1 << 30 }, "uploading: 1.5 KiB of 1.0 GiB (0 %)"),
            (Event::Uploading { sent: 1023, total: 3 << 19 }, "uploading: 1023 bytes of 1.5 MiB (0 %)"),
            (
                Event::Uploading { sent: u64::MAX, total: u64::MAX },
                "uploading: 17179869184.0 GiB of 17179869184.0 GiB (100 %)",
            ),
            (Event::Accepted { package_id, job_id: job_id.clone() }, "upload accepted: package p-1, job j-1"),
            (polled(JobStatus::Running, s(65), Some(s(13) / 2)), "job j-1: Running after 65 s, next poll in 6.5 s"),
            (polled(JobStatus::Completed, s(125), None), "job j-1: Completed after 2 min 5 s"),
            (
                Event::PollFailed { job_id: job_id.clone(), outage: s(14), next_poll: s(1), reason: reason() },
                "no status for 14 s, next poll in 1.0 s: the server answered 502",
            ),
            (
                Event::Retrying { attempt: 1, of: 3, wait: s(1), reason: reason() },
                "attempt 1 of 3 failed, next one in 1.0 s: the server answered 502",
            ),
        ] {
            assert_eq!(event.to_string(), line);
        }
    }
}
