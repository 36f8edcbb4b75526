//! Retries: settings, the pure decision, and the loop.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::id::AppId;
use crate::random;
use crate::units::Seconds;

/// Retry policy for calls that were **not accepted**.
///
/// By default, 3 attempts with exponential backoff: about 1 s, then 2 s, doubling up to 20 s. Jitter shortens each wait
/// by up to half, so that builds that failed together do not retry together. The server's `Retry-After` is a lower
/// bound; if it exceeds the maximum wait, the call gives up and says so.
///
/// An upload that may have been accepted is never retried, whatever is set here. The polls of
/// [`wait_for_job`](crate::wait_for_job) follow [`Poll`](crate::Poll) instead.
///
/// ```
/// use mendix_deploy::Retry;
/// use std::time::Duration;
///
/// let patient = Retry::default().with_attempts(6).with_max_wait(Duration::from_secs(120));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first_wait: Duration,
    max_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { attempts: 3, first_wait: Duration::from_secs(1), max_wait: Duration::from_secs(20) }
    }
}

impl Retry {
    /// Never retries: one attempt.
    pub fn never() -> Self {
        Retry::default().with_attempts(1)
    }

    /// The maximum number of attempts; 0 counts as 1. Default 3.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The backoff after the first attempt; it doubles after each further one. Default 1 s.
    #[must_use]
    pub fn with_first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The maximum wait between two attempts, and the longest `Retry-After` that is honoured. Default 20 s.
    #[must_use]
    pub fn with_max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// The wait after attempt `attempt` (from 1) failed with `error`. If that was the last one: a note that says why, and the
    /// setting responsible. `jitter` is between 0 and 1.
    fn next_wait(&self, attempt: u32, error: &Error, jitter: f64) -> Result<Duration, (String, Option<&'static str>)> {
        // An upload that may have been accepted is never transient.
        if !error.is_transient() {
            return Err((String::new(), None));
        }
        let asked = error.retry_after().unwrap_or_default();
        if asked > self.max_wait {
            let (asked, allowed) = (Seconds(asked), Seconds(self.max_wait));
            return Err((format!("; not retried: {asked} is longer than {allowed}"), Some("Retry::with_max_wait")));
        }
        if attempt >= self.attempts {
            let note = if attempt == 1 { String::new() } else { format!(" (attempt {attempt} of {})", self.attempts) };
            return Err((note, None));
        }
        let doublings = attempt.saturating_sub(1).min(31);
        let wait = self.first_wait.saturating_mul(1 << doublings).min(self.max_wait);
        // Halved first, because `Duration::MAX` as a float rounds up beyond the range.
        let wait = wait.saturating_sub((wait / 2).mul_f64(jitter.clamp(0.0, 1.0)));
        Ok(wait.max(asked))
    }
}

/// Calls `attempt` until it succeeds or `retry` gives up. `app` and `file` are for events.
pub(crate) fn repeat<T>(
    retry: &Retry,
    (app, file): (&AppId, Option<&Path>),
    notify: &dyn Fn(&Event),
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut number = 1_u32;
    let mut earlier: Option<String> = None;
    loop {
        let error = match attempt() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = match retry.next_wait(number, &error, random::fraction()) {
            Ok(wait) => wait,
            Err((note, setting)) => {
                let of = retry.attempts;
                let earlier = match earlier.filter(|_| !error.is_transient()) {
                    None => String::new(),
                    Some(_) if error.kind() == ErrorKind::OutcomeUnknown => format!("; attempt {number} of {of}"),
                    // A refusal such as 409 may be due to the attempt before.
                    Some(why) => format!("; this was attempt {number} of {of}, after one that failed ({why})"),
                };
                return Err(error.with_note(&note).with_note(&earlier).with_setting(setting));
            }
        };
        earlier = Some(error.in_brief());
        let (app, file) = (app.clone(), file.map(Path::to_owned));
        notify(&Event::Retrying { app, file, attempt: number, of: retry.attempts, wait, reason: error.one_line() });
        std::thread::sleep(wait);
        number = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Response;

    const S: Duration = Duration::from_secs(1);

    fn refused() -> Error {
        Error::new(ErrorKind::Connect, "refused").with_transient(true)
    }

    fn asking_for(wait: Duration) -> Error {
        let response = Response { retry_after: Some(wait), ..Response::bare(429) };
        Error::new(ErrorKind::Rejected, "later").with_transient(true).with_response(response)
    }

    #[test]
    fn waits_double_from_the_first_to_the_longest_and_end_with_the_attempts() {
        let retry = Retry::default().with_attempts(8).with_max_wait(20 * S);
        let waits: Vec<_> = (1..=8).map(|n| retry.next_wait(n, &refused(), 0.0)).collect();
        let expected: Vec<_> = [1, 2, 4, 8, 16, 20, 20].iter().map(|s| Ok(*s * S)).collect();
        assert_eq!(waits[..7], expected[..]);
        assert_eq!(waits[7], Err((" (attempt 8 of 8)".to_owned(), None)));
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        let retry = Retry::default();
        assert_eq!(retry.next_wait(1, &refused(), 1.0), Ok(S / 2));
        assert_eq!(retry.next_wait(1, &refused(), 0.5), Ok(S * 3 / 4));
        assert_eq!(retry.next_wait(1, &refused(), 7.0), Ok(S / 2));
    }

    #[test]
    fn an_error_that_is_not_transient_ends_the_attempts() {
        let unknown = Error::new(ErrorKind::OutcomeUnknown, "?");
        let gave_up = Err((String::new(), None));
        assert_eq!(Retry::default().next_wait(1, &unknown, 0.0), gave_up);
        let wrong_key = Error::new(ErrorKind::Rejected, "no").with_response(Response::bare(401));
        assert_eq!(Retry::default().next_wait(1, &wrong_key, 0.0), gave_up);
        assert_eq!(Retry::never().next_wait(1, &refused(), 0.0), gave_up);
        assert_eq!(Retry::default().with_attempts(0).next_wait(1, &refused(), 0.0), gave_up);
    }

    #[test]
    fn retry_after_is_a_lower_bound_up_to_the_longest_wait() {
        let retry = Retry::default();
        assert_eq!(retry.next_wait(1, &asking_for(7 * S), 0.9), Ok(7 * S));
        assert_eq!(retry.next_wait(1, &asking_for(Duration::ZERO), 0.0), Ok(S));
        assert_eq!(retry.next_wait(1, &asking_for(20 * S), 0.0), Ok(20 * S));
        assert!(retry.next_wait(1, &asking_for(21 * S), 0.0).is_err_and(|(note, _)| note.contains("21 s")));
    }

    #[test]
    fn no_wait_is_longer_than_allowed_or_shorter_than_asked() {
        for _ in 0..10_000 {
            let (first, longest, asked) = (random::duration(), random::duration(), random::duration());
            let attempt = u32::try_from(random::bits() >> 32).unwrap() >> random::below(32);
            let retry = Retry::default().with_attempts(u32::MAX).with_first_wait(first).with_max_wait(longest);
            match retry.next_wait(attempt, &asking_for(asked), [0.0, 1e-300, random::fraction(), 1.0][random::below(4)])
            {
                Ok(wait) => assert!(asked <= wait && wait <= longest, "{retry:?}, {asked:?}, {attempt}"),
                Err(_) => {
                    assert!(asked > longest || attempt == u32::MAX, "{retry:?}, {asked:?}, {attempt}");
                }
            }
        }
    }
}
