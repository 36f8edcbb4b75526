//! Parses and validates the base URL.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::error::{Error, Result};
use crate::key::not_a_value;
use crate::text;

/// The host that serves Mendix Cloud.
pub(crate) const MENDIX_CLOUD: &str = "https://deploy.mendix.com";

/// `scheme://host[:port][/prefix]`, without user info, query or fragment; https unless the host is loopback.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// Without trailing slashes.
    text: String,
    /// `host` or `host:port`, as in the URL.
    authority: String,
}

impl BaseUrl {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if url.is_empty() {
            return Err(refused("it is empty"));
        }
        if let Some(problem) = not_a_value(url) {
            return Err(refused(&format!("it {problem}")));
        }
        if let Some(odd) = url.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(refused(&format!("it contains {}", text::kind_of(odd))));
        }
        let (scheme, rest) = split_before(url, &[':']);
        let Some(rest) = rest.strip_prefix("://") else {
            return Err(refused("it has no scheme"));
        };
        let scheme = scheme.to_ascii_lowercase();
        let (authority, prefix) = split_before(rest, &['/', '?', '#']);
        if rest.contains('@') {
            return Err(refused("it contains a user name or password, or a stray @"));
        }
        let Some((host, _)) = host_and_port(authority) else {
            return Err(refused("its host or port is missing or malformed"));
        };
        let (prefix, query) = split_before(prefix, &['?', '#']);
        if !query.is_empty() {
            return Err(refused("it has a query or a fragment"));
        }
        let prefix = prefix.trim_end_matches('/');
        if !is_plain_path(prefix) {
            return Err(refused("its path contains dot segments, empty segments or unusual characters"));
        }
        if contains_api(prefix) {
            return Err(refused("its path already contains /api"));
        }
        match scheme.as_str() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(refused("plain http would expose the API key; use https")),
            _ => return Err(refused("its scheme is neither https nor http")),
        }
        Ok(BaseUrl { text: format!("{scheme}://{authority}{prefix}"), authority: authority.to_owned() })
    }

    /// Whether the scheme is plain http, which implies a loopback host.
    pub(crate) fn is_plain(&self) -> bool {
        self.text.starts_with("http:")
    }

    /// Without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        host_and_port(&self.authority).map_or("", |(host, _)| host)
    }

    /// `host` or `host:port`, for messages.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The message does not repeat the URL, which may contain a password.
fn refused(problem: &str) -> Error {
    Error::config(format!(
        "invalid base URL: {problem}; expected https://host[:port][/prefix], to which /api/v2 or /api/1 is appended"
    ))
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`, if it is well-formed. The host is returned without brackets.
pub(crate) fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = split_before(rest, &[']']);
        address.parse::<Ipv6Addr>().ok()?;
        (address, rest.strip_prefix(']')?)
    } else {
        let (host, port) = split_before(authority, &[':']);
        let ok = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if host.is_empty() || host.starts_with('.') || host.contains("..") || !ok {
            return None;
        }
        (host, port)
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((host, None)),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse::<u16>().ok().filter(|port| *port > 0).map(|port| (host, Some(port)))
        }
        _ => None,
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a path already contains what is about to be appended, or its beginning: `/api` at the end, or before a version.
fn contains_api(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    // A year, or somebody else's number, is not a version.
    let is_version = |segment: &str| match segment.strip_prefix('v') {
        Some(version) => version.starts_with(|c: char| c.is_ascii_digit()),
        None => segment.len() == 1 && segment.bytes().all(|b| b.is_ascii_digit()),
    };
    path.ends_with("/api") || segments.windows(2).any(|pair| matches!(pair, ["api", next] if is_version(next)))
}

/// Whether a path is empty, or made of segments whose characters no proxy rewrites.
fn is_plain_path(path: &str) -> bool {
    match path.strip_prefix('/') {
        Some(path) => path.as_bytes().split(|b| *b == b'/').all(|segment| {
            !segment.is_empty()
                && segment != b"."
                && segment != b".."
                && segment.iter().copied().all(text::is_unreserved)
        }),
        None => path.is_empty(),
    }
}

/// Splits before the first of these marks.
fn split_before<'a>(text: &'a str, marks: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(marks).unwrap_or(text.len()))
}
