//! A step, such as a stop: a request is made, and what it brings about is waited for by looking.

use std::fmt;
use std::time::{Duration, Instant};

use super::at::At;
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::event::{DeployStep, Event};
use crate::poll::{self, Poll, Polled, Subject};

pub(super) struct Step<'a> {
    pub(super) at: At<'a>,
    /// Such as "the stop of environment Acceptance of app calc".
    pub(super) name: String,
    /// The call that goes on.
    pub(super) resume: &'static str,
}

/// What a look says.
pub(super) struct Look {
    /// In a few words, such as "Running".
    said: String,
    /// How the step has ended, if it has.
    end: Option<Result<()>>,
}

impl Look {
    pub(super) fn done() -> Polled<Look> {
        Look::ended(Ok(()))
    }

    pub(super) fn failed(error: Error) -> Polled<Look> {
        Look::ended(Err(error))
    }

    fn ended(end: Result<()>) -> Polled<Look> {
        Polled { status: Look { said: String::new(), end: Some(end) }, retry_after: None }
    }

    pub(super) fn not_yet(said: impl fmt::Display, retry_after: Option<Duration>) -> Polled<Look> {
        Polled { status: Look { said: said.to_string(), end: None }, retry_after }
    }

    /// A request of the step was refused. Whatever has been seen before, that is the end, unless it may be repeated.
    pub(super) fn refused(error: Error) -> Result<Polled<Look>> {
        if error.is_transient() { Err(error) } else { Ok(Look::failed(error)) }
    }
}

impl PartialEq for Look {
    fn eq(&self, other: &Look) -> bool {
        self.said == other.said
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Step<'_> {
    /// Looks until the step has ended. It always has an end, because the service is known to have left apps in
    /// "starting" (release notes of October 2025).
    pub(super) fn until_done(&self, poll: &Poll, look: impl FnMut() -> Result<Polled<Look>>) -> Result<()> {
        let last = poll::until(&poll.with_an_end(), &mut Instant::now(), self, look)?;
        last.end.unwrap_or(Ok(()))
    }

    /// The answer to a request was lost, so only a look can tell whether it has been carried out.
    pub(super) fn unanswered(&self, error: &Error, elapsed: Duration) {
        let reason = self.reason(error);
        self.at.notify(DeployStep::Unanswered { reason }, elapsed);
    }

    fn reason(&self, error: &Error) -> String {
        one_line(error).replacen(&self.at.name(), "it", 1)
    }
}

impl Subject for Step<'_> {
    type Status = Look;

    const MAY_APPEAR_LATE: bool = false;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn resume(&self) -> &'static str {
        self.resume
    }

    fn has_ended(&self, look: &Look) -> bool {
        look.end.is_some()
    }

    fn polled(&self, look: &Look, elapsed: Duration, next_poll: Option<Duration>, routine: bool) {
        // The end is an event of its own, or an error.
        if look.end.is_none() {
            let (app, environment, status) = (self.at.app.clone(), self.at.environment.clone(), look.said.clone());
            self.at.client.notify(&Event::EnvironmentPolled { app, environment, status, elapsed, next_poll, routine });
        }
    }

    fn poll_failed(&self, error: &Error, outage: Duration, next_poll: Duration, routine: bool) {
        let (app, subject) = (self.at.app.clone(), format!("environment {}", self.at.environment));
        let reason = self.reason(error);
        self.at.client.notify(&Event::PollFailed { app, subject, outage, next_poll, reason, routine });
    }
}

/// A request that may be repeated, because that brings about the same.
pub(super) struct Repeatable {
    state: State,
    /// How long a look may not show what a request without an answer has brought about.
    patience: Duration,
}

enum State {
    NotMade,
    Answered,
    Unanswered { since: Instant, patience: Duration },
}

impl Repeatable {
    pub(super) fn new(poll: &Poll) -> Repeatable {
        Repeatable { state: State::NotMade, patience: poll.patience() }
    }

    /// Makes the request if that has not been done, or if it was done in vain, and returns whether it was answered now.
    pub(super) fn make(&mut self, step: &Step, send: impl FnOnce() -> Result<()>) -> Result<bool> {
        match self.state {
            State::Answered => return Ok(false),
            State::Unanswered { since, patience } if since.elapsed() < patience => return Ok(false),
            _ => {}
        }
        let begun = Instant::now();
        match send() {
            Err(error) if error.kind() == ErrorKind::NoAnswer => {
                step.unanswered(&error, begun.elapsed());
                let patience = error.retry_after().unwrap_or_default().max(self.patience);
                self.state = State::Unanswered { since: Instant::now(), patience };
                Ok(false)
            }
            result => {
                result?;
                self.state = State::Answered;
                Ok(true)
            }
        }
    }
}
