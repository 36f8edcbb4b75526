//! A step, such as a stop: a request is made, and what it brings about is waited for by looking.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::at::At;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{DeployStep, Subject};
use crate::poll::Poll;
use crate::wait::{Look, Wait};

impl At<'_> {
    /// Looks until a step, such as "the stop of", has ended. It always has an end, because the service is known to have left
    /// apps in "starting" (release notes of October 2025).
    pub(super) fn until_done(self, step: &str, look: impl FnMut() -> Result<Look<()>>) -> Result<()> {
        let At { client, app, environment } = self;
        let (name, subject) = (format!("{step} {}", self.name()), Subject::Environment(environment.clone()));
        let poll = client.poll.with_an_end();
        Wait { client, app, subject, name, resume: "", may_appear_late: false, is_amid: Cell::new(false), poll }
            .until_end(look)
    }

    /// The answer to a request was lost, so only a look can tell whether it has been carried out.
    pub(super) fn unanswered(self, error: &Error, elapsed: Duration) {
        self.notify(DeployStep::Unanswered { reason: error.reason() }, elapsed);
    }
}

/// A request of a step was refused. Whatever has been seen before, that is the end, unless it may be repeated.
pub(super) fn refused(error: Error) -> Result<Look<()>> {
    if error.is_transient() { Err(error) } else { Ok(Look::ended(Err(error))) }
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
    pub(super) fn make(&mut self, at: At, send: impl FnOnce() -> Result<()>) -> Result<bool> {
        match self.state {
            State::Answered => return Ok(false),
            State::Unanswered { since, patience } if since.elapsed() < patience => return Ok(false),
            _ => {}
        }
        let begun = Instant::now();
        match send() {
            Err(error) if error.kind() == ErrorKind::NoAnswer => {
                at.unanswered(&error, begun.elapsed());
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
