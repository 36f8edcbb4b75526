//! Connects to the server: a proxy's tunnel or our own socket, TLS by ureq, and the watch on top.

use std::time::{Duration, Instant};

// Without TLS, anything that compiles: see `no_tls`.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
use ureq::unversioned::transport::ConnectProxyConnector as TlsConnector;
#[cfg(feature = "native-tls")]
use ureq::unversioned::transport::NativeTlsConnector as TlsConnector;
#[cfg(all(feature = "rustls", not(feature = "native-tls")))]
use ureq::unversioned::transport::RustlsConnector as TlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, ConnectionDetails, Connector, Transport};
use ureq::{Agent, Error, config::Config};

use super::exchange::{Exchange, LONGEST};
use super::resolver::Lookup;
use super::socket::Socket;
use super::watch::Watch;
use crate::http::connecting;

/// An agent for exactly one exchange, optionally limited to loopback addresses.
pub(crate) fn agent(config: Config, exchange: &Exchange, stall_timeout: Duration, loopback_only: bool) -> Agent {
    let watched = WatchConnector { exchange: exchange.clone(), is_proxied: config.proxy().is_some() };
    let connector = ConnectProxyConnector::default()
        .chain(SocketConnector { exchange: exchange.clone(), stall_timeout })
        .chain(TlsConnector::default())
        .chain(watched);
    Agent::with_parts(config, connector, Lookup { loopback_only })
}

/// Opens our own socket, unless there is already a tunnel.
#[derive(Debug)]
struct SocketConnector {
    exchange: Exchange,
    stall_timeout: Duration,
}

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, tunnel: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = tunnel {
            return Ok(Some(Box::new(tunnel)));
        }
        // Also covers TLS and a proxy's response: ureq would allow each read the whole timeout.
        let deadline = Instant::now() + (*details.timeout.after).min(LONGEST);
        let stream = connecting::connect(&details.addrs, deadline)?;
        self.exchange.lock().connect(stream, self.stall_timeout, deadline)?;
        Ok(Some(Box::new(Socket::new(self.exchange.clone(), details.config))))
    }
}

/// Puts the watch on the finished connection.
#[derive(Debug)]
struct WatchConnector {
    exchange: Exchange,
    is_proxied: bool,
}

impl<In: Transport> Connector<In> for WatchConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, transport: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = transport else { return Ok(None) };
        // For a tunnel, ureq runs the whole chain to connect to the proxy, with settings that no longer name one. Only
        // the connection to the API, through the tunnel, is watched.
        if self.is_proxied && details.config.proxy().is_none() {
            self.exchange.lock().has_reached_proxy = true;
            return Ok(Some(Box::new(transport)));
        }
        let mut state = self.exchange.lock();
        state.is_connected = true;
        state.set_deadline(None);
        Ok(Some(Box::new(Watch::new(Box::new(transport), self.exchange.clone()))))
    }
}
