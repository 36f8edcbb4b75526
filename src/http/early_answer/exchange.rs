//! One exchange: its TCP connection, which never blocks, and the state of the request and the response.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

use crate::http::failure::Handed;
use crate::http::request::OnProgress;

/// "For ever", but short enough to be added to an instant.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// The approximate size of unread input at which reading stops. There is a pause between reads, so this also bounds how
/// fast a peer that floods us is read.
const UNREAD_MAX: usize = 16 * 1024;
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// Shared by the request's body, the transports and the caller. All run in the caller's thread; the lock is there
/// because ureq requires transports to be `Send` and `Sync`.
#[derive(Clone, Default)]
pub(crate) struct Exchange(Arc<Mutex<State>>);

/// Nothing here blocks in the kernel, and no timeout is set on the socket, so it works alike on every platform, and no
/// signal can prolong a wait.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // facts that do not depend on each other
pub(crate) struct State {
    /// Whether the connection is established, including TLS.
    pub(crate) is_connected: bool,
    /// Whether there is a connection to the proxy, including TLS if it is reached that way.
    pub(crate) has_reached_proxy: bool,
    /// How much of the request's body has been read from its source.
    pub(crate) body_read: u64,
    /// How much of it the kernel had accepted when the queue was last empty.
    pub(crate) handed: Handed,
    on_progress: Option<OnProgress>,
    /// Whether anything has come from the server since the connection was established.
    pub(crate) has_heard: bool,
    /// Whether the server has answered, so that nothing more is sent.
    pub(crate) is_answered: bool,
    /// The response's status, 0 until it is known, its `Retry-After`, `Date` and `Age`. They count even if the rest of the
    /// head is useless or never comes.
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) age: Option<String>,
    /// The maximum size of the response's body.
    pub(crate) body_max: usize,
    stream: Option<TcpStream>,
    pub(super) stall_timeout: Duration,
    /// Bytes to send: what TLS makes of one block of the body, all sent before the next.
    pub(super) queue: Vec<u8>,
    /// Unread input, at most about [`UNREAD_MAX`].
    pub(super) received: Vec<u8>,
    /// Whether input has arrived since this was last reset, or its end.
    pub(super) has_news: bool,
    /// Whether the peer has closed its side.
    pub(super) is_ended: bool,
    /// Since when the kernel has accepted nothing from the queue.
    blocked_since: Option<Instant>,
    /// When every read ends, whatever its own timeout.
    pub(super) deadline: Option<Instant>,
    /// Whether the one read allowed at the deadline has been made.
    is_over: bool,
}

impl Exchange {
    /// A panic in the caller's observer may poison the lock, but the state is consistent all the same.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the buffers, which over plain HTTP contain the key.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl State {
    /// All handshakes must be over by the deadline.
    pub(super) fn connect(&mut self, stream: TcpStream, stall_timeout: Duration, deadline: Instant) -> io::Result<()> {
        // Errors are ignored: macOS refuses every option once the peer has closed, and there may be a response to read.
        let _ = stream.set_nodelay(true);
        stream.set_nonblocking(true)?;
        (self.stream, self.stall_timeout) = (Some(stream), stall_timeout);
        self.set_deadline(Some(deadline));
        Ok(())
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        (self.deadline, self.is_over) = (deadline, false);
    }

    /// Announces the length of the body.
    pub(crate) fn expect_body(&mut self, length: u64, on_progress: OnProgress) {
        (self.handed.total, self.on_progress) = (length, Some(on_progress));
    }

    /// Whether the server may have begun to handle the request: something came from it, or the kernel has accepted some of the
    /// body, or all of an empty one.
    pub(crate) fn may_be_handled(&self) -> bool {
        let has_body = self.on_progress.is_some();
        self.has_heard || (has_body && (self.handed.bytes > 0 || self.handed.is_whole()))
    }

    /// Reports how much of the body the kernel has accepted. What is queued of the current block counts as unsent; after
    /// TLS it is a little longer.
    pub(super) fn report_progress(&mut self) {
        if let Some(on_progress) = self.on_progress.as_mut().filter(|_| self.body_read > 0) {
            on_progress(self.body_read.saturating_sub(self.queue.len() as u64).max(self.handed.bytes));
        }
    }

    /// Allows the rest of the response at most `limit` from now, or less if the deadline is sooner.
    pub(crate) fn limit_answer(&mut self, limit: Duration) {
        let until = Instant::now() + limit.min(LONGEST);
        self.set_deadline(Some(self.deadline.map_or(until, |earlier| earlier.min(until))));
    }

    /// The server has answered: nothing more is sent, not even what is queued.
    pub(super) fn stop_sending(&mut self) {
        self.is_answered = true;
        self.queue.clear();
    }

    pub(super) fn take_in(&mut self) -> io::Result<()> {
        let Some(mut stream) = self.stream.as_ref() else { return Err(ErrorKind::NotConnected.into()) };
        let mut block = [0; 4096];
        while !self.is_ended && self.received.len() < UNREAD_MAX {
            match stream.read(&mut block) {
                Ok(n) => {
                    self.received.extend_from_slice(block.get(..n).unwrap_or_default());
                    self.is_ended = n == 0;
                    self.has_news = true;
                }
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has arrived, then sends what the kernel accepts. In this order, because Windows discards unread input
    /// when a send fails.
    fn advance(&mut self) -> io::Result<()> {
        self.take_in()?;
        let Some(mut stream) = self.stream.as_ref().filter(|_| !self.queue.is_empty()) else { return Ok(()) };
        match stream.write(&self.queue) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                self.queue.drain(..n);
                self.blocked_since = None;
            }
            Err(error) if would_block(&error) => {
                self.blocked_since.get_or_insert_with(Instant::now);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// [`advance`](Self::advance) for a read, but only once after the deadline: what has arrived by then counts, but a
    /// flood may never end.
    pub(super) fn advance_in_time(&mut self, now: Instant) -> io::Result<()> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = self.deadline.is_some_and(|deadline| deadline <= now);
        self.advance()
    }

    /// [`advance`](Self::advance) for a write: fails if the kernel has accepted nothing for the stall timeout.
    pub(super) fn advance_or_stall(&mut self) -> Result<(), Error> {
        // Noted before the attempt, so that a process that was suspended makes one more.
        let is_stalled = self.blocked_since.is_some_and(|since| since.elapsed() >= self.stall_timeout);
        self.advance()?;
        if is_stalled && self.blocked_since.is_some() {
            return Err(Error::Timeout(Timeout::PerWrite));
        }
        if self.queue.is_empty() {
            self.handed.bytes = self.body_read;
        }
        Ok(())
    }
}

/// Sleeps before the next attempt, at most `at_most`: 2 ms at first, then 4, then 8.
pub(super) fn pause(waiting_since: Instant, at_most: Duration) {
    thread::sleep((waiting_since.elapsed() * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE).min(at_most));
}

/// Whether the call may succeed after a pause.
fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
pub(super) mod tests;
