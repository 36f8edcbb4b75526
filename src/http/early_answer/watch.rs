//! The watch above TLS: the only sender. It looks for an answer while the body is sent, and puts interim answers right.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport, time};
use ureq::{Error, Timeout};

use super::exchange::{Exchange, LONGEST};
use super::head::{self, Head};
use super::line::{UNREAD_MAX, pause};
use super::socket::LOOK;

#[derive(Debug)]
pub(super) struct Watch {
    inner: Box<dyn Transport>,
    exchange: Arc<Exchange>,
    /// Whether ureq has begun to wait for the answer itself.
    awaits_answer: bool,
}

impl Watch {
    pub(super) fn new(inner: Box<dyn Transport>, exchange: Arc<Exchange>) -> Self {
        Watch { inner, exchange, awaits_answer: false }
    }

    fn input(&mut self) -> &[u8] {
        self.inner.buffers().input()
    }

    /// Takes in what has arrived and decides whether it ends the sending. An early 2xx does not, unless sending has
    /// failed and it is all the answer there will be: a server may say yes before it has read the last byte.
    fn look(&mut self, has_failed: bool) -> Result<(), Error> {
        let mut line = self.exchange.line();
        // If this fails, the next write will as well.
        let _ = line.take_in();
        line.has_news = false;
        drop(line);
        let look = NextTimeout { after: time::Duration::from_secs(0), reason: LOOK, ..NextTimeout::default() };
        loop {
            let ends = match self.next_head() {
                Head::Final(status) => has_failed || !(200..300).contains(&status),
                Head::NotHttp => true,
                Head::Incomplete | Head::Interim { .. } => false,
            };
            if ends {
                self.exchange.stop_sending();
            }
            if ends || self.input().len() >= UNREAD_MAX {
                return Ok(());
            }
            match self.inner.await_input(look) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops every complete interim answer from the input (RFC 9110 §15.2 lets a client ignore them), since ureq
    /// takes one that bears a header for the end of the exchange; returns what comes after them.
    fn next_head(&mut self) -> Head {
        loop {
            match Head::of(self.input()) {
                Head::Interim { length, .. } => self.inner.buffers().input_consume(length),
                head => {
                    if let Head::Final(status) = head {
                        let retry_after = head::field(self.inner.buffers().input(), "Retry-After");
                        self.exchange.set_told(status, retry_after);
                    }
                    return head;
                }
            }
        }
    }

    /// Waits for `100 Continue`. Whatever comes is reported as the end of that wait, upon which ureq sends the body,
    /// or after a refusal believes that it does: on its own it would look at half a head again and again.
    fn await_continue(&mut self, mut timeout: NextTimeout) -> Result<bool, Error> {
        let started = Instant::now();
        let until = started + (*timeout.after).min(LONGEST);
        let mut has_read = false;
        loop {
            match Head::of(self.input()) {
                Head::Interim { status, length } => {
                    self.inner.buffers().input_consume(length);
                    if status == 100 {
                        break;
                    }
                }
                Head::Incomplete if self.input().len() < UNREAD_MAX && Instant::now() < until => {
                    // Other interim answers may come without end.
                    if has_read {
                        pause(started);
                    }
                    has_read = true;
                    timeout.after = time::Duration::Exact(until.saturating_duration_since(Instant::now()));
                    match self.inner.await_input(timeout) {
                        Ok(true) => {}
                        Ok(false) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                        Err(Error::Timeout(_)) => break,
                        Err(error) => return Err(error),
                    }
                }
                Head::Incomplete | Head::Final(_) | Head::NotHttp => break,
            }
        }
        // A refusal that came with it: the body must not be sent.
        self.look(false)?;
        Err(Error::Timeout(Timeout::Await100))
    }

    /// Waits for input of the answer, past the interim ones.
    fn await_answer(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.awaits_answer {
            self.awaits_answer = true;
            self.exchange.limit_answer(*timeout.after);
            // What came while the request was sent is handed over as it is; ureq would wait for more.
            if self.next_head() != Head::Incomplete {
                return Ok(true);
            }
        }
        let started = Instant::now();
        loop {
            let more = self.inner.await_input(timeout)?;
            if !more || self.next_head() != Head::Incomplete || self.input().len() >= UNREAD_MAX {
                return Ok(more);
            }
            // Interim answers may come without end.
            pause(started);
        }
    }
}

impl Transport for Watch {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.exchange.is_answered() {
            return Ok(());
        }
        self.inner.transmit_output(amount, timeout)?;
        let started = Instant::now();
        loop {
            let flushed = self.exchange.flush();
            let looked = match &flushed {
                Ok(_) if !self.exchange.has_begun_body() || !self.exchange.line().has_news => Ok(()),
                Ok(_) => self.look(false),
                Err(_) => self.look(true),
            };
            if self.exchange.is_answered() {
                return Ok(());
            }
            let is_sent = flushed?;
            looked?;
            if is_sent {
                return Ok(());
            }
            // What was looked at may come without end as well, while the peer takes nothing.
            pause(started);
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        match timeout.reason {
            Timeout::Await100 => self.await_continue(timeout),
            Timeout::RecvResponse => self.await_answer(timeout),
            _ => self.inner.await_input(timeout),
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
