//! The response to a failed request: its status and code, and who sent it.

use std::time::Duration;

/// What a program can base a decision on.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The server's `errorCode`, sanitized.
    pub(crate) code: Option<String>,
    pub(crate) said_by: SaidBy,
    pub(crate) retry_after: Option<Duration>,
}

/// Who a response is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidBy {
    /// There was no response, or an empty one.
    Nobody,
    /// A gateway: it is not in the API's format.
    Others,
    /// The API, by its format.
    Api,
    /// The API, with a code that is documented for the call and settles it.
    Verdict,
}

impl SaidBy {
    pub(crate) fn is_of_the_api(self) -> bool {
        matches!(self, SaidBy::Api | SaidBy::Verdict)
    }
}

#[cfg(test)]
impl Response {
    /// Only a status.
    pub(crate) fn bare(status: u16) -> Response {
        Response { status, code: None, said_by: SaidBy::Nobody, retry_after: None }
    }
}
