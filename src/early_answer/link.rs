//! A TCP stream that never waits in a write while there is something to read.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use super::exchange::lock;

/// How long a write may block before the socket looks for input. Windows leaves a socket undefined after a write
/// that timed out, so there the whole stall limit is one slice.
const SLICE: Duration = if cfg!(windows) { Duration::MAX } else { Duration::from_millis(50) };

/// TLS hands its records over one by one, of 16 KiB and a bit each. As parts of a body they are gathered, and go out
/// together when the watch says so: a system call for each would be an eighth of the work.
const A_RECORD: std::ops::Range<usize> = 4 * 1024..64 * 1024;

/// The stream, and what it has accepted and could not send yet.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: TcpStream,
    stall_timeout: Duration,
    backlog: Mutex<Backlog>,
}

#[derive(Debug, Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// Since when a write has been waiting, or when a byte was sent last since then: a peer that shows signs of life
    /// but takes nothing stands still all the same.
    moved: Option<Instant>,
}

impl Link {
    pub(super) fn new(stream: TcpStream, stall_timeout: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(stall_timeout.min(SLICE)))?;
        Ok(Link { stream, stall_timeout, backlog: Mutex::default() })
    }

    /// Whether bytes have arrived that nobody has read. The end of the stream does not count.
    pub(super) fn input_waits(&self) -> bool {
        let peeked = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        self.stream.set_nonblocking(false).is_ok() && peeked.is_ok_and(|n| n > 0)
    }

    /// Accepts `bytes` without sending them.
    pub(super) fn keep(&self, bytes: &[u8]) {
        lock(&self.backlog).bytes.extend_from_slice(bytes);
    }

    /// Sends the backlog and `bytes`. If `may_stop` and input arrives while the peer takes nothing, the rest becomes
    /// the backlog, and the answer is true.
    pub(super) fn send(&self, bytes: &[u8], may_stop: bool, timeout: NextTimeout) -> Result<bool, Error> {
        let Backlog { bytes: backlog, moved } = &mut *lock(&self.backlog);
        if may_stop && A_RECORD.contains(&bytes.len()) {
            backlog.extend_from_slice(bytes);
            return Ok(false);
        }
        if backlog.is_empty() {
            let sent = self.write(bytes, moved, may_stop, timeout)?;
            backlog.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        } else {
            backlog.extend_from_slice(bytes);
            if !(may_stop && self.input_waits()) || bytes.is_empty() {
                let sent = self.write(backlog, moved, may_stop, timeout)?;
                backlog.drain(..sent);
            }
        }
        if backlog.is_empty() {
            *moved = None;
        }
        Ok(!backlog.is_empty())
    }

    /// Writes all of `bytes`, unless it has to stop; returns how many went.
    fn write(
        &self,
        bytes: &[u8],
        moved: &mut Option<Instant>,
        may_stop: bool,
        timeout: NextTimeout,
    ) -> Result<usize, Error> {
        let started = Instant::now();
        let moved = moved.get_or_insert(started);
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) if n == rest.len() => return Ok(bytes.len()),
                Ok(n) => {
                    sent += n;
                    *moved = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => {
                    if moved.elapsed() >= self.stall_timeout {
                        return Err(Error::Timeout(Timeout::PerWrite));
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if started.elapsed() >= *timeout.after {
                return Err(Error::Timeout(timeout.reason));
            }
            if may_stop && self.input_waits() {
                break;
            }
        }
        Ok(sent)
    }
}

/// Unix says `WouldBlock` when a socket's limit is over, Windows `TimedOut`.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
