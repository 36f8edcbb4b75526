//! What arrives: a socket that gives up in time, and a buffer that knows where the request ends.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::answer::Stop;
use super::service::Service;

/// How often a waiting read looks whether the emulator was stopped.
const TICK: Duration = Duration::from_millis(20);
/// A client that sends nothing for so long is gone. Longer than clients keep idle connections for reuse.
const SILENCE: Duration = Duration::from_secs(30);
/// An answer is small and fits the socket's buffer, unless the client never reads.
const WRITE_LIMIT: Duration = Duration::from_secs(1);
/// One read of the socket. Holds every head; larger ones do not make an upload faster.
const BLOCK: usize = 256 << 10;

/// A socket whose reads end when the emulator stops.
pub(super) struct Socket<'a> {
    stream: &'a TcpStream,
    service: &'a Service,
}

impl<'a> Socket<'a> {
    pub(super) fn new(stream: &'a TcpStream, service: &'a Service) -> io::Result<Self> {
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(WRITE_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Socket { stream, service })
    }

    /// Reads as [`Read`] does, but waits for at most `limit`.
    pub(super) fn read_within(&mut self, limit: Duration, buf: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            if self.service.is_stopped() {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            let mut stream = self.stream;
            match stream.read(buf) {
                Err(error) if is_tick(&error) && begun.elapsed() < limit => {}
                result => return result,
            }
        }
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_within(SILENCE, buf)
    }
}

/// Systems disagree about the name of a read that ran out of time.
fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A buffered connection: what was received and not yet used, and how much of it belongs to the current body.
pub(super) struct Wire<R> {
    source: R,
    block: Vec<u8>,
    start: usize,
    end: usize,
    body_left: u64,
}

impl<R: Read> Wire<R> {
    pub(super) fn new(source: R) -> Self {
        Wire { source, block: vec![0; BLOCK], start: 0, end: 0, body_left: 0 }
    }

    /// What was received and not yet used.
    pub(super) fn unread(&self) -> &[u8] {
        self.block.get(self.start..self.end).unwrap_or_default()
    }

    /// Receives more. An end of the connection is an error: every caller needs what is missing.
    pub(super) fn fill(&mut self) -> Result<(), Stop> {
        self.block.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let free = self.block.get_mut(self.end..).unwrap_or_default();
        match self.source.read(free)? {
            0 => Err(Stop::Broken),
            n => {
                self.end += n;
                Ok(())
            }
        }
    }

    /// Marks the first `n` unread bytes as used.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Says how long the body is that begins here.
    pub(super) fn begin_body(&mut self, length: u64) {
        self.body_left = length;
    }

    /// How much of the body was not used yet, received or not.
    pub(super) fn body_left(&self) -> u64 {
        self.body_left
    }

    /// What was received of the body and not yet used, without what follows the body; and whether that is the rest.
    pub(super) fn body(&self) -> (&[u8], bool) {
        let unread = self.unread();
        match usize::try_from(self.body_left).ok().and_then(|left| unread.get(..left)) {
            Some(rest) => (rest, true),
            None => (unread, false),
        }
    }

    /// Marks the first `n` bytes of the body as used.
    pub(super) fn consume_body(&mut self, n: usize) {
        self.body_left = self.body_left.saturating_sub(n as u64);
        self.consume(n);
    }

    /// Reads and forgets what is left of the body.
    pub(super) fn skip_body(&mut self) -> Result<(), Stop> {
        while self.body_left > 0 {
            if self.unread().is_empty() {
                self.fill()?;
            }
            self.consume_body(self.body().0.len());
        }
        Ok(())
    }
}

impl Wire<Socket<'_>> {
    /// Reads and forgets until the client ends or `limit` is over. Closing a socket with unread input resets it,
    /// and the reset can overtake the answer (RFC 9112 §9.6).
    pub(super) fn drain(mut self, limit: Duration) {
        let begun = Instant::now();
        while let Some(left) = limit.checked_sub(begun.elapsed()) {
            if !matches!(self.source.read_within(left, &mut self.block), Ok(1..)) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_its_length_says() {
        let mut wire = Wire::new(&b"abcdef"[..]);
        wire.begin_body(4);
        assert_eq!(wire.body(), (&b""[..], false));
        wire.fill().unwrap();
        assert_eq!(wire.body(), (&b"abcd"[..], true));
        wire.consume_body(3);
        assert_eq!((wire.body(), wire.body_left()), ((&b"d"[..], true), 1));
        wire.consume_body(1);
        assert_eq!((wire.body(), wire.unread()), ((&b""[..], true), &b"ef"[..]));
        assert!(matches!(wire.fill(), Err(Stop::Broken)), "the connection has ended");
    }
}
