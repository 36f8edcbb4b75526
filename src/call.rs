//! A call that sends no file: a GET, or a POST of v1.

use std::time::Duration;

use crate::answer::{self, Asked};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{self, Body, RESPONSE_MAX, Reply, Request};
use crate::id::AppId;
use crate::retry::repeat;
use crate::units::Bytes;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// The API may respond to a POST of v1 only after carrying it out.
const POST_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The `Content-Type` of Deploy API v1 calls, with or without a body. v2 and the Build API want none.
pub(crate) const JSON: Option<&str> = Some("application/json");

pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) app: &'a AppId,
    /// What follows the app in the path, such as "/packages".
    pub(crate) rest: String,
    /// Whether it belongs to the Deploy API v1 (as the Build API does), which may put an error code in a 2xx.
    pub(crate) is_v1: bool,
    /// Makes it a POST with this body, which may be empty.
    pub(crate) post: Option<String>,
    /// See [`Request`].
    pub(crate) content_type: Option<&'static str>,
    /// See [`Request`].
    pub(crate) response_max: usize,
    pub(crate) asked: Asked,
}

impl<'a> Call<'a> {
    /// A GET of v2. `what` is its name in messages, `not_found` the hint for a 404.
    pub(crate) fn v2(client: &'a Client, app: &'a AppId, rest: String, what: String, not_found: String) -> Call<'a> {
        let asked = Asked::new(what, not_found);
        Call { client, app, rest, is_v1: false, post: None, content_type: None, response_max: RESPONSE_MAX, asked }
    }

    /// The same of v1.
    pub(crate) fn v1(client: &'a Client, app: &'a AppId, rest: String, what: String, not_found: String) -> Call<'a> {
        Call { is_v1: true, ..Call::v2(client, app, rest, what, not_found) }
    }

    /// Makes one request. `read` extracts the result from a success.
    pub(crate) fn once<T>(&self, read: impl Fn(&Reply) -> Option<T>) -> Result<T> {
        let client = self.client;
        let is_post = self.post.is_some();
        let default_timeout = if is_post { POST_TIMEOUT } else { RESPONSE_TIMEOUT };
        let response_timeout = client.response_timeout.unwrap_or(default_timeout);
        let path = format!("/api/{}/apps/{}{}", if self.is_v1 { "1" } else { "v2" }, self.app, self.rest);
        let (content_type, response_max) = (self.content_type, self.response_max);
        let mut source = self.post.as_deref().unwrap_or_default().as_bytes();
        let length = source.len() as u64;
        let body = is_post.then(|| Body {
            length,
            source: &mut source,
            expect_continue: false,
            on_progress: Box::new(|_| ()),
        });
        let end =
            http::send(&client.endpoint, Request { path: &path, content_type, body, response_timeout, response_max });
        let is_success = |reply: &&Reply| reply.is_success() && !(self.is_v1 && answer::has_error_code(reply));
        if let Some(found) = end.as_ref().ok().filter(is_success).and_then(read) {
            return Ok(found);
        }
        if end.as_ref().is_ok_and(|reply| reply.is_success() && reply.body.len() >= response_max) {
            let message = format!(" failed: the response is longer than {}", Bytes(response_max as u64));
            // A retry would not make a list shorter. Anything else of this length is not the API's response.
            let is_list = response_max > RESPONSE_MAX;
            return Err(
                Error::of_request(ErrorKind::NoAnswer, self.asked.what.as_str(), message).with_transient(!is_list)
            );
        }
        Err(self.asked.error(end, is_post, |said| {
            let message = format!(" failed: {}", said.unwrap_or("no usable response came"));
            Error::of_request(ErrorKind::NoAnswer, self.asked.what.as_str(), message)
        }))
    }

    /// Makes the request, and retries it as the client's [`Retry`](crate::Retry) allows.
    pub(crate) fn with_retry<T>(&self, read: impl Fn(&Reply) -> Option<T>) -> Result<T> {
        let (client, about) = (self.client, (self.app, None));
        repeat(&client.retry, about, &|event| client.notify(event), || self.once(&read))
    }
}
