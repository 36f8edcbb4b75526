//! The loop that waits: polls, reports, and pauses as [`Poll`] says. The counterpart of `retry`.

mod log;

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

use log::Log;

use crate::client::Client;
use crate::error::{Advice, Error, ErrorKind, Result, SaidBy};
use crate::event::{Event, Subject};
use crate::id::AppId;
use crate::poll::Poll;
use crate::units::Seconds;

/// How long a 404 means "not visible yet".
const NOT_FOUND_GRACE: Duration = Duration::from_secs(30);

/// The result of one poll.
pub(crate) struct Polled<T> {
    /// In a few words; empty if another event or an error says more.
    status: String,
    /// The end of the wait, if it has ended.
    end: Option<Result<T>>,
    retry_after: Option<Duration>,
    /// Whether a new step has begun, so that pauses are short again.
    is_new: bool,
}

impl<T> Polled<T> {
    pub(crate) fn at(status: impl Display, retry_after: Option<Duration>) -> Polled<T> {
        Polled { status: status.to_string(), end: None, retry_after, is_new: false }
    }

    /// An end that another event or an error reports.
    pub(crate) fn ended(end: Result<T>) -> Polled<T> {
        Polled::at("", None).with_end(Some(end))
    }

    pub(crate) fn with_end(self, end: Option<Result<T>>) -> Polled<T> {
        Polled { end, ..self }
    }

    pub(crate) fn with_new_step(self, is_new: bool) -> Polled<T> {
        Polled { is_new, ..self }
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

/// What is waited for, and how it is reported.
pub(crate) struct Wait<'a> {
    client: &'a Client,
    app: &'a AppId,
    subject: Subject,
    /// What is being done, in messages, such as "waiting for job 66046953 of app calc".
    doing: String,
    /// How to resume a wait that ended early, and by which function, for messages; `None` if the caller adds that.
    resume: Option<(&'static str, &'static str)>,
    /// Whether an early 404 means "not visible yet".
    may_appear_late: bool,
    /// Whether the API has responded with a success, in this wait or in an earlier step of the same call.
    is_amid: Cell<bool>,
    poll: Poll,
    /// How much of the call's time had passed when this wait began.
    spent: Duration,
}

impl<'a> Wait<'a> {
    /// Polls as configured by the client.
    pub(crate) fn new(client: &'a Client, app: &'a AppId, subject: Subject, doing: String) -> Wait<'a> {
        let (is_amid, poll) = (Cell::new(false), client.poll.clone());
        let (may_appear_late, spent) = (false, Duration::ZERO);
        Wait { client, app, subject, doing, resume: None, may_appear_late, is_amid, poll, spent }
    }

    /// A step of a call that has waited since then: all its steps share one timeout.
    pub(crate) fn since(self, began: Instant) -> Self {
        let elapsed = began.elapsed();
        // In whole milliseconds: a call that has just begun has all of its time left, and its messages say so.
        let spent = Duration::new(elapsed.as_secs(), elapsed.subsec_millis() * 1_000_000);
        Wait { poll: self.poll.less(spent), spent, ..self }
    }

    /// The same for a wait that might never end: it has a timeout even if none is set.
    pub(crate) fn limited_since(self, began: Instant) -> Self {
        Wait { poll: self.poll.with_an_end(), ..self }.since(began)
    }

    /// Sets how to resume, for messages. Without it, the caller adds that.
    pub(crate) fn resumed_by(self, what: &'static str, function: &'static str) -> Self {
        Wait { resume: Some((what, function)), ..self }
    }

    pub(crate) fn may_appear_late(self) -> Self {
        Wait { may_appear_late: true, ..self }
    }

    /// Sets whether an earlier step of the same call was successful.
    pub(crate) fn amid(self, is_amid: bool) -> Self {
        Wait { is_amid: Cell::new(is_amid), ..self }
    }

    /// How long this may take.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.poll.timeout
    }

    /// Notes a successful response within a poll of several requests.
    pub(crate) fn note_answer(&self) {
        self.is_amid.set(true);
    }

    /// Polls until the wait ends.
    pub(crate) fn until_end<T>(&self, poll_once: impl FnMut() -> Result<Polled<T>>) -> Result<T> {
        self.by(&mut Instant::now(), poll_once)
    }

    fn by<T>(&self, clock: &mut dyn Clock, mut poll_once: impl FnMut() -> Result<Polled<T>>) -> Result<T> {
        let mut last_status: Option<String> = None;
        // The time of the last status, and the number of failures in a row.
        let (mut last_seen, mut failures) = (Duration::ZERO, 0_u32);
        let (mut was_refused, mut begun) = (false, Duration::ZERO);
        let (poll, mut log) = (&self.poll, Log::default());
        loop {
            let polled = poll_once();
            let elapsed = clock.elapsed();
            let (pause, failure) = match polled {
                Ok(Polled { status, end: Some(end), .. }) => {
                    if !status.is_empty() {
                        self.notify_polled(status, elapsed, None, false);
                    }
                    return end;
                }
                Ok(Polled { status, retry_after, is_new, .. }) => {
                    begun = if is_new { elapsed } else { begun };
                    let routine = log.status(last_status.as_ref() != Some(&status), elapsed);
                    let pause = poll.pause(retry_after, elapsed, elapsed.saturating_sub(begun), log.quiet(elapsed));
                    self.notify_polled(status.clone(), elapsed, pause, routine);
                    last_status = Some(status);
                    (last_seen, failures, was_refused) = (elapsed, 0, false);
                    self.is_amid.set(true);
                    (pause, None)
                }
                Err(error) => {
                    let not_found = error.status() == Some(404) && error.said_by() != SaidBy::Verdict;
                    if not_found && self.may_appear_late && last_status.is_none() && elapsed < NOT_FOUND_GRACE {
                        failures = 0;
                    } else if (not_found && last_status.is_some()) || self.may_pass(&error, was_refused) {
                        failures = failures.saturating_add(1);
                        was_refused |= is_refusal_of_the_user(&error);
                    } else {
                        return Err(error);
                    }
                    let outage = elapsed.saturating_sub(last_seen);
                    if failures >= 2 && outage >= poll.max_outage {
                        return Err(self.gave_up(outage, error));
                    }
                    let routine = log.failure(elapsed);
                    let pause =
                        poll.pause(error.retry_after(), elapsed, elapsed.saturating_sub(begun), log.quiet(elapsed));
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

    /// Whether the next poll may succeed. At first, a refusal is final. Later, it may be that of a gateway or of a node that is
    /// being replaced, and the API's own is final only if it is repeated.
    fn may_pass(&self, error: &Error, was_refused: bool) -> bool {
        let passes = match error.said_by() {
            SaidBy::Nobody | SaidBy::Others => matches!(error.kind(), ErrorKind::Connect | ErrorKind::Rejected),
            SaidBy::Api => is_refusal_of_the_user(error) && !was_refused,
            SaidBy::Verdict => false,
        };
        error.is_transient() || (self.is_amid.get() && passes)
    }

    fn notify_polled(&self, status: String, elapsed: Duration, next_poll: Option<Duration>, routine: bool) {
        let (app, subject) = (self.app.clone(), self.subject.clone());
        self.client.notify(&Event::Polled { app, subject, status, elapsed, next_poll, routine });
    }

    /// The error of a wait without a status for too long. It has the kind of the last error, which is its source, and is
    /// transient.
    fn gave_up(&self, outage: Duration, last: Error) -> Error {
        let (doing, outage, why) = (&self.doing, Seconds(outage), last.in_brief());
        Error::new(last.kind(), format!("gave up {doing}: no status for {outage} ({why})"))
            .with_advice(self.how_to_resume())
            .with_setting(self.resume.map(|_| "Poll::with_max_outage"))
            .with_transient(true)
            .with_response(last.response().cloned())
            .with_source(last)
    }

    fn still_running(&self, elapsed: Duration, last_status: Option<&str>, failure: Option<Error>) -> Error {
        let (doing, elapsed) = (&self.doing, Seconds(self.spent.saturating_add(elapsed)));
        let last = match (&failure, last_status) {
            (Some(failure), _) => format!("; the last poll failed ({})", failure.in_brief()),
            (None, Some(status)) => format!(" (last status: {status})"),
            (None, None) => String::new(),
        };
        let unseen = if last_status.is_some() || self.is_amid.get() { "" } else { " without any status" };
        let error = Error::new(ErrorKind::StillRunning, format!("{doing} took over {elapsed}{unseen}{last}"))
            .with_advice(self.how_to_resume())
            .with_setting(self.resume.map(|_| "Poll::with_timeout"));
        match failure {
            Some(failure) => error.with_source(failure),
            None => error,
        }
    }

    fn how_to_resume(&self) -> Advice {
        self.resume.map(|(what, function)| Advice::new(what, &[function])).unwrap_or_default()
    }
}

fn is_refusal_of_the_user(error: &Error) -> bool {
    error.said_by() == SaidBy::Api && matches!(error.status(), Some(401 | 403))
}

#[cfg(test)]
mod tests;
