//! A request, and the endpoint that it is sent to.

use std::io::Read;
use std::time::Duration;

use ureq::Proxy;

use super::proxy::Chosen;
use super::tls::RootCertificates;
use crate::base_url::BaseUrl;
use crate::key::ApiKey;
use crate::secrets::Secrets;

/// Where the API is, who calls it, and the timeouts.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) base_url: BaseUrl,
    pub(crate) username: String,
    pub(crate) api_key: ApiKey,
    pub(crate) roots: Option<RootCertificates>,
    pub(crate) connect_timeout: Duration,
    pub(crate) stall_timeout: Duration,
}

impl Endpoint {
    /// The secrets to redact.
    pub(super) fn secrets(&self, proxy: Option<&Chosen>) -> Secrets {
        let proxy = proxy.map(|chosen| &chosen.proxy);
        let (user, password) = (proxy.and_then(Proxy::username), proxy.and_then(Proxy::password));
        Secrets::of_request(self.api_key.expose(), user, password)
    }
}

/// A GET, or a POST if there is a body.
pub(crate) struct Request<'a> {
    /// Includes the query; appended to the base URL.
    pub(crate) path: &'a str,
    /// Some calls of v1 want one even without a body.
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: Option<Body<'a>>,
    /// The limit for the response once the request has been sent.
    pub(crate) response_timeout: Duration,
    /// The maximum length of the response's body that is kept, in bytes.
    pub(crate) response_max: usize,
}

pub(crate) type OnProgress = Box<dyn FnMut(u64) + Send>;

pub(crate) struct Body<'a> {
    /// `source` must yield exactly this many bytes or an error.
    pub(crate) length: u64,
    pub(crate) source: &'a mut dyn Read,
    /// Sends `Expect: 100-continue` (RFC 9110 §10.1.1).
    pub(crate) expect_continue: bool,
    /// Called with the number of bytes that the kernel has accepted: many times a second while the body is being sent,
    /// and when it has been.
    pub(crate) on_progress: OnProgress,
}
