//! Gets to the server: through a proxy or not, a socket of our own, TLS, and the watch on top.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ureq::unversioned::resolver::DefaultResolver;
#[cfg(feature = "native-tls")]
use ureq::unversioned::transport::NativeTlsConnector;
#[cfg(feature = "rustls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, ConnectionDetails, Connector, Either, Transport};
use ureq::{Agent, Error, config::Config};

use super::Watch;
use super::exchange::{Exchange, LONGEST, lock};
use super::link::Link;
use super::socket::Socket;

/// An agent for exactly one exchange.
pub(crate) fn agent(config: Config, exchange: &Arc<Exchange>, stall_timeout: Duration) -> Agent {
    let path = Path { exchange: exchange.clone(), stall_timeout, proxied: config.proxy().is_some() };
    Agent::with_parts(config, path, DefaultResolver::default())
}

/// In place of ureq's chain of connectors. Each step is boxed: a chain of types would make the compiler build all of
/// TLS once for each.
struct Path {
    exchange: Arc<Exchange>,
    stall_timeout: Duration,
    proxied: bool,
}

impl Connector for Path {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let tunnel = ConnectProxyConnector::default().connect(details, None::<Box<dyn Transport>>)?;
        let mut transport = match tunnel {
            Some(Either::A(tunnel) | Either::B(tunnel)) => tunnel,
            None => self.socket(details)?.boxed(),
        };
        #[cfg(feature = "rustls")]
        match RustlsConnector::default().connect(details, Some(transport))? {
            Some(secured) => transport = secured.boxed(),
            None => return Ok(None),
        }
        #[cfg(feature = "native-tls")]
        match NativeTlsConnector::default().connect(details, Some(transport))? {
            Some(secured) => transport = secured.boxed(),
            None => return Ok(None),
        }
        // The connection to a proxy is made by the same chain, without the proxy in its settings. Only the
        // connection to the API, which may go through it, is watched.
        if self.proxied && details.config.proxy().is_none() {
            return Ok(Some(transport));
        }
        self.exchange.connected.store(true, Ordering::Relaxed);
        Ok(Some(Watch::new(transport, self.exchange.clone()).boxed()))
    }
}

impl Path {
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

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path").finish_non_exhaustive()
    }
}
