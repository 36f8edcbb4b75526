//! Sends one request over HTTP and returns a reply or a failure. Only this file and its folder use ureq.

mod body;
mod connecting;
mod early_answer;
mod failure;
mod head;
mod proxy;
mod request;
mod retry_after;
#[cfg_attr(not(any(feature = "rustls", feature = "native-tls")), path = "http/no_tls.rs")]
mod tls;

use std::io;
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderValue, Uri, header};
use ureq::{Agent, Error as UreqError, Proxy, SendBody};

use body::{CountingReader, read_body};
use early_answer::{Exchange, LONGEST, State};
use failure::{BodyError, Circumstances, ROOTS, Timeouts, UNTRUSTED};
use proxy::Chosen;

use crate::json::{self, Object};
use crate::secrets::Secrets;

pub(crate) use failure::{Failure, Handed, Stage};
pub(crate) use request::{Body, Endpoint, Request};
pub(crate) use tls::RootCertificates;

/// How much of a response body is kept, in bytes, unless a call needs more. Some 100 bytes would do, but servers may send
/// more around them.
pub(crate) const RESPONSE_MAX: usize = 1024 * 1024;
/// How long the body of a refusal may take once its head has arrived.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(3);
/// The same once some of the body has arrived, if the head does not say where it ends: it may never end.
const REFUSAL_TAIL_TIMEOUT: Duration = Duration::from_millis(300);
/// How much of a body is sent at a time. TLS allocates as much for each block, and from 128 KiB on, ureq's default,
/// glibc asks the system for it every time, which costs half as much again.
const OUTPUT_BUFFER: usize = 64 * 1024;
const USER_AGENT: &str = concat!("mendix-deploy/", env!("CARGO_PKG_VERSION"));

/// The server's response. `body` and `encoding` are foreign text; [`json`](Self::json) and [`list`](Self::list) sanitize it.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// When it was made, by the server's clock.
    pub(crate) date: Option<SystemTime>,
    /// Where a redirect points: scheme and host only, sanitized.
    pub(crate) target: Option<String>,
    /// `Content-Encoding`, foreign text.
    pub(crate) encoding: Option<String>,
    /// At most `response_max` bytes.
    pub(crate) body: Vec<u8>,
    /// Why the response is incomplete, if it is. For a refusal, only an incomplete head counts, because we limit the time
    /// for its body ourselves.
    pub(crate) cut_short: Option<io::Error>,
    /// How much of the request's body the kernel had accepted before the response came.
    pub(crate) handed: Handed,
    /// The secrets of the request, which no text may show.
    pub(crate) secrets: Secrets,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The object in the body.
    pub(crate) fn json(&self) -> Object<'_> {
        Object::of(&self.body, &self.secrets)
    }

    /// The results of `read` for the objects of the array in the body. `None` if it is not an array of objects, or has no end.
    pub(crate) fn list<T>(&self, read: impl Fn(&Object) -> Option<T>) -> Option<Vec<T>> {
        json::list(&self.body, &self.secrets, read)
    }
}

/// Sends one request on a connection of its own and reads the response. Blocks for at most twice the connect timeout,
/// as long as the body makes progress, and the response timeout.
pub(crate) fn send(endpoint: &Endpoint, request: Request<'_>) -> Result<Reply, Failure> {
    let proxy = proxy::from_env(&endpoint.base_url).map_err(|problem| unusable_proxy(endpoint, &problem))?;
    let secrets = endpoint.secrets(proxy.as_ref());
    // A cause may contain foreign text, such as all the names in a certificate.
    let clean = |cause: io::Error| io::Error::new(cause.kind(), secrets.sanitized(&cause.to_string()));
    match exchange(endpoint, request, proxy.as_ref(), &secrets) {
        Ok(reply) => Ok(Reply { cut_short: reply.cut_short.map(clean), ..reply }),
        Err(failure @ Failure { stage: Stage::ReadingBody, .. }) => Err(failure),
        Err(Failure { stage, cause }) => Err(Failure { stage, cause: clean(cause) }),
    }
}

fn exchange(
    endpoint: &Endpoint,
    request: Request<'_>,
    proxy: Option<&Chosen>,
    secrets: &Secrets,
) -> Result<Reply, Failure> {
    let timeouts = Timeouts {
        connect: endpoint.connect_timeout,
        stall: endpoint.stall_timeout,
        response: request.response_timeout,
    };
    let (exchange, response_max) = (Exchange::default(), request.response_max);
    exchange.lock().body_max = response_max;
    let agent = agent(endpoint, &request, proxy.map(|chosen| chosen.proxy.clone()), &exchange);
    let response = match call(&agent, endpoint, request, &exchange) {
        Ok(response) => response,
        Err(error) => {
            let state = exchange.lock();
            return with_status_alone(failure(endpoint, proxy, error, &timeouts, &state), &state, secrets);
        }
    };

    let headers = response.headers();
    let has_an_end = headers.get(header::CONTENT_LENGTH).or_else(|| headers.get(header::TRANSFER_ENCODING)).is_some();
    let mut reply = Reply {
        target: headers.get(header::LOCATION).and_then(|value| Some(secrets.sanitized(&origin(value.to_str().ok()?)?))),
        encoding: headers.get(header::CONTENT_ENCODING).and_then(|value| Some(value.to_str().ok()?.to_owned())),
        ..reply(response.status().as_u16(), &exchange.lock(), secrets)
    };
    let mut body = response.into_body().into_reader();
    if reply.status >= 300 {
        exchange.lock().limit_answer(REFUSAL_TIMEOUT);
        if !has_an_end {
            // If this fails, so will the next read.
            let _ = read_body(&mut body, 1, &mut reply.body);
            exchange.lock().limit_answer(REFUSAL_TAIL_TIMEOUT);
        }
    }
    let read = read_body(&mut body, response_max, &mut reply.body);
    if reply.status < 300 {
        reply.cut_short = read.err().map(|error| timeouts.plain_cause(error));
    }
    Ok(reply)
}

/// A status makes a reply, even if the rest of its head never came or ureq cannot parse it.
fn with_status_alone(failure: Failure, state: &State, secrets: &Secrets) -> Result<Reply, Failure> {
    if state.status < 200 || matches!(failure.stage, Stage::ReadingBody) {
        return Err(failure);
    }
    Ok(Reply { cut_short: Some(failure.cause), ..reply(state.status, state, secrets) })
}

/// A reply with only its status, `Retry-After` and `Date`.
fn reply(status: u16, state: &State, secrets: &Secrets) -> Reply {
    Reply {
        status,
        retry_after: retry_after::parse(state.retry_after.as_deref(), state.date.as_deref()),
        date: retry_after::date(state.date.as_deref(), state.age.as_deref()),
        target: None,
        encoding: None,
        body: Vec::new(),
        cut_short: None,
        handed: state.handed,
        secrets: secrets.clone(),
    }
}

fn agent(endpoint: &Endpoint, request: &Request<'_>, proxy: Option<Proxy>, exchange: &Exchange) -> Agent {
    let connect_timeout = Some(in_range(endpoint.connect_timeout));
    let response_timeout = Some(in_range(request.response_timeout));
    let config = tls::config_builder(endpoint.roots.as_ref())
        .http_status_as_error(false)
        // A redirect would send the key to another host, and turn a POST into a GET whose 200 means nothing.
        .max_redirects(0)
        .proxy(proxy)
        .user_agent(USER_AGENT)
        .output_buffer_size(OUTPUT_BUFFER)
        .timeout_resolve(connect_timeout)
        .timeout_connect(connect_timeout)
        .timeout_recv_response(response_timeout)
        .timeout_recv_body(response_timeout)
        .build();
    early_answer::agent(config, exchange, in_range(endpoint.stall_timeout), endpoint.base_url.is_plain())
}

/// A timeout that can be set on a socket and added to an instant.
fn in_range(timeout: Duration) -> Duration {
    timeout.clamp(Duration::from_millis(1), LONGEST)
}

fn call(
    agent: &Agent,
    endpoint: &Endpoint,
    request: Request<'_>,
    exchange: &Exchange,
) -> Result<ureq::http::Response<ureq::Body>, UreqError> {
    let url = format!("{}{}", endpoint.base_url, request.path);
    let username = endpoint.username.as_str();
    let mut api_key = HeaderValue::from_str(endpoint.api_key.expose()).map_err(|e| UreqError::Http(e.into()))?;
    api_key.set_sensitive(true);
    let Some(body) = request.body else {
        let mut get = agent.get(url).header("Mendix-Username", username).header("Mendix-ApiKey", api_key);
        if let Some(content_type) = request.content_type {
            get = get.header("Content-Type", content_type);
        }
        return get.call();
    };
    let mut post = agent
        .post(url)
        .header("Mendix-Username", username)
        .header("Mendix-ApiKey", api_key)
        .header("Content-Type", request.content_type.unwrap_or_default())
        .header("Content-Length", body.length);
    if body.expect_continue {
        post = post.header("Expect", "100-continue");
    }
    exchange.lock().expect_body(body.length, body.on_progress);
    let mut reader = CountingReader { source: body.source, left: body.length, exchange };
    post.send(SendBody::from_reader(&mut reader))
}

fn unusable_proxy(endpoint: &Endpoint, problem: &str) -> Failure {
    let why = format!("cannot connect to {}: its proxy cannot be used; {problem}", endpoint.base_url.authority());
    let cause = io::Error::new(io::ErrorKind::InvalidInput, "refused before any socket was opened");
    Failure { stage: Stage::Connecting { why, transient: false, setting: None }, cause }
}

/// Classifies the failure of a call.
fn failure(
    endpoint: &Endpoint,
    proxy: Option<&Chosen>,
    error: UreqError,
    timeouts: &Timeouts,
    state: &State,
) -> Failure {
    let error = match error.into_io().downcast::<BodyError>() {
        Ok(BodyError(cause)) => return Failure { stage: Stage::ReadingBody, cause },
        Err(error) => UreqError::from(error),
    };
    // In TLS 1.3, the end of a handshake shows only after it; but the same alerts end what was established.
    let is_of_handshake = failure::is_handshake_alert(&error) && !state.may_be_handled();
    if state.is_connected && !is_of_handshake {
        let (timed_out, cause) = match timeouts.expired(&error) {
            Some((what, setting)) => (Some(setting), io::Error::new(io::ErrorKind::TimedOut, what)),
            None => (None, error.into_io()),
        };
        return Failure { stage: Stage::Exchanging { handed: state.handed, timed_out }, cause };
    }
    let circumstances =
        Circumstances { proxy, has_reached_proxy: state.has_reached_proxy, has_own_roots: endpoint.roots.is_some() };
    let (reason, hint, transient) = circumstances.classify(&error);
    let host = endpoint.base_url.authority();
    let target = match proxy {
        None => host.to_owned(),
        Some(Chosen { proxy, variable }) if state.has_reached_proxy => {
            format!("{host} through the proxy {}:{} of {variable}", proxy.host(), proxy.port())
        }
        Some(Chosen { proxy, variable }) => {
            format!("the proxy {}:{} of {variable}, for {host}", proxy.host(), proxy.port())
        }
    };
    // An expired timeout is the reason itself: a cause would repeat it.
    let (reason, setting, cause) = match timeouts.expired(&error) {
        Some((reason, setting)) => (reason, Some(setting), io::ErrorKind::TimedOut.into()),
        None => (reason.to_owned(), (hint == UNTRUSTED).then_some(ROOTS), error.into_io()),
    };
    let why = format!("cannot connect to {target}: {reason}{hint}");
    Failure { stage: Stage::Connecting { why, transient, setting }, cause }
}

/// The standard reason phrase of a status.
#[cfg(feature = "emulator")]
pub(crate) fn reason(status: u16) -> &'static str {
    ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Other")
}

/// Scheme and host of an absolute URL: enough to say where a redirect points, and nothing that may be secret.
fn origin(location: &str) -> Option<String> {
    let uri = location.parse::<Uri>().ok()?;
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", uri.scheme_str()?, uri.host()?))
}
