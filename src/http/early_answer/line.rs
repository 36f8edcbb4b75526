//! A TCP stream that never blocks, with a queue before it and a store behind it.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

/// No more than this lies unread at any level. ureq's input buffer holds twice as much, and panics if it ever had to
/// grow and then shrinks under what is in it.
pub(super) const UNREAD_MAX: usize = 64 * 1024;
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// Nothing here blocks in the kernel, and no timeout is set on the socket. So it is the same on every platform, and no
/// signal can prolong anything.
#[derive(Default)]
pub(super) struct Line {
    stream: Option<TcpStream>,
    stall_timeout: Duration,
    /// What is to be sent. It grows by what TLS makes of one piece of the body, and is flushed before the next.
    pub(super) queue: Vec<u8>,
    /// What has arrived and was not taken yet, at most [`UNREAD_MAX`].
    pub(super) received: Vec<u8>,
    /// Whether anything has arrived since this was last set to false.
    pub(super) has_news: bool,
    /// Whether the peer has ended its side.
    pub(super) is_ended: bool,
    /// Since when the peer has taken nothing of what is in the queue.
    blocked_since: Option<Instant>,
    /// When any read ends, whatever its own limit.
    deadline: Option<Instant>,
    /// Whether the deadline is over, and what had arrived by then was taken in.
    is_over: bool,
}

impl Line {
    pub(super) fn connect(&mut self, stream: TcpStream, stall_timeout: Duration) -> io::Result<()> {
        // Not worth an error: macOS refuses every option once the peer has closed, which may have left an answer.
        let _ = stream.set_nodelay(true);
        stream.set_nonblocking(true)?;
        *self = Line { stream: Some(stream), stall_timeout, ..Line::default() };
        Ok(())
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        self.stall_timeout
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        (self.deadline, self.is_over) = (deadline, false);
    }

    /// [`advance`](Self::advance), but only once after the deadline: what has arrived by then counts, and more may come
    /// without end.
    pub(super) fn advance_in_time(&mut self, now: Instant) -> io::Result<()> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = self.deadline.is_some_and(|deadline| deadline <= now);
        self.advance()
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
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has arrived, then sends what the peer takes. In this order, as Windows discards what was not read
    /// when a send fails.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        self.take_in()?;
        let Some(mut stream) = self.stream.as_ref().filter(|_| !self.queue.is_empty()) else { return Ok(()) };
        match stream.write(&self.queue) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                self.queue.drain(..n);
                self.blocked_since = None;
            }
            Err(error) if is_later(&error) => {
                self.blocked_since.get_or_insert_with(Instant::now);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends the queue. False, if `may_stop`: the peer takes nothing for now, and there are news.
    pub(super) fn flush(&mut self, may_stop: bool) -> Result<bool, Error> {
        let started = Instant::now();
        loop {
            // Noted before the try, so that one more is made after a pause in which the process was stopped.
            let is_stalled = self.blocked_since.is_some_and(|since| since.elapsed() >= self.stall_timeout);
            self.advance()?;
            if self.queue.is_empty() {
                return Ok(true);
            }
            if is_stalled && self.blocked_since.is_some() {
                return Err(Error::Timeout(Timeout::PerWrite));
            }
            if may_stop && self.has_news {
                return Ok(false);
            }
            pause(started);
        }
    }
}

/// Waits before the next try: 2 ms at first, then 4, then 8.
pub(super) fn pause(waiting_since: Instant) {
    pause_at_most(waiting_since, LONGEST_PAUSE);
}

pub(super) fn pause_at_most(waiting_since: Instant, longest: Duration) {
    thread::sleep((waiting_since.elapsed() * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE).min(longest));
}

/// Without what is in the buffers: over plain HTTP that is the key as well.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// Whether the same call may do better after a pause.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::super::exchange::tests::connected;
    use super::*;

    const STALL: Duration = Duration::from_millis(60);
    /// More than the buffers on the way hold.
    const MUCH: usize = 64 << 20;

    #[test]
    fn a_peer_that_takes_nothing_stalls_the_flush_and_news_stop_it_if_they_may() {
        let (exchange, mut peer) = connected(STALL);
        let mut line = exchange.line();
        line.queue = vec![0; MUCH];
        let started = Instant::now();
        assert!(matches!(line.flush(true), Err(Error::Timeout(Timeout::PerWrite))));
        assert!(started.elapsed() >= STALL);
        let left = line.queue.len();
        assert!(left > 0 && left < MUCH);

        line.blocked_since = None;
        peer.write_all(b"news").unwrap();
        assert!(!line.flush(true).unwrap());
        assert_eq!((line.received.as_slice(), line.queue.len()), (&b"news"[..], left));
        // While a head is sent, the same news stop nothing.
        assert!(matches!(line.flush(false), Err(Error::Timeout(Timeout::PerWrite))));
    }

    #[test]
    fn no_more_than_a_bounded_amount_is_taken_in() {
        let (exchange, mut peer) = connected(STALL);
        peer.write_all(&vec![0; UNREAD_MAX * 2]).unwrap();
        let mut line = exchange.line();
        while line.received.len() < UNREAD_MAX {
            line.take_in().unwrap();
        }
        line.take_in().unwrap();
        assert!(line.received.len() < UNREAD_MAX + 4096, "{}", line.received.len());
    }

    #[test]
    fn nothing_of_a_request_is_in_debug_output() {
        let (exchange, _peer) = connected(STALL);
        exchange.line().queue = b"Mendix-ApiKey: s3cret".to_vec();
        let text = format!("{exchange:?}");
        assert!(text.contains("Line") && !text.contains("s3cret") && !text.contains("115"), "{text}");
    }
}
