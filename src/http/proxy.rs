//! Chooses the proxy.

use std::io;

use ureq::Proxy;
use ureq::http::Uri;

use super::failure::{Failure, Stage};
use crate::base_url::BaseUrl;

/// The variables in which ureq looks for a proxy, in order.
const PROXY_VARIABLES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The proxy from the environment, unless the host is exempt. An unusable one is an error: ureq would bypass it, which
/// is not what whoever set it wants.
pub(super) fn from_env(base_url: &BaseUrl) -> Result<Option<Proxy>, Failure> {
    // Plain http is for this machine, which no proxy can reach, and it would show the proxy the key.
    if base_url.is_plain() {
        return Ok(None);
    }
    let refuse = |problem: String| {
        let target = base_url.authority().to_owned();
        let hint = "; expected HTTPS_PROXY=http://[user:password@]host:port";
        let reason = "the proxy of the environment cannot be used";
        Err(Failure {
            stage: Stage::Connecting { target, reason, hint, transient: false },
            cause: io::Error::other(problem),
        })
    };
    let Some(proxy) = Proxy::try_from_env() else {
        // Without its value, which may contain a password.
        let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        return match PROXY_VARIABLES.iter().find(is_set) {
            Some(name) => refuse(format!("the value of {name} is not the URL of a proxy")),
            None => Ok(None),
        };
    };
    let uri = base_url.to_string().parse::<Uri>();
    if uri.is_ok_and(|uri| proxy.is_no_proxy(&uri)) {
        return Ok(None);
    }
    let protocol = proxy.protocol().to_string();
    if protocol.starts_with("SOCKS") {
        return refuse(format!("it is a {protocol} proxy, and only HTTP and HTTPS proxies are supported"));
    }
    Ok(Some(proxy))
}
