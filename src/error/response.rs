//! What the response to a failed request says of it, and whose word that is.

use std::time::Duration;

/// What a program can decide by.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The server's `errorCode`, sanitized.
    pub(crate) code: Option<String>,
    pub(crate) said_by: SaidBy,
    pub(crate) retry_after: Option<Duration>,
}

/// Whose word a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidBy {
    /// There was none, or it was empty.
    Nobody,
    /// A gateway's or the like: it is not in the API's format.
    Others,
    /// The API's, by its format.
    Api,
    /// The API's, with a code that is documented for the call and settles the matter.
    Verdict,
}

impl SaidBy {
    pub(crate) fn is_of_the_api(self) -> bool {
        matches!(self, SaidBy::Api | SaidBy::Verdict)
    }
}

#[cfg(test)]
impl Response {
    /// Nothing but a status.
    pub(crate) fn bare(status: u16) -> Response {
        Response { status, code: None, said_by: SaidBy::Nobody, retry_after: None }
    }
}
