//! A connection's socket with a time limit: it stops waiting when the test is over and fails after [`LIMIT`], so that
//! neither a client that sends for ever nor one that never reads keeps a test from failing.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Shared;

/// The maximum lifetime of a connection. No test takes that long.
const LIMIT: Duration = Duration::from_secs(50);
/// How often a waiting connection checks whether the test is over.
pub(super) const TICK: Duration = Duration::from_millis(10);

pub(super) struct Limited {
    tcp: TcpStream,
    shared: Arc<Shared>,
    end: Instant,
    /// If false, a read that finds nothing ends after one tick.
    pub(super) waits_for_input: bool,
}

impl Limited {
    pub(super) fn new(tcp: TcpStream, shared: Arc<Shared>) -> io::Result<Limited> {
        tcp.set_nonblocking(false)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(TICK))?;
        tcp.set_write_timeout(Some(TICK))?;
        Ok(Limited { tcp, shared, end: Instant::now() + LIMIT, waits_for_input: true })
    }

    /// The same socket with the same time limit.
    pub(super) fn try_clone(&self) -> io::Result<Limited> {
        let (tcp, shared) = (self.tcp.try_clone()?, self.shared.clone());
        Ok(Limited { tcp, shared, end: self.end, waits_for_input: true })
    }

    pub(super) fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed) || self.is_late()
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.end
    }

    pub(super) fn has_input(&self) -> bool {
        self.tcp.peek(&mut [0]).is_ok_and(|n| n > 0)
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.tcp.shutdown(how)
    }

    /// Repeats `act` after each tick without a result.
    fn retry<T>(&self, waits: bool, mut act: impl FnMut(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            if self.is_late() {
                return Err(io::Error::other("the connection has reached its limit"));
            }
            match act(&self.tcp) {
                Err(error) if is_tick(&error) && waits && !self.is_over() => {}
                result => return result,
            }
        }
    }
}

impl Read for Limited {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(self.waits_for_input, |mut tcp| tcp.read(buf))
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(true, |mut tcp| tcp.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
