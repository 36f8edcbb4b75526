//! Turns the end of a request into an error: what the server said, and what that usually means.

mod said;

use crate::error::{Error, ErrorKind, Response, SaidBy};
use crate::http::{Failure, Reply, Stage};
use crate::id::AppId;
use crate::units::Seconds;

use said::Said;

pub(crate) use said::has_error_code;

/// What error messages say about a request.
pub(crate) struct Asked {
    /// For example "the upload of calc.mda to app calc".
    pub(crate) what: String,
    /// Appended when the request certainly had no effect, such as " (no package was made)".
    pub(crate) undone: &'static str,
    /// A hint for a 404 from the API.
    pub(crate) not_found: String,
    /// The rights that a 403 from the API says the user lacks.
    pub(crate) rights: &'static str,
    /// Codes that settle the request, whatever the HTTP status.
    pub(crate) verdicts: Option<Verdicts>,
}

/// Documented error codes that settle the request, whatever the HTTP status.
pub(crate) struct Verdicts {
    /// The kind of error that they become.
    pub(crate) kind: ErrorKind,
    /// What they all mean, such as "environment Acceptance of app calc did not start".
    pub(crate) undone: String,
    /// Each with what it means and what helps.
    pub(crate) codes: &'static [(&'static str, &'static str)],
    /// Whether any other code settles it as well, if it comes in a 2xx.
    pub(crate) any_in_success: bool,
}

impl Verdicts {
    /// For a request that changes something: each code is a refusal.
    pub(crate) fn refusals(undone: String, codes: &'static [(&'static str, &'static str)]) -> Verdicts {
        Verdicts { kind: ErrorKind::Rejected, undone, codes, any_in_success: true }
    }

    fn meaning(&self, said: &str) -> Option<&'static str> {
        self.codes.iter().find(|(code, _)| is_code(said, code)).map(|(_, meaning)| *meaning)
    }
}

impl Asked {
    /// For most calls: API Rights, no documented codes.
    pub(crate) fn new(what: String, not_found: String) -> Asked {
        Asked { what, undone: "", not_found, rights: "API Rights", verdicts: None }
    }

    /// The error for a request that ended without a usable success. Unless it is a refusal or a failure to connect,
    /// `open` makes it from what the server said or which timeout expired, if either is so. `may_be_done`: whether the
    /// server may have carried it out even if the response says "later".
    pub(crate) fn error(
        &self,
        end: Result<Reply, Failure>,
        may_be_done: bool,
        open: impl FnOnce(Option<&str>) -> Error,
    ) -> Error {
        let reply = match end {
            Ok(reply) => reply,
            Err(Failure { stage: Stage::Connecting { why, transient, setting }, cause }) => {
                let message = format!(" failed{}: {why}", self.undone);
                return Error::of_request(ErrorKind::Connect, self.what.as_str(), message)
                    .with_transient(transient)
                    .with_setting(setting)
                    .with_source(cause);
            }
            Err(Failure { stage: Stage::Exchanging { timed_out: Some(setting), .. }, cause }) => {
                return open(Some(&cause.to_string())).with_setting(setting);
            }
            Err(failure) => return open(None).with_source(failure.cause),
        };
        let status = reply.status;
        let said = Said::of(&reply);
        let words = &said.words;
        let verdict = self.verdicts.as_ref().and_then(|verdicts| {
            let meaning = verdicts.meaning(said.code.as_deref()?).map(|meaning| format!("; {meaning}"));
            let is_any = verdicts.any_in_success && reply.is_success();
            Some((verdicts, meaning.or(is_any.then(String::new))?))
        });
        let said_by = if verdict.is_some() { SaidBy::Verdict } else { said.by };
        let error = if let Some((Verdicts { kind, undone, .. }, meaning)) = verdict {
            let words = if meaning.is_empty() { words } else { words.trim_end_matches('.') };
            Error::new(*kind, format!("{undone}: {status}{words}{meaning}"))
        } else if is_refusal(status, may_be_done) || (is_retryable_status(status) && !may_be_done) {
            let message = format!(" was refused{}: {status}{words}", self.undone);
            Error::of_request(ErrorKind::Rejected, self.what.as_str(), message)
                .with_note(&self.meaning(&reply, said.by == SaidBy::Others))
                .with_transient(is_retryable_status(status))
        } else {
            // A 303 says where the result is.
            let target = reply.target.as_deref().map_or_else(String::new, |to| format!(", which redirects to {to}"));
            open(Some(&format!("the server answered {status}{words}{target}")))
        };
        let error = error.with_response(Response { status, code: said.code, said_by, retry_after: reply.retry_after });
        match reply.cut_short {
            Some(cause) => error.with_source(anyhow::Error::new(cause).context("the response is incomplete")),
            None => error,
        }
    }

    fn is_upload(&self) -> bool {
        !self.undone.is_empty()
    }

    /// What such a refusal usually means, as the end of a sentence. A gateway's refusal gets no hint: its reasons are not
    /// the API's.
    fn meaning(&self, reply: &Reply, is_foreign: bool) -> String {
        let meaning = match (reply.status, reply.retry_after) {
            (300..=399, _) => {
                let target = reply.target.as_deref().map_or(String::new(), |to| format!(" to {to}"));
                format!("redirects{target} are not followed; check the base URL")
            }
            (413, _) if !self.is_upload() => return String::new(),
            (413, _) if is_foreign => "the package is larger than it lets through".into(),
            (401 | 403 | 404, _) if is_foreign => return String::new(),
            (401, _) => "check the user name and the API key".into(),
            (403, _) => format!("the user needs {} (Permissions tab)", self.rights),
            (404, _) => self.not_found.clone(),
            (413, _) => "the package is larger than the server accepts; Mendix Cloud takes up to 1 GB".into(),
            (status, Some(wait)) if is_retryable_status(status) => {
                format!("the server asks to try again in {}", Seconds(wait))
            }
            (status, None) if is_retryable_status(status) => "try again later".into(),
            _ => return String::new(),
        };
        format!("; {meaning}")
    }
}

/// Whether the API said one of these codes.
pub(crate) fn has_code(error: &Error, codes: &[&str]) -> bool {
    error.code().is_some_and(|said| codes.iter().any(|code| is_code(said, code)))
}

/// The documentation writes some codes with blanks and others with underscores.
fn is_code(said: &str, code: &str) -> bool {
    said.replace('_', " ").eq_ignore_ascii_case(&code.replace('_', " "))
}

/// A hint for a 404 of a call about an app.
pub(crate) fn app_not_found(app: &AppId) -> String {
    match app.without_environment() {
        Some(of_production) => format!(
            "check the base URL and whether the AppId is \"{of_production}\", as in the URL of the app's production environment"
        ),
        None => format!("check the base URL and that \"{app}\" is the subdomain of the app's production URL"),
    }
}

/// Whether a status is a definite refusal: a redirect, or a client error registered with IANA (RFC 9110 §16.2; 418 is
/// registered as unused). 408 is not: gateways send it, like 499, when they or their client ran out of time, and the
/// server behind them may have done anything. Nor is a 303 to a request that may have been carried out: it answers a POST
/// that was (RFC 9110 §15.4.4).
fn is_refusal(status: u16, may_be_done: bool) -> bool {
    match status {
        303 => !may_be_done,
        _ => matches!(status, 300..=407 | 409..=417 | 421..=426 | 428 | 429 | 431 | 451),
    }
}

/// Statuses that mean "try again later".
fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 503)
}
