//! Sees an answer while the body is still being sent, and puts interim answers right.
//!
//! HTTP/1.1 lets a server answer before it has read the request (RFC 9112 §9.3). ureq looks at the connection only
//! once the whole body is out, so that a refusal would cost the upload of a gigabyte, or be lost in the reset that
//! follows it. The watch stands above TLS, looks for input between two writes, and once the server has refused lets
//! the rest of the body go nowhere; ureq then parses the answer as if the body had been sent.

mod connector;
mod exchange;
mod link;
mod socket;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport, time};
use ureq::{Error, Timeout};

use socket::LOOK;

pub(crate) use connector::agent;
pub(crate) use exchange::{Exchange, LONGEST};

/// How often a transmission that goes well is interrupted by a look. A look costs three short system calls.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// And after how many bytes, since a fast network carries much in that time.
const LOOK_AFTER: usize = 1024 * 1024;
/// How long a look may wait for the rest of a TLS record whose beginning is there.
const LOOK_WAIT: Duration = Duration::from_millis(1);

struct Watch {
    inner: Box<dyn Transport>,
    exchange: Arc<Exchange>,
    last_look: Option<Instant>,
    /// Bytes sent since the last look.
    unwatched: usize,
    /// For which wait of ureq's the buffered input was handed over last.
    phase: Option<Timeout>,
}

impl Watch {
    fn new(inner: Box<dyn Transport>, exchange: Arc<Exchange>) -> Self {
        Watch { inner, exchange, last_look: None, unwatched: 0, phase: None }
    }

    /// Takes in what has arrived and decides whether it ends the sending. An early 2xx does not, unless sending has
    /// failed and it is all the answer there will be: a server may say yes before it has read the last byte.
    fn look(&mut self, failed: bool) {
        self.last_look = Some(Instant::now());
        self.unwatched = 0;
        while self.exchange.input_waits(self.inner.is_tls()) {
            let limit = NextTimeout { after: time::Duration::Exact(LOOK_WAIT), reason: LOOK, ..NextTimeout::default() };
            // If this fails, the next write will as well, and says why.
            if !self.inner.await_input(limit).is_ok_and(|more| more) {
                break;
            }
        }
        let ends = match self.drop_interim() {
            Head::Final(status) => failed || status >= 300,
            Head::NotHttp => true,
            Head::Incomplete | Head::Interim { .. } => false,
        };
        if ends {
            self.exchange.answered.store(true, Ordering::Relaxed);
        }
    }

    fn is_answered(&self) -> bool {
        self.exchange.answered.load(Ordering::Relaxed)
    }

    /// Drops every complete interim answer from the input (RFC 9110 §15.2 lets a client ignore them), since ureq
    /// takes one that bears a header for the end of the exchange; returns what comes after them.
    fn drop_interim(&mut self) -> Head {
        loop {
            match Head::of(self.inner.buffers().input()) {
                Head::Interim { length, .. } => self.inner.buffers().input_consume(length),
                head => return head,
            }
        }
    }

    /// Waits for `100 Continue`. Whatever comes is reported as the end of that wait, upon which ureq sends the body,
    /// or after a refusal believes that it does: on its own it would look at half a head again and again.
    fn await_continue(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let go_on = || Err(Error::Timeout(Timeout::Await100));
        let started = Instant::now();
        loop {
            match Head::of(self.inner.buffers().input()) {
                Head::Interim { status, length } => {
                    self.inner.buffers().input_consume(length);
                    let follows = Head::of(self.inner.buffers().input());
                    // A refusal in the same packet: the body must not be sent.
                    if status == 100 && !matches!(follows, Head::Final(_) | Head::NotHttp) {
                        return go_on();
                    }
                }
                head @ (Head::Final(_) | Head::NotHttp) => {
                    // As in `look`: a server may say yes before it has read anything, and still wants the body.
                    if !matches!(head, Head::Final(200..=299)) {
                        self.exchange.answered.store(true, Ordering::Relaxed);
                    }
                    return go_on();
                }
                Head::Incomplete => {
                    let mut left = timeout;
                    if let time::Duration::Exact(after) = timeout.after {
                        left.after = time::Duration::Exact(after.saturating_sub(started.elapsed()));
                    }
                    match self.inner.await_input(left) {
                        Ok(true) => {}
                        Ok(false) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                        Err(Error::Timeout(_)) => return go_on(),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

impl Transport for Watch {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_answered() {
            return Ok(());
        }
        let mut sent = self.inner.transmit_output(amount, timeout);
        if sent.is_ok() {
            sent = self.exchange.send_backlog(timeout);
        }
        loop {
            if let Some(error) = sent.err().or_else(|| self.exchange.take_failure()) {
                self.look(true);
                return if self.is_answered() { Ok(()) } else { Err(error) };
            }
            if !self.exchange.input_seen.swap(false, Ordering::Relaxed) {
                break;
            }
            self.look(false);
            if self.is_answered() {
                return Ok(());
            }
            // It was no answer yet. What the socket could not send goes out before it is given more.
            sent = self.exchange.send_backlog(timeout);
        }
        self.unwatched = self.unwatched.saturating_add(amount);
        let due = || self.unwatched >= LOOK_AFTER || self.last_look.is_none_or(|last| last.elapsed() >= LOOK_EVERY);
        if self.exchange.is_sending_body() && due() {
            self.look(false);
        }
        Ok(())
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, Error> {
        // Input that came during an earlier phase is handed over once as it is; ureq would wait for more.
        let is_new = self.phase.replace(timeout.reason) != Some(timeout.reason);
        let awaits_head = match timeout.reason {
            Timeout::Await100 => return self.await_continue(timeout),
            Timeout::RecvResponse => {
                if is_new {
                    self.exchange.limit_answer(*timeout.after);
                    self.drop_interim();
                }
                true
            }
            _ => false,
        };
        if is_new && !self.inner.buffers().input().is_empty() {
            return Ok(true);
        }
        loop {
            if let Some(until) = self.exchange.answer_until() {
                let left = until.saturating_duration_since(Instant::now());
                timeout.after = time::Duration::Exact(left);
            }
            let more = self.inner.await_input(timeout)?;
            if awaits_head && more {
                self.drop_interim();
                if self.inner.buffers().input().is_empty() {
                    continue;
                }
            }
            return Ok(more);
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// What the input begins with.
#[derive(Debug, PartialEq)]
enum Head {
    /// Too little to tell, or an interim answer that is not whole yet.
    Incomplete,
    /// A whole interim answer of so many bytes, or stray line breaks with the status 0 (RFC 9112 §2.2).
    Interim {
        status: u16,
        length: usize,
    },
    /// The status line of the answer itself.
    Final(u16),
    NotHttp,
}

impl Head {
    fn of(input: &[u8]) -> Head {
        const PATTERN: &[u8] = b"HTTP/1.d ddd";
        let line_breaks = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if line_breaks > 0 {
            return Head::Interim { status: 0, length: line_breaks };
        }
        let fits = |(byte, pattern): (&u8, &u8)| match pattern {
            b'd' => byte.is_ascii_digit(),
            literal => byte == literal,
        };
        if !input.iter().zip(PATTERN).all(fits) {
            return Head::NotHttp;
        }
        let Some(digits) = input.get(PATTERN.len() - 3..PATTERN.len()) else { return Head::Incomplete };
        let status = digits.iter().fold(0_u16, |status, digit| status * 10 + u16::from(digit - b'0'));
        // 101 would be the end of HTTP on this connection, so it is no interim answer here.
        if !(100..200).contains(&status) || status == 101 {
            return Head::Final(status);
        }
        match end_of_head(input) {
            Some(length) => Head::Interim { status, length },
            None => Head::Incomplete,
        }
    }
}

/// Where the empty line ends; a bare line feed ends a line as well (RFC 9112 §2.2).
fn end_of_head(input: &[u8]) -> Option<usize> {
    let mut line_ends = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let mut previous = line_ends.next()?;
    for at in line_ends {
        let line = input.get(previous + 1..at)?;
        if line.is_empty() || line == b"\r" {
            return Some(at + 1);
        }
        previous = at;
    }
    None
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_its_first_twelve_bytes() {
        for (input, head) in [
            ("", Head::Incomplete),
            ("HTT", Head::Incomplete),
            ("HTTP/1.1 40", Head::Incomplete),
            ("HTTP/1.1 403", Head::Final(403)),
            ("HTTP/1.0 200 OK\r\n", Head::Final(200)),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Head::Final(101)),
            ("HTTP/1.1 100 Continue\r\n", Head::Incomplete),
            ("HTTP/1.1 100 Continue\r\n\r", Head::Incomplete),
            ("HTTP/1.1 100 Continue\r\n\r\n", Head::Interim { status: 100, length: 25 }),
            ("HTTP/1.1 100\n\nHTTP", Head::Interim { status: 100, length: 14 }),
            ("HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200", Head::Interim { status: 103, length: 31 }),
            ("\r\n\nHTTP/1.1 200", Head::Interim { status: 0, length: 3 }),
            ("HTTP/2 200", Head::NotHttp),
            ("SSH-2.0", Head::NotHttp),
            ("HTTP/1.1 4x3", Head::NotHttp),
        ] {
            assert_eq!(Head::of(input.as_bytes()), head, "{input:?}");
        }
    }
}
