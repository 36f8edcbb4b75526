//! How far each request has got, and what shows that the app runs.

use std::time::Duration;

use crate::id::JobId;

/// A stop or a transport.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Request {
    #[default]
    NotMade,
    /// Not answered: to be repeated from then on.
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

/// What concerns the stop.
#[derive(Debug, Default)]
pub(super) struct Stop {
    pub(super) request: Request,
    /// Until then, the app may run on although it was asked to stop.
    pub(super) settles: Duration,
    /// The API said that the app runs, so it is stopped whatever its status says.
    pub(super) is_forced: bool,
    /// The app was seen down after it was asked to stop.
    pub(super) is_done: bool,
}

impl Stop {
    /// Whether it was asked for, and has not shown yet.
    pub(super) fn is_pending(&self) -> bool {
        self.request != Request::NotMade && !self.is_done
    }

    /// Begins anew.
    pub(super) fn force(&mut self) {
        *self = Stop { request: Request::NotMade, is_forced: true, is_done: false, ..*self };
    }
}

#[derive(Debug, Default)]
pub(super) enum Start {
    #[default]
    NotMade,
    /// Not answered, or answered by what proves nothing: to be repeated from then on.
    Open(Duration),
    /// An app that may be somebody else's comes up in its place. To be repeated from then on if it does not.
    Foreign(Duration),
    /// Accepted, with its job as long as that is polled. Without one, nothing would report a failure, so it is repeated.
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

    /// It was made again, and nothing new is known of it.
    pub(super) fn repeat_from(&mut self, from: Duration) {
        match self {
            Start::NotMade => *self = Start::Open(from),
            Start::Open(again) | Start::Foreign(again) => *again = from,
            Start::Accepted { again, .. } => *again = Some(from),
        }
    }
}

/// What shows that the app runs, since it was last asked to stop or to start.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Evidence {
    #[default]
    None,
    /// `Running` at every poll from then on, which may be a status from before.
    RunsSince(Duration),
    /// Another status was seen, so that `Running` is a new one.
    WasDown,
    /// The start job, or the answer to the request, says that it runs.
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

    /// Whether a status of `Running` is believed.
    pub(super) fn is_believed(self, now: Duration, patience: Duration) -> bool {
        match self {
            Evidence::None => false,
            Evidence::RunsSince(since) => now >= since + patience,
            Evidence::WasDown | Evidence::Proven => true,
        }
    }
}
