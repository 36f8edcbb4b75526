//! Name resolution with a timeout, and without ureq's panic where no thread can be started.

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, config::Config};

use super::exchange::LONGEST;
use crate::http::connecting;

/// The capacity of [`ResolvedSocketAddrs`].
const ADDRESSES_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Lookup {
    /// Whether to return loopback addresses only.
    pub(super) loopback_only: bool,
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let mut found = connecting::resolve(&format!("{host}:{port}"), (*timeout.after).min(LONGEST))?;
        if self.loopback_only {
            found = connecting::loopback_only(found)?;
        }
        let mut addresses = self.empty();
        for address in found.into_iter().take(ADDRESSES_MAX) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_port_means_that_of_its_scheme() {
        let config = ureq::Agent::config_builder().build();
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1:80"),
            ("https://127.0.0.1/", "127.0.0.1:443"),
            ("https://[::1]:8443/", "[::1]:8443"),
        ] {
            let lookup = Lookup { loopback_only: true };
            let found = lookup.resolve(&url.parse().unwrap(), &config, NextTimeout::default()).unwrap();
            assert_eq!(found[..], [address.parse().unwrap()]);
        }
    }
}
