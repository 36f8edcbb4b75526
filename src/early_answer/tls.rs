//! TLS over a socket of our own.
//!
//! ureq's TLS is compiled in ureq, for ureq's own chain of connectors. To call one of its TLS connectors from here
//! would have a second copy compiled into this crate, with a good part of rustls. The one place where that chain takes a
//! connection from elsewhere is below the tunnel through a proxy. So the socket poses as the connection to a proxy: it
//! swallows the request for a tunnel, says yes to it, and gets TLS put on top.

use std::sync::{Arc, Mutex};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Error, Proxy};

use super::exchange::lock;

const YES: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// Puts TLS on `socket`, which leads to the host of `details`.
pub(super) fn secure(
    socket: Box<dyn Transport>,
    details: &ConnectionDetails,
) -> Result<Option<Box<dyn Transport>>, Error> {
    let tls_config = details.config.tls_config().clone();
    let config = Config::builder().tls_config(tls_config).proxy(Some(Proxy::new("http://posed")?)).build();
    let posing = Mutex::new(Some(Posing { socket, is_asked: true }));
    let details = ConnectionDetails {
        config: &config,
        resolver: &Unresolved,
        run_connector: Arc::new(move |_| lock(&posing).take().map(Transport::boxed).ok_or(Error::ConnectionFailed)),
        uri: details.uri,
        addrs: details.addrs.clone(),
        request_level: details.request_level,
        now: details.now,
        timeout: details.timeout,
        current_time: details.current_time.clone(),
        register_shutdown: details.register_shutdown.clone(),
    };
    DefaultConnector::default().connect(&details, None)
}

/// A socket that answers the request for a tunnel itself.
#[derive(Debug)]
struct Posing {
    socket: Box<dyn Transport>,
    /// Until the request for a tunnel has been answered.
    is_asked: bool,
}

impl Transport for Posing {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.socket.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_asked { Ok(()) } else { self.socket.transmit_output(amount, timeout) }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.is_asked {
            return self.socket.await_input(timeout);
        }
        self.is_asked = false;
        let buffers = self.socket.buffers();
        if let Some(input) = buffers.input_append_buf().get_mut(..YES.len()) {
            input.copy_from_slice(YES);
            buffers.input_appended(YES.len());
        }
        Ok(true)
    }

    fn is_open(&mut self) -> bool {
        self.socket.is_open()
    }
}

/// Nobody connects to the posed proxy, so it needs no address.
#[derive(Debug)]
struct Unresolved;

impl Resolver for Unresolved {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}
