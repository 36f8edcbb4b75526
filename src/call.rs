//! A call that only reads: a GET, harmless to repeat.

use std::time::Duration;

use crate::answer::Asked;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::http::{self, Reply, Request};
use crate::retry::repeat;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) path: String,
    /// See [`Request`].
    pub(crate) content_type: Option<&'static str>,
    /// See [`Request`].
    pub(crate) response_max: usize,
    /// What is asked for, as errors name it: "the status of job 66046953 of app calc".
    pub(crate) what: String,
    /// A hint for a 404.
    pub(crate) not_found: String,
}

impl Call<'_> {
    /// Makes one request. `read` extracts what was asked for from a success.
    pub(crate) fn once<T>(&self, read: impl Fn(&Reply) -> Option<T>) -> Result<T> {
        let client = self.client;
        let response_timeout = client.response_timeout.unwrap_or(RESPONSE_TIMEOUT);
        let (path, content_type, response_max) = (&self.path, self.content_type, self.response_max);
        let request = Request { path, content_type, body: None, response_timeout, response_max };
        let end = http::send(&client.endpoint, request);
        if let Some(found) = end.as_ref().ok().filter(|reply| reply.is_success()).and_then(read) {
            return Ok(found);
        }
        let what = format!("the request for {}", self.what);
        let asked = Asked {
            secrets: &client.endpoint.secrets(),
            what: &what,
            undone: "",
            not_found: &self.not_found,
            may_be_done: false,
        };
        Err(asked.error(end, |said| {
            Error::new(ErrorKind::NoAnswer, format!("{what} failed: {}", said.unwrap_or("no usable answer came")))
        }))
    }

    /// Makes the request, and retries it as the client's [`Retry`](crate::Retry) allows.
    pub(crate) fn with_retry<T>(&self, read: impl Fn(&Reply) -> Option<T>) -> Result<T> {
        repeat(&self.client.retry, &|event| self.client.notify(event), || self.once(&read))
    }

    /// Why it failed, in one line for an event that says what was asked for.
    pub(crate) fn reason(&self, error: &Error) -> String {
        one_line(error).replacen(&format!(" for {}", self.what), "", 1)
    }
}
