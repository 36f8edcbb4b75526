//! Which polls are worth a line in a log.

use std::time::Duration;

use crate::event::QUIET;

/// Decides which polls are worth a log line: every change, and one a minute.
#[derive(Default)]
pub(super) struct Log {
    /// The time of the last line, and of the last one about a failure.
    last: Duration,
    last_failure: Option<Duration>,
}

impl Log {
    pub(super) fn quiet(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last)
    }

    /// Whether a status is routine.
    pub(super) fn status(&mut self, is_new: bool, now: Duration) -> bool {
        let routine = !is_new && self.quiet(now) < QUIET;
        if !routine {
            self.last = now;
        }
        routine
    }

    /// Whether a failure is routine. Failures that come and go count as new once a minute.
    pub(super) fn failure(&mut self, now: Duration) -> bool {
        let routine = self.last_failure.is_some_and(|last| now.saturating_sub(last) < QUIET);
        if !routine {
            (self.last, self.last_failure) = (now, Some(now));
        }
        routine
    }
}
