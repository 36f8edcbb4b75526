//! When to poll a job or the like: the settings, the schedule, and the loop that follows it. The twin of `retry`.

mod log;

use std::fmt::Display;
use std::time::{Duration, Instant};

use log::Log;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, QUIET, Subject};
use crate::id::AppId;
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

/// What a poll says.
pub(crate) struct Look<T> {
    /// In a few words. If there are none, an event of its own or an error says more.
    pub(crate) status: String,
    /// How the wait has ended, if it has.
    pub(crate) end: Option<Result<T>>,
    pub(crate) retry_after: Option<Duration>,
}

impl<T> Look<T> {
    pub(crate) fn not_yet(status: impl Display, retry_after: Option<Duration>) -> Look<T> {
        Look { status: status.to_string(), end: None, retry_after }
    }

    pub(crate) fn ended(end: Result<T>) -> Look<T> {
        Look { status: String::new(), end: Some(end), retry_after: None }
    }
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

/// What is waited for, and how it is told.
pub(crate) struct Wait<'a> {
    pub(crate) client: &'a Client,
    pub(crate) app: &'a AppId,
    pub(crate) subject: Subject,
    /// In messages, such as "job 66046953 of app calc".
    pub(crate) name: String,
    /// How to resume a wait that ended early, for messages; empty if whoever waits says it.
    pub(crate) resume: &'static str,
    /// Whether a 404 at first means "not visible yet".
    pub(crate) may_appear_late: bool,
}

impl Wait<'_> {
    /// Looks until there is an end.
    pub(crate) fn until_end<T>(&self, poll: &Poll, look: impl FnMut() -> Result<Look<T>>) -> Result<T> {
        self.by(&mut Instant::now(), poll, look)
    }

    fn by<T>(&self, clock: &mut dyn Clock, poll: &Poll, mut look: impl FnMut() -> Result<Look<T>>) -> Result<T> {
        let mut last_status: Option<String> = None;
        // The time of the last status, and the number of failures in a row.
        let (mut last_seen, mut failures) = (Duration::ZERO, 0_u32);
        let mut log = Log::default();
        loop {
            let looked = look();
            let elapsed = clock.elapsed();
            let (pause, failure) = match looked {
                Ok(Look { status, end: Some(end), .. }) => {
                    if !status.is_empty() {
                        self.notify_polled(status, elapsed, None, false);
                    }
                    return end;
                }
                Ok(Look { status, retry_after, .. }) => {
                    let routine = log.status(last_status.as_ref() != Some(&status), elapsed);
                    let pause = poll.pause(retry_after, elapsed, log.quiet(elapsed));
                    self.notify_polled(status.clone(), elapsed, pause, routine);
                    last_status = Some(status);
                    (last_seen, failures) = (elapsed, 0);
                    (pause, None)
                }
                Err(error) => {
                    let not_found = error.status() == Some(404);
                    if not_found && self.may_appear_late && last_status.is_none() && elapsed < NOT_FOUND_GRACE {
                        failures = 0;
                    } else if error.is_transient() || (not_found && last_status.is_some()) {
                        failures = failures.saturating_add(1);
                    } else {
                        return Err(error);
                    }
                    let outage = elapsed.saturating_sub(last_seen);
                    if failures >= 2 && outage >= poll.max_outage {
                        return Err(self.gave_up(outage, error));
                    }
                    let routine = log.failure(elapsed);
                    let pause = poll.pause(error.retry_after(), elapsed, log.quiet(elapsed));
                    if let Some(next_poll) = pause {
                        let (app, subject, reason) = (self.app.clone(), self.subject.clone(), error.reason());
                        let failed = Event::PollFailed { app, subject, outage, next_poll, reason, routine };
                        self.client.notify(&failed);
                    }
                    (pause, Some(error))
                }
            };
            match pause {
                Some(pause) => clock.sleep(pause),
                None => return Err(self.still_running(elapsed, last_status.as_deref(), failure)),
            }
        }
    }

    fn notify_polled(&self, status: String, elapsed: Duration, next_poll: Option<Duration>, routine: bool) {
        let (app, subject) = (self.app.clone(), self.subject.clone());
        self.client.notify(&Event::Polled { app, subject, status, elapsed, next_poll, routine });
    }

    /// Has the kind of the last error, which is its source. Waiting again is harmless, whatever ended this wait.
    fn gave_up(&self, outage: Duration, last: Error) -> Error {
        let (name, outage) = (&self.name, Seconds(outage));
        let message = format!(
            "gave up waiting for {name}: no poll has brought a status for {outage} (Poll::with_max_outage){}",
            self.how_to_resume("; ")
        );
        Error::new(last.kind(), message)
            .with_transient(true)
            .with_status(last.status())
            .with_code(last.code().map(str::to_owned))
            .with_retry_after(last.retry_after())
            .with_source(last)
    }

    fn still_running(&self, elapsed: Duration, last_status: Option<&str>, failure: Option<Error>) -> Error {
        let (name, elapsed) = (&self.name, Seconds(elapsed));
        let so_far = match last_status {
            Some(status) => {
                format!("{name} had not ended after {elapsed} (Poll::with_timeout; last status: {status}) and goes on")
            }
            None => format!("{name} has shown no status for {elapsed} (Poll::with_timeout) and may go on"),
        };
        let error = Error::new(ErrorKind::StillRunning, so_far + &self.how_to_resume(": "));
        match failure {
            Some(failure) => error.with_source(failure),
            None => error,
        }
    }

    fn how_to_resume(&self, before: &str) -> String {
        if self.resume.is_empty() { String::new() } else { format!("{before}{} to go on waiting", self.resume) }
    }
}

#[cfg(test)]
mod tests;
