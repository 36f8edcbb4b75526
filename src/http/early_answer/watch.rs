//! The watch above TLS: the only sender. It probes for a response while the body is sent, drops interim responses, and
//! passes the head of the response to ureq in a form that ureq can parse.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport, time};
use ureq::{Error, Timeout};

use super::exchange::{Exchange, LONGEST, pause};
use super::socket::PROBE;
use crate::http::head::{self, Head};

/// The maximum size of a head, of input that ureq cannot parse, and of what frames a body.
const INPUT_MAX: usize = 256 * 1024;

pub(super) struct Watch {
    inner: Box<dyn Transport>,
    exchange: Exchange,
    /// Input: raw until the head is complete.
    input: Vec<u8>,
    /// How much of the input has been consumed.
    taken: usize,
    /// How much of a body was received, with what frames it.
    body_received: usize,
    /// Whether ureq consumed any input the last time.
    is_progressing: bool,
    /// Whether the server has sent `100 Continue`.
    is_invited: bool,
}

impl Watch {
    pub(super) fn new(inner: Box<dyn Transport>, exchange: Exchange) -> Self {
        let input = Vec::new();
        Watch { inner, exchange, input, taken: 0, body_received: 0, is_progressing: false, is_invited: false }
    }

    fn read(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let result = self.inner.await_input(timeout);
        let buffers = self.inner.buffers();
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.extend_from_slice(buffers.input());
        let length = buffers.input().len();
        buffers.input_consume(length);
        self.exchange.lock().has_heard |= length > 0;
        result
    }

    /// Reads what has arrived and decides whether to stop sending. An early 2xx is no reason to stop, because a server
    /// may accept before it has read the last byte; unless sending has failed, when there will be no other response. Fails
    /// if there will be none at all, because the server has closed its side.
    fn probe(&mut self, has_failed: bool) -> Result<(), Error> {
        let mut state = self.exchange.lock();
        // If this fails, so will the next write.
        let _ = state.take_in();
        state.has_news = false;
        drop(state);
        let probe = NextTimeout { after: time::Duration::from_secs(0), reason: PROBE, ..NextTimeout::default() };
        loop {
            let ends = match self.next_head() {
                Head::Final(status) => has_failed || !(200..300).contains(&status),
                Head::NotHttp => true,
                Head::Incomplete | Head::Interim { .. } => false,
            };
            if ends {
                self.exchange.lock().stop_sending();
            }
            if ends || self.input().len() >= INPUT_MAX {
                return Ok(());
            }
            match self.read(probe) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let state = self.exchange.lock();
        if state.is_ended && state.status == 0 { Err(ended()) } else { Ok(()) }
    }

    /// Drops complete interim responses from the input, as RFC 9110 §15.2 allows, because ureq takes one that has a
    /// header field for the final response. Returns what follows them.
    fn next_head(&mut self) -> Head {
        loop {
            match Head::of(self.input()) {
                Head::Interim { status, length } => {
                    self.is_invited |= status == 100;
                    self.taken += length;
                }
                head => {
                    if let Head::Final(status) = head {
                        self.exchange.lock().status = status;
                    }
                    return head;
                }
            }
        }
    }

    /// Reads until there is enough of a head, or the maximum.
    fn await_head(&mut self, timeout: NextTimeout, is_enough: fn(&Watch, &Head) -> bool) -> Result<Head, Error> {
        let started = Instant::now();
        let mut has_read = false;
        loop {
            let head = self.next_head();
            if is_enough(self, &head) || self.input().len() >= INPUT_MAX {
                return Ok(head);
            }
            // Interim responses may never end.
            if has_read {
                pause(started, LONGEST);
            }
            has_read = true;
            if !self.read(timeout)? {
                return Err(ended());
            }
        }
    }

    /// Waits for `100 Continue`. Whatever comes is reported as the end of that wait, so that ureq sends the body, or
    /// believes so after a refusal: on its own, ureq would spin on half a head.
    fn await_continue(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.exchange.lock().set_deadline(Some(Instant::now() + (*timeout.after).min(LONGEST)));
        let waited = self.await_head(timeout, |watch, head| watch.is_invited || *head != Head::Incomplete);
        self.exchange.lock().set_deadline(None);
        match waited {
            Ok(_) | Err(Error::Timeout(_)) => {}
            Err(error) => return Err(error),
        }
        // A refusal may have come with it, and then the body must not be sent.
        self.probe(false)?;
        Err(Error::Timeout(Timeout::Await100))
    }

    /// Waits for the complete head of the final response, and replaces it by one that ureq can parse.
    fn await_answer(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.exchange.lock().limit_answer(*timeout.after);
        let head = self.await_head(timeout, |watch, head| match head {
            Head::Final(_) => head::end_of_head(watch.input()).is_some(),
            _ => *head == Head::NotHttp,
        });
        let field = |name| head::field(self.input(), name);
        let (retry_after, date, age) = (field("Retry-After"), field("Date"), field("Age"));
        let mut state = self.exchange.lock();
        (state.retry_after, state.date, state.age) = (retry_after, date, age);
        drop(state);
        let problem = match (head?, head::end_of_head(self.input())) {
            (Head::NotHttp, _) => "the server did not send an HTTP/1 response",
            (Head::Final(status), Some(length)) => {
                let canonical = head::canonical(status, self.input());
                self.body_received = self.input().len() - length;
                self.input.splice(..self.taken + length, canonical.into_bytes());
                self.taken = 0;
                return Ok(true);
            }
            _ => "the head of the response is longer than 256 KiB",
        };
        Err(malformed(problem))
    }

    /// Reads a bounded amount: a chunk length may never end, and neither may trailers, which ureq consumes.
    fn read_body(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let enough = self.exchange.lock().body_max.saturating_add(INPUT_MAX);
        if self.input().len() >= INPUT_MAX || self.body_received >= enough {
            return Err(malformed("the body of the response is malformed"));
        }
        let before = self.input().len();
        let result = self.read(timeout);
        self.body_received += self.input().len() - before;
        result
    }
}

fn ended() -> Error {
    io::Error::from(ErrorKind::UnexpectedEof).into()
}

fn malformed(problem: &str) -> Error {
    io::Error::new(ErrorKind::InvalidData, problem).into()
}

impl Transport for Watch {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.exchange.lock().is_answered {
            return Ok(());
        }
        self.inner.transmit_output(amount, timeout)?;
        let started = Instant::now();
        loop {
            let mut state = self.exchange.lock();
            let advanced = state.advance_or_stall();
            state.report_progress();
            // There is no need to probe while the head is being sent.
            let has_news = state.has_news && state.body_read > 0;
            drop(state);
            let probed = if has_news || advanced.is_err() { self.probe(advanced.is_err()) } else { Ok(()) };
            let state = self.exchange.lock();
            if state.is_answered {
                return Ok(());
            }
            advanced.and(probed)?;
            if state.queue.is_empty() {
                return Ok(());
            }
            drop(state);
            pause(started, LONGEST);
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        match timeout.reason {
            Timeout::Await100 => self.await_continue(timeout),
            Timeout::RecvResponse => self.await_answer(timeout),
            _ => self.read_body(timeout),
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Output goes straight to the transport below; the input buffer is the watch's own.
impl Buffers for Watch {
    fn output(&mut self) -> &mut [u8] {
        self.inner.buffers().output()
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.inner.buffers().tmp_and_output()
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        // Only the watch appends input.
        &mut []
    }

    fn input_appended(&mut self, _: usize) {}

    fn input_consume(&mut self, amount: usize) {
        self.is_progressing = amount > 0;
        self.taken = self.input.len().min(self.taken + amount);
    }

    fn can_use_input(&self) -> bool {
        self.is_progressing && !self.input().is_empty()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
