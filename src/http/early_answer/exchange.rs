//! One exchange: its TCP connection, which never blocks, and what is known of the request and the answer.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

/// "For ever", in a form that can be added to a point in time.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// About as much is taken in before somebody reads it. Between two times lies a pause, so that a peer that never ends is
/// not followed faster than this.
const UNREAD_MAX: usize = 16 * 1024;
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// What the request's body, the transports and the caller share. All of them run in the caller's thread; the lock is
/// there because ureq wants transports that are `Send` and `Sync`.
#[derive(Clone, Default)]
pub(crate) struct Exchange(Arc<Mutex<State>>);

/// Nothing here blocks in the kernel, and no timeout is set on the socket. So it is the same on every platform, and no
/// signal can prolong anything.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // facts that do not depend on each other
pub(crate) struct State {
    /// Whether the connection stands, with TLS.
    pub(crate) is_connected: bool,
    /// Bytes of the request's body: all of them, those read from their source, and those that the kernel took, as of the
    /// last time that nothing was left in the queue.
    pub(crate) body_length: u64,
    pub(crate) body_read: u64,
    pub(crate) body_sent: u64,
    /// Whether the server has answered, so that nothing more is sent.
    pub(crate) is_answered: bool,
    /// The status of the answer, 0 until it is known, its `Retry-After` and its `Date`: they count even if the rest of its
    /// head is of no use or never comes.
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    stream: Option<TcpStream>,
    pub(super) stall_timeout: Duration,
    /// What is to be sent. It grows by what TLS makes of one piece of the body, and is sent before the next.
    pub(super) queue: Vec<u8>,
    /// What has arrived and was not read yet, at most [`UNREAD_MAX`].
    pub(super) received: Vec<u8>,
    /// Whether anything has arrived since this was last set to false.
    pub(super) has_news: bool,
    /// Whether the peer has ended its side.
    pub(super) is_ended: bool,
    /// Since when the peer has taken nothing of what is in the queue.
    blocked_since: Option<Instant>,
    /// When any read ends, whatever its own limit.
    pub(super) deadline: Option<Instant>,
    /// Whether what had arrived by the deadline was taken in.
    is_over: bool,
}

impl Exchange {
    /// A panic in the caller's observer may poison the lock; what it guards is whole all the same.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without what is in the buffers: over plain HTTP that is the key as well.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl State {
    /// All of the handshakes must be over by the deadline.
    pub(super) fn connect(&mut self, stream: TcpStream, stall_timeout: Duration, deadline: Instant) -> io::Result<()> {
        // Not worth an error: macOS refuses every option once the peer has closed, which may have left an answer.
        let _ = stream.set_nodelay(true);
        stream.set_nonblocking(true)?;
        (self.stream, self.stall_timeout) = (Some(stream), stall_timeout);
        self.set_deadline(Some(deadline));
        Ok(())
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        (self.deadline, self.is_over) = (deadline, false);
    }

    /// Allows the rest of the answer no more than `limit` from now, or less if less was left.
    pub(crate) fn limit_answer(&mut self, limit: Duration) {
        let until = Instant::now() + limit.min(LONGEST);
        self.set_deadline(Some(self.deadline.map_or(until, |earlier| earlier.min(until))));
    }

    /// The server has answered: what is queued is not sent any more, nor is anything else.
    pub(super) fn stop_sending(&mut self) {
        self.is_answered = true;
        self.queue.clear();
    }

    /// Takes in what has arrived.
    pub(super) fn take_in(&mut self) -> io::Result<()> {
        let Some(mut stream) = self.stream.as_ref() else { return Err(ErrorKind::NotConnected.into()) };
        let mut block = [0; 4096];
        while !self.is_ended && self.received.len() < UNREAD_MAX {
            match stream.read(&mut block) {
                Ok(0) => self.is_ended = true,
                Ok(n) => {
                    self.received.extend_from_slice(block.get(..n).unwrap_or_default());
                    self.has_news = true;
                }
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has arrived, then sends what the peer takes. In this order, as Windows discards what was not read
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

    /// [`advance`](Self::advance) for a read, but only once after the deadline: what has arrived by then counts, and more
    /// may come without end.
    pub(super) fn advance_in_time(&mut self, now: Instant) -> io::Result<()> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = self.deadline.is_some_and(|deadline| deadline <= now);
        self.advance()
    }

    /// [`advance`](Self::advance) for a write: an error if the peer has taken nothing for the stall timeout.
    pub(super) fn advance_or_stall(&mut self) -> Result<(), Error> {
        // Noted before the try, so that one more is made after a pause in which the process was stopped.
        let is_stalled = self.blocked_since.is_some_and(|since| since.elapsed() >= self.stall_timeout);
        self.advance()?;
        if is_stalled && self.blocked_since.is_some() {
            return Err(Error::Timeout(Timeout::PerWrite));
        }
        if self.queue.is_empty() {
            self.body_sent = self.body_read;
        }
        Ok(())
    }
}

/// Waits before the next try, at most for so long: 2 ms at first, then 4, then 8.
pub(super) fn pause(waiting_since: Instant, at_most: Duration) {
    thread::sleep((waiting_since.elapsed() * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE).min(at_most));
}

/// Whether the same call may do better after a pause.
fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::TcpListener;

    use super::*;

    const STALL: Duration = Duration::from_millis(60);

    /// An exchange that is connected, and the peer.
    pub(in super::super) fn connected(stall_timeout: Duration) -> (Exchange, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = listener.accept().unwrap().0;
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let exchange = Exchange::default();
        exchange.lock().connect(stream, stall_timeout, Instant::now() + LONGEST).unwrap();
        (exchange, peer)
    }

    #[test]
    fn a_peer_that_takes_nothing_stalls_a_write_and_only_what_left_the_queue_counts_as_sent() {
        let (exchange, mut peer) = connected(STALL);
        let mut state = exchange.lock();
        (state.body_read, state.queue) = (10, vec![0; 10]);
        state.advance_or_stall().unwrap();
        assert_eq!((state.body_sent, state.queue.len()), (10, 0));

        // More than the buffers on the way hold.
        (state.body_read, state.queue) = (64 << 20, vec![0; 64 << 20]);
        peer.write_all(b"news").unwrap();
        let started = Instant::now();
        let error = loop {
            match state.advance_or_stall() {
                Ok(()) => pause(started, LONGEST),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Timeout(Timeout::PerWrite)) && started.elapsed() >= STALL, "{error}");
        assert_eq!((state.body_sent, state.received.as_slice(), state.has_news), (10, &b"news"[..], true));
        state.stop_sending();
        assert!(state.is_answered && state.queue.is_empty());
        assert_eq!(format!("{exchange:?}"), "Exchange { .. }", "over plain HTTP the key is in the queue");
    }

    #[test]
    fn no_more_than_a_bounded_amount_is_taken_in() {
        let (exchange, mut peer) = connected(STALL);
        peer.write_all(&vec![0; UNREAD_MAX * 2]).unwrap();
        let mut state = exchange.lock();
        while state.received.len() < UNREAD_MAX {
            state.take_in().unwrap();
        }
        state.take_in().unwrap();
        assert!(state.received.len() < UNREAD_MAX + 4096, "{}", state.received.len());
    }
}
