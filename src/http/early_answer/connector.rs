//! Connects to the server: a proxy's tunnel or a socket of our own, TLS by ureq, and the watch on top.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ureq::unversioned::resolver::DefaultResolver;
#[cfg(feature = "native-tls")]
use ureq::unversioned::transport::NativeTlsConnector as TlsConnector;
#[cfg(not(feature = "native-tls"))]
use ureq::unversioned::transport::RustlsConnector as TlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, ConnectionDetails, Connector, Transport};
use ureq::{Agent, Error, config::Config};

use super::exchange::{Exchange, LONGEST};
use super::socket::Socket;
use super::watch::Watch;

/// An agent for exactly one exchange.
pub(crate) fn agent(config: Config, exchange: &Arc<Exchange>, stall_timeout: Duration) -> Agent {
    let watched = WatchConnector { exchange: exchange.clone(), is_proxied: config.proxy().is_some() };
    let connector = ConnectProxyConnector::default()
        .chain(SocketConnector { exchange: exchange.clone(), stall_timeout })
        .chain(TlsConnector::default())
        .chain(watched);
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Opens a socket of our own, unless there is a tunnel already.
#[derive(Debug)]
struct SocketConnector {
    exchange: Arc<Exchange>,
    stall_timeout: Duration,
}

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, tunnel: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = tunnel {
            return Ok(Some(Box::new(tunnel)));
        }
        // For TLS and a proxy's consent as well: ureq gives each read all of the limit.
        let deadline = Instant::now() + (*details.timeout.after).min(LONGEST);
        let stream = connect(details, deadline)?;
        let mut line = self.exchange.line();
        line.connect(stream, self.stall_timeout)?;
        line.set_deadline(Some(deadline));
        Ok(Some(Box::new(Socket::new(self.exchange.clone(), details.config))))
    }
}

/// Puts the watch on the finished connection.
#[derive(Debug)]
struct WatchConnector {
    exchange: Arc<Exchange>,
    is_proxied: bool,
}

impl<In: Transport> Connector<In> for WatchConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, transport: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = transport else { return Ok(None) };
        // For a tunnel ureq runs the whole chain to get to the proxy, with settings that name no proxy any more. Only
        // the connection to the API, which goes through the tunnel, is watched.
        if self.is_proxied && details.config.proxy().is_none() {
            return Ok(Some(Box::new(transport)));
        }
        self.exchange.connected.store(true, Ordering::Relaxed);
        self.exchange.line().set_deadline(None);
        Ok(Some(Box::new(Watch::new(Box::new(transport), self.exchange.clone()))))
    }
}

/// Tries the addresses in turn, each with an equal share of the time that is left.
fn connect(details: &ConnectionDetails, deadline: Instant) -> Result<TcpStream, Error> {
    let mut failure = Error::ConnectionFailed;
    let addresses = details.addrs.len();
    for (tried, address) in details.addrs.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses - tried).unwrap_or(1).max(1);
        if share.is_zero() {
            return Err(Error::Timeout(details.timeout.reason));
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => failure = Error::Timeout(details.timeout.reason),
            Err(error) => failure = Error::Io(error),
        }
    }
    Err(failure)
}
