//! Responses to requests, and statuses of start jobs, as far as they matter for the decision.

use std::time::Duration;

use crate::answer::has_code;
use crate::environments::start::{ALREADY_STARTED, LOCKED, STARTS_ALREADY};
use crate::environments::transport::{APP_IS_RUNNING, LATER};
use crate::error::{Error, ErrorKind, SaidBy};
use crate::id::JobId;
use crate::poll::MAX_RETRY_AFTER;

/// The response to a stop, transport or start, unless it is a refusal.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Accepted; a start may have a job.
    Accepted(Option<JobId>),
    /// No response: it may have been carried out. Repeat it only after this time.
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
        // A documented code settles the request, whatever the status.
        let is_later = matches!(error.status(), Some(429 | 503)) && error.said_by() == SaidBy::Api;
        match error.kind() {
            _ if has_code(error, &[ALREADY_STARTED, APP_IS_RUNNING]) => Some(Answer::Runs),
            _ if has_code(error, &[STARTS_ALREADY]) => Some(Answer::ComesUp),
            _ if is_later || has_code(error, &[LOCKED, LATER]) => Some(Answer::Later),
            ErrorKind::NoAnswer => Some(Answer::Lost(error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER))),
            _ => None,
        }
    }
}

/// The status of a start job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    Started,
    /// The API no longer knows it.
    Forgotten,
    /// Something else was in progress on the environment.
    Locked,
    /// The app ran already.
    Runs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Response;

    fn said(status: u16, said_by: SaidBy, code: &str) -> Error {
        let kind = if status == 503 && said_by == SaidBy::Others { ErrorKind::NoAnswer } else { ErrorKind::Rejected };
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        Error::new(kind, "no").with_response(Response { status, code, said_by, retry_after: None })
    }

    #[test]
    fn a_code_means_the_same_whatever_the_status_and_a_status_only_in_the_apis_own_words() {
        let answer = |status, said_by, code| format!("{:?}", Answer::of(&said(status, said_by, code)));
        for status in [200, 403, 409, 500, 503] {
            for (code, means) in [
                ("ALREADY_STARTED", "Some(Runs)"),
                ("APP IS RUNNING", "Some(Runs)"),
                ("APP_ALREADY_HAS_A_STARTING_JOB", "Some(ComesUp)"),
                ("ALREADY_LOCKED", "Some(Later)"),
                ("SERVICE UNAVAILABLE", "Some(Later)"),
                ("TRANSPORT_NOT_ALLOWED", "None"),
                ("MISSING_CONSTANT", "None"),
            ] {
                assert_eq!(answer(status, SaidBy::Verdict, code), means, "{status} {code}");
            }
        }
        assert_eq!(answer(503, SaidBy::Api, "X"), "Some(Later)");
        assert_eq!(answer(429, SaidBy::Api, ""), "Some(Later)");
        assert_eq!(answer(403, SaidBy::Api, "X"), "None");
        assert_eq!(answer(503, SaidBy::Others, ""), "Some(Lost(0ns))");
    }

    #[test]
    fn a_gateway_that_asks_for_a_day_is_given_five_minutes() {
        let day = Some(Duration::from_secs(86_400));
        let response = Response { said_by: SaidBy::Others, retry_after: day, ..Response::bare(503) };
        let answer = Answer::of(&Error::new(ErrorKind::NoAnswer, "no").with_response(response));
        assert_eq!(format!("{answer:?}"), "Some(Lost(300s))");
    }
}
