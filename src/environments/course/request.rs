//! How far each request has got, and what shows that the app runs.

use std::time::Duration;

use crate::id::JobId;

/// A stop or a transport.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Request {
    #[default]
    NotMade,
    /// Not accepted yet: repeat it from then on.
    Open(Duration),
    Accepted,
}

impl Request {
    pub(super) fn is_due(&self, now: Duration) -> bool {
        match self {
            Request::NotMade => true,
            Request::Open(from) => now >= *from,
            Request::Accepted => false,
        }
    }
}

/// The state of the stop.
#[derive(Debug, Default)]
pub(super) struct Stop {
    pub(super) request: Request,
    /// Until then, the app may still run after a stop was accepted.
    pub(super) settles: Duration,
    /// The API said that the app runs, so stop it whatever its status says.
    pub(super) is_forced: bool,
    /// The app was seen down after the stop was requested.
    pub(super) is_done: bool,
}

impl Stop {
    /// Whether it was requested, and has not taken effect yet.
    pub(super) fn is_pending(&self) -> bool {
        self.request != Request::NotMade && !self.is_done
    }

    /// Starts over.
    pub(super) fn force(&mut self) {
        *self = Stop { request: Request::NotMade, is_forced: true, is_done: false, ..*self };
    }
}

#[derive(Debug, Default)]
pub(super) enum Start {
    #[default]
    NotMade,
    /// Without a usable response: repeat it from then on.
    Open(Duration),
    /// Somebody else's start is in progress. Repeat ours from then on if that one does not succeed.
    Foreign(Duration),
    /// Accepted, with its job while that is polled. Without a job, nothing would report a failure, so it is repeated.
    Accepted { job: Option<JobId>, again: Option<Duration> },
}

impl Start {
    pub(super) fn is_made(&self) -> bool {
        !matches!(self, Start::NotMade)
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        match self {
            Start::NotMade => true,
            Start::Open(from) | Start::Foreign(from) | Start::Accepted { again: Some(from), .. } => now >= *from,
            Start::Accepted { again: None, .. } => false,
        }
    }

    /// It was repeated, with nothing new known about it.
    pub(super) fn repeat_from(&mut self, from: Duration) {
        match self {
            Start::NotMade => *self = Start::Open(from),
            Start::Open(again) | Start::Foreign(again) => *again = from,
            Start::Accepted { again, .. } => *again = Some(from),
        }
    }
}

/// The evidence that the app runs, since the last stop or start was requested.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Evidence {
    #[default]
    None,
    /// `Running` at every poll since then, which may be a stale status.
    RunsSince(Duration),
    /// Another status was seen, so `Running` is newer than the request.
    WasDown,
    /// The start job, or the response to the request, says that it runs.
    Proven,
}

impl Evidence {
    pub(super) fn saw(&mut self, runs: bool, now: Duration) {
        *self = match (*self, runs) {
            (Evidence::None, true) => Evidence::RunsSince(now),
            (Evidence::None | Evidence::RunsSince(_), false) => Evidence::WasDown,
            (other, _) => other,
        };
    }

    pub(super) fn is_proof(self) -> bool {
        matches!(self, Evidence::Proven)
    }

    /// Whether a status of `Running` counts.
    pub(super) fn is_believed(self, now: Duration, patience: Duration) -> bool {
        match self {
            Evidence::None => false,
            Evidence::RunsSince(since) => now >= since + patience,
            Evidence::WasDown | Evidence::Proven => true,
        }
    }
}
