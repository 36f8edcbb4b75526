//! When to poll a job or the like: the settings, the schedule, and the loop that follows it. The twin of `retry`.

mod log;

use std::fmt;
use std::time::{Duration, Instant};

use log::Log;

use crate::error::{Error, ErrorKind, Result};
use crate::event::QUIET;
use crate::units::Seconds;

/// The shortest pause, whatever is set, so that a wait never becomes a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// A longer `Retry-After` is cut to this, because the job may end long before.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long a 404 is taken to mean "not visible yet".
const NOT_FOUND_GRACE: Duration = Duration::from_secs(30);

/// How often to poll a job, a package or an environment, and for how long.
///
/// The first poll is made at once. Each pause after it is a tenth of the time elapsed, at least the interval (default 1
/// s) and at most the maximum interval (default 15 s): the end of a job is noticed within a tenth of its duration, and
/// half an hour takes about 150 requests. The server's `Retry-After` extends a pause, up to 5 min. A pause is cut so that
/// a log gets a line every minute, and the last one to the time left: one last poll is made when the timeout (default 30
/// min) expires.
///
/// ```
/// use mendix_deploy::Poll;
/// use std::time::Duration;
///
/// let poll = Poll::default().with_timeout(Duration::from_secs(2 * 60 * 60));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    interval: Duration,
    max_interval: Duration,
    timeout: Option<Duration>,
    max_outage: Duration,
}

impl Default for Poll {
    fn default() -> Self {
        Poll {
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(15),
            timeout: Some(Duration::from_secs(30 * 60)),
            max_outage: Duration::from_secs(5 * 60),
        }
    }
}

impl Poll {
    /// The shortest pause between two polls. Default 1 s; anything below 100 ms counts as 100 ms.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The longest pause between two polls. Default 15 s; below the interval, the interval wins.
    #[must_use]
    pub fn with_max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = interval;
        self
    }

    /// How long to wait for the end. Default 30 min. The call blocks for at most this time plus one request;
    /// zero makes one poll.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits for as long as a job or a package takes. An outage still ends the wait. Other waits keep their 30 min.
    #[must_use]
    pub fn without_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// How long the wait may go on without a status before it gives up. Default 5 min. A single failed poll never ends
    /// a wait, however long ago the last status was.
    #[must_use]
    pub fn with_max_outage(mut self, outage: Duration) -> Self {
        self.max_outage = outage;
        self
    }

    /// The same with the default timeout if there is none.
    pub(crate) fn with_an_end(&self) -> Poll {
        Poll { timeout: self.timeout.or(Poll::default().timeout), ..self.clone() }
    }

    /// How long a change that was made is allowed not to show: ten intervals.
    #[cfg(feature = "environments")]
    pub(crate) fn patience(&self) -> Duration {
        self.interval.max(MIN_INTERVAL).saturating_mul(10)
    }

    /// The pause after a poll that ended `elapsed` into the wait, or `None` if the timeout has expired. A log has been
    /// `quiet` since its last line.
    fn pause(&self, retry_after: Option<Duration>, elapsed: Duration, quiet: Duration) -> Option<Duration> {
        let left = self.timeout.unwrap_or(Duration::MAX).saturating_sub(elapsed);
        let longest = self.max_interval.min(QUIET.saturating_sub(quiet));
        let scheduled = (elapsed / 10).min(longest).max(self.interval).max(MIN_INTERVAL);
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        (!left.is_zero()).then_some(scheduled.max(asked).min(left))
    }
}

/// What is waited for.
pub(crate) trait Subject {
    type Status: fmt::Display + PartialEq;

    /// Whether a 404 at first means "not visible yet".
    const MAY_APPEAR_LATE: bool;

    /// Its name in messages, such as "job 66046953 of app calc".
    fn name(&self) -> String;

    /// How to resume a wait that ended early, for messages.
    fn resume(&self) -> &'static str;

    fn has_ended(&self, status: &Self::Status) -> bool;

    /// Called with every status; `next_poll` is `None` after the last one. For `routine`, see [`Log`].
    fn polled(&self, status: &Self::Status, elapsed: Duration, next_poll: Option<Duration>, routine: bool);

    /// Called after every failed poll but the last; `outage` is how long there has been no status.
    fn poll_failed(&self, error: &Error, outage: Duration, next_poll: Duration, routine: bool);
}

/// What a poll brought.
pub(crate) struct Polled<S> {
    pub(crate) status: S,
    pub(crate) retry_after: Option<Duration>,
}

/// The clock of a wait. Tests have their own, so that they take no time.
pub(crate) trait Clock {
    /// The time since the wait began.
    fn elapsed(&self) -> Duration;
    fn sleep(&mut self, pause: Duration);
}

impl Clock for Instant {
    fn elapsed(&self) -> Duration {
        Instant::elapsed(self)
    }

    fn sleep(&mut self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// Polls with `ask` until the subject has ended, and returns its last status.
pub(crate) fn until<S: Subject>(
    poll: &Poll,
    clock: &mut dyn Clock,
    subject: &S,
    mut ask: impl FnMut() -> Result<Polled<S::Status>>,
) -> Result<S::Status> {
    let mut last_status = None;
    // The time of the last status, and the number of failures in a row.
    let (mut last_seen, mut failures) = (Duration::ZERO, 0_u32);
    let mut log = Log::default();
    loop {
        let answer = ask();
        let elapsed = clock.elapsed();
        let (pause, failure) = match answer {
            Ok(Polled { status, .. }) if subject.has_ended(&status) => {
                subject.polled(&status, elapsed, None, false);
                return Ok(status);
            }
            Ok(Polled { status, retry_after }) => {
                let routine = log.status(last_status.as_ref() != Some(&status), elapsed);
                let pause = poll.pause(retry_after, elapsed, log.quiet(elapsed));
                subject.polled(&status, elapsed, pause, routine);
                last_status = Some(status);
                (last_seen, failures) = (elapsed, 0);
                (pause, None)
            }
            Err(error) => {
                let not_found = error.status() == Some(404);
                if not_found && S::MAY_APPEAR_LATE && last_status.is_none() && elapsed < NOT_FOUND_GRACE {
                    failures = 0;
                } else if error.is_transient() || (not_found && last_status.is_some()) {
                    failures = failures.saturating_add(1);
                } else {
                    return Err(error);
                }
                let outage = elapsed.saturating_sub(last_seen);
                if failures >= 2 && outage >= poll.max_outage {
                    return Err(gave_up(subject, outage, error));
                }
                let routine = log.failure(elapsed);
                let pause = poll.pause(error.retry_after(), elapsed, log.quiet(elapsed));
                if let Some(pause) = pause {
                    subject.poll_failed(&error, outage, pause, routine);
                }
                (pause, Some(error))
            }
        };
        match pause {
            Some(pause) => clock.sleep(pause),
            None => return Err(still_running(subject, elapsed, last_status.as_ref(), failure)),
        }
    }
}

/// Has the kind of the last error, which is its source. Waiting again is harmless, whatever ended this wait.
fn gave_up<S: Subject>(subject: &S, outage: Duration, last: Error) -> Error {
    let message = format!(
        "gave up waiting for {}: no poll has brought a status for {} (Poll::with_max_outage); {} to go on waiting",
        subject.name(),
        Seconds(outage),
        subject.resume()
    );
    Error::new(last.kind(), message)
        .with_transient(true)
        .with_status(last.status())
        .with_code(last.code().map(str::to_owned))
        .with_retry_after(last.retry_after())
        .with_source(last)
}

fn still_running<S: Subject>(
    subject: &S,
    elapsed: Duration,
    last_status: Option<&S::Status>,
    failure: Option<Error>,
) -> Error {
    let (name, elapsed) = (subject.name(), Seconds(elapsed));
    let so_far = match last_status {
        Some(status) => {
            format!("{name} had not ended after {elapsed} (Poll::with_timeout; last status: {status}) and goes on")
        }
        None => format!("{name} has shown no status for {elapsed} (Poll::with_timeout) and may go on"),
    };
    let error = Error::new(ErrorKind::StillRunning, format!("{so_far}: {} to go on waiting", subject.resume()));
    match failure {
        Some(failure) => error.with_source(failure),
        None => error,
    }
}

#[cfg(test)]
mod tests;
