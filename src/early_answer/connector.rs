//! Gets to the server: through a proxy or not, a socket of our own, TLS, and the watch on top.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};
use ureq::{Agent, Error, config::Config};

use super::Watch;
use super::exchange::{Exchange, LONGEST, lock};
use super::link::Link;
use super::socket::Socket;
use super::tls::secure;

/// An agent for exactly one exchange.
pub(crate) fn agent(config: Config, exchange: &Arc<Exchange>, stall_timeout: Duration) -> Agent {
    let dialer = Dialer { exchange: exchange.clone(), stall_timeout, proxied: config.proxy().is_some() };
    Agent::with_parts(config, dialer, DefaultResolver::default())
}

/// The connector of that agent. It takes the place of ureq's sockets, and leaves proxies and TLS to ureq.
struct Dialer {
    exchange: Arc<Exchange>,
    stall_timeout: Duration,
    proxied: bool,
}

impl Connector for Dialer {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let is_tunnel = details.config.proxy().is_some();
        let transport = if is_tunnel {
            DefaultConnector::default().connect(details, None)?
        } else {
            let socket = self.socket(details)?.boxed();
            if details.needs_tls() { secure(socket, details)? } else { Some(socket) }
        };
        // For a tunnel ureq comes here again, to get to the proxy, whose settings name no proxy any more. Only the
        // connection to the API, which may go through it, is watched.
        if self.proxied && !is_tunnel {
            return Ok(transport);
        }
        self.exchange.connected.store(true, Ordering::Relaxed);
        Ok(transport.map(|transport| Watch::new(transport, self.exchange.clone()).boxed()))
    }
}

impl Dialer {
    fn socket(&self, details: &ConnectionDetails) -> Result<Socket, Error> {
        let connect_until = Instant::now() + (*details.timeout.after).min(LONGEST);
        let stream = connect(details, connect_until)?;
        let link = Arc::new(Link::new(stream, self.stall_timeout)?);
        *lock(&self.exchange.link) = Some(link.clone());
        Ok(Socket::new(link, self.exchange.clone(), details.config, connect_until))
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

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}
