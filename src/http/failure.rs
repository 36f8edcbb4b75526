//! Why a request got no answer, in words that make sense outside ureq.

use std::fmt;
use std::io;

use ureq::{Error as UreqError, Timeout};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) cause: io::Error,
}

/// How far the exchange got.
#[derive(Debug)]
pub(crate) enum Stage {
    /// No byte of the request got out. What could not be reached, why in a few words, and what may help.
    Connecting { target: String, reason: &'static str, hint: &'static str, transient: bool },
    /// The request's body could not be read from where it comes from.
    ReadingBody,
    /// A part of the request was sent.
    Sending,
    /// The whole request was sent.
    AwaitingAnswer,
}

/// Marks an error of the body's source, so that it is told from one of the connection.
#[derive(Debug)]
pub(super) struct BodyError(pub(super) io::Error);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {}

/// The cause in words that make sense outside ureq.
pub(super) fn plain_cause(error: UreqError) -> io::Error {
    let what = match error {
        UreqError::Timeout(Timeout::Resolve) => "the name lookup took longer than the connect limit",
        UreqError::Timeout(Timeout::Connect) => "connecting took longer than the connect limit",
        UreqError::Timeout(Timeout::PerWrite) => "no byte moved for as long as the stall limit",
        UreqError::Timeout(Timeout::RecvResponse | Timeout::RecvBody) => {
            "the answer took longer than the response limit"
        }
        error => return error.into_io(),
    };
    io::Error::new(io::ErrorKind::TimedOut, what)
}
