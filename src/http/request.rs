//! What is asked, of whom, and as whom.

use std::io::Read;
use std::time::Duration;

use super::tls::RootCertificates;
use crate::base_url::BaseUrl;
use crate::credentials::ApiKey;

/// Where the API is, as whom it is called, and how long to wait for it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) base_url: BaseUrl,
    pub(crate) username: String,
    pub(crate) api_key: ApiKey,
    pub(crate) roots: Option<RootCertificates>,
    pub(crate) connect_timeout: Duration,
    pub(crate) stall_timeout: Duration,
}

/// A GET, or with a body a POST.
pub(crate) struct Request<'a> {
    /// With its query; appended to the base URL and `/api/v2`.
    pub(crate) path: &'a str,
    pub(crate) body: Option<Body<'a>>,
    /// How long the answer may take once the request is out.
    pub(crate) answer_limit: Duration,
}

pub(crate) struct Body<'a> {
    pub(crate) content_type: String,
    /// `source` must yield exactly so many bytes or an error.
    pub(crate) length: u64,
    pub(crate) source: &'a mut dyn Read,
    /// Asks the server before the body is sent (RFC 9110 §10.1.1).
    pub(crate) expect_continue: bool,
}
