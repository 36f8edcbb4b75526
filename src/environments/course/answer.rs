//! What the answers to requests and of start jobs mean for the decision.

use std::time::Duration;

use crate::environments::start::{ALREADY_STARTED, LOCKED, STARTS_ALREADY};
use crate::environments::transport::APP_IS_RUNNING;
use crate::error::{Error, ErrorKind};
use crate::id::JobId;
use crate::poll::MAX_RETRY_AFTER;

/// How a stop, a transport or a start was answered, unless it was refused.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A start may have a job.
    Accepted(Option<JobId>),
    /// It may have been carried out. To be repeated, but not before so much time has passed.
    Lost(Duration),
    /// Not now.
    Later,
    /// The app runs.
    Runs,
    /// The app is being started.
    ComesUp,
}

impl Answer {
    /// `None` if the error is a refusal.
    pub(crate) fn of(error: &Error) -> Option<Answer> {
        let has_code = |codes: &[&str]| codes.iter().any(|code| error.has_code(code));
        let is_later = matches!(error.status(), Some(429 | 503)) && error.said_by().is_of_the_api();
        match error.kind() {
            _ if has_code(&[ALREADY_STARTED, APP_IS_RUNNING]) => Some(Answer::Runs),
            _ if has_code(&[STARTS_ALREADY]) => Some(Answer::ComesUp),
            _ if is_later || has_code(&[LOCKED]) => Some(Answer::Later),
            ErrorKind::NoAnswer => Some(Answer::Lost(error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER))),
            _ => None,
        }
    }
}

/// What a start job says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    Started,
    /// The API does not know it any more.
    Forgotten,
    /// Something else was being done to the environment.
    Locked,
    /// The app ran already.
    Runs,
}
