//! Polling: settings and schedule.

use std::time::Duration;

use crate::event::QUIET;

/// The shortest pause, whatever is set, so that a wait never becomes a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// A longer `Retry-After` is cut to this, because the job may end long before.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);

/// How often to poll a job, a package or an environment, and how long a call waits in total.
///
/// The first poll is made at once. Each pause after it is a tenth of the time elapsed, at least the interval (default 1
/// s) and at most the maximum interval (default 15 s): the end of a job is noticed within a tenth of its duration, and
/// half an hour takes about 150 requests. The server's `Retry-After` extends a pause, up to 5 min. A pause is shortened so
/// that a log gets a line every minute, and the last pause to the time left: the last poll is made when the timeout (default
/// 30 min) expires.
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
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_outage: Duration,
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

    /// The longest pause between two polls. Default 15 s; if it is below the interval, the interval counts.
    #[must_use]
    pub fn with_max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = interval;
        self
    }

    /// How long a call waits in total, over all its steps. Uploads and their retries do not count.
    /// Default 30 min. A wait blocks for at most this time plus one request; zero makes one poll.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits for a job or a package without a timeout; an outage still ends the wait. A search for an upload and the steps of
    /// a deployment, which might never end, keep 30 min.
    #[must_use]
    pub fn without_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// How long a wait continues without a status before it gives up. Default 5 min. A single failed poll never ends a
    /// wait, however long ago the last status was.
    #[must_use]
    pub fn with_max_outage(mut self, outage: Duration) -> Self {
        self.max_outage = outage;
        self
    }

    /// With the default timeout if there is none.
    pub(crate) fn with_an_end(&self) -> Poll {
        Poll { timeout: self.timeout.or(Poll::default().timeout), ..self.clone() }
    }

    /// How long a change may take to show: ten intervals.
    pub(crate) fn patience(&self) -> Duration {
        self.interval.max(MIN_INTERVAL).saturating_mul(10)
    }

    /// Whether less than a tenth of the timeout is left: too little to begin what takes long.
    pub(crate) fn is_nearly_over(&self, elapsed: Duration) -> bool {
        let timeout = self.with_an_end().timeout.unwrap_or_default();
        timeout.saturating_sub(elapsed) <= timeout / 10
    }

    /// With this much less time.
    pub(crate) fn less(&self, elapsed: Duration) -> Poll {
        Poll { timeout: self.timeout.map(|timeout| timeout.saturating_sub(elapsed)), ..self.clone() }
    }

    /// The pause after a poll that ended `elapsed` into the wait; `None` if the timeout has expired. `since` is the age of the
    /// current step, and `quiet` the time since the last line of a log.
    pub(crate) fn pause(
        &self,
        retry_after: Option<Duration>,
        elapsed: Duration,
        since: Duration,
        quiet: Duration,
    ) -> Option<Duration> {
        let left = self.timeout.unwrap_or(Duration::MAX).saturating_sub(elapsed);
        let longest = self.max_interval.min(QUIET.saturating_sub(quiet));
        let scheduled = (since / 10).min(longest).max(self.interval).max(MIN_INTERVAL);
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        (!left.is_zero()).then_some(scheduled.max(asked).min(left))
    }
}
