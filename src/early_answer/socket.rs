//! The TCP connection under an exchange.
//!
//! ureq's own socket blocks in a write until the peer reads or a limit is over, so an answer that arrives while the
//! peer does not read would be seen only then. This one waits in short slices, and returns to its caller as soon as
//! there is something to read; what it could not send yet it keeps.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};
use ureq::{Error, Timeout, config::Config};

use super::exchange::{Exchange, LONGEST, lock};
use super::link::{Link, is_timeout};

/// The [`Timeout`] that marks a quick look for input: nobody else here uses it. A look that finds nothing ends in
/// `WouldBlock`, which TLS libraries take for "later", and not in a time-out, which some take for broken.
pub(crate) const LOOK: Timeout = Timeout::PerRead;

/// A TCP stream that never waits in a write while there is something to read.
pub(crate) struct Socket {
    link: Arc<Link>,
    exchange: Arc<Exchange>,
    buffers: WatchedBuffers,
    read_timeout: Option<Duration>,
    /// When the connection must stand, with TLS and a proxy's consent. ureq gives each read all of the limit.
    connect_until: Instant,
}

impl Socket {
    pub(super) fn new(link: Arc<Link>, exchange: Arc<Exchange>, config: &Config, connect_until: Instant) -> Self {
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let buffers = WatchedBuffers { buffers, exchange: exchange.clone() };
        Socket { link, exchange, buffers, read_timeout: None, connect_until }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        // TLS sends what it was given in several records, and each would wait for the stall limit anew.
        if lock(&self.exchange.failure).is_some() {
            return Ok(());
        }
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        // What TLS wants to say of its own during a look waits for the next write: a look must not block, nor fail.
        if timeout.reason == LOOK {
            self.link.keep(output);
            return Ok(());
        }
        match self.exchange.send(&self.link, output, timeout) {
            Err(error) if self.exchange.is_sending_body() => {
                *lock(&self.exchange.failure) = Some(error);
                Ok(())
            }
            result => result,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let nothing_came = || match timeout.reason {
            LOOK => Error::Io(io::ErrorKind::WouldBlock.into()),
            reason => Error::Timeout(reason),
        };
        let mut limit = (*timeout.after).min(LONGEST);
        if !self.exchange.connected.load(Ordering::Relaxed) {
            limit = limit.min(self.connect_until.saturating_duration_since(Instant::now()));
        }
        if limit.is_zero() {
            return Err(nothing_came());
        }
        if self.read_timeout != Some(limit) {
            self.link.stream.set_read_timeout(Some(limit))?;
            self.read_timeout = Some(limit);
        }
        let deadline = Instant::now() + limit;
        let n = loop {
            match (&self.link.stream).read(self.buffers.input_append_buf()) {
                // Only a program that is flooded with signals gets here twice.
                Err(error) if error.kind() == io::ErrorKind::Interrupted && Instant::now() < deadline => {}
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {
                    return Err(nothing_came());
                }
                result => break result?,
            }
        };
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Never to be used again: each exchange has a connection of its own.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// Buffers that tell the exchange whether there is input in them.
struct WatchedBuffers {
    buffers: LazyBuffers,
    exchange: Arc<Exchange>,
}

impl Buffers for WatchedBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.buffers.output()
    }

    fn input(&self) -> &[u8] {
        self.buffers.input()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.buffers.input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.buffers.input_appended(amount);
        self.exchange.input_buffered.fetch_or(amount > 0, Ordering::Relaxed);
    }

    fn input_consume(&mut self, amount: usize) {
        self.buffers.input_consume(amount);
        self.exchange.input_buffered.store(!self.buffers.input().is_empty(), Ordering::Relaxed);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.buffers.tmp_and_output()
    }

    fn can_use_input(&self) -> bool {
        self.buffers.can_use_input()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("peer", &self.link.stream.peer_addr().ok()).finish_non_exhaustive()
    }
}
