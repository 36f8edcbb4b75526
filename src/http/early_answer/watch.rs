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
    fn await_continue(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let started = Instant::now();
        self.exchange.line().set_deadline(Some(started + (*timeout.after).min(LONGEST)));
        let mut has_read = false;
        loop {
            match Head::of(self.input()) {
                Head::Interim { status, length } => {
                    self.inner.buffers().input_consume(length);
                    if status == 100 {
                        break;
                    }
                }
                Head::Incomplete if self.input().len() < UNREAD_MAX => {
                    // Other interim answers may come without end.
                    if has_read {
                        pause(started);
                    }
                    has_read = true;
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
        self.exchange.line().set_deadline(None);
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Write;
    use std::net::TcpStream;
    use std::thread;
    use std::time::Duration;

    use ureq::unversioned::transport::LazyBuffers;

    use super::super::exchange::tests::connected;
    use super::*;

    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\nRetry-After: 7\r\n\r\n";

    /// What TLS is to the watch: records that nobody sees until they are read, one at a time.
    #[derive(Debug)]
    struct Records {
        buffers: LazyBuffers,
        records: VecDeque<Vec<u8>>,
    }

    impl Transport for Records {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
            let Some(record) = self.records.pop_front() else {
                let is_look = timeout.reason == LOOK;
                return Err(if is_look {
                    io::Error::from(ErrorKind::WouldBlock).into()
                } else {
                    Error::Timeout(timeout.reason)
                });
            };
            self.buffers.input_append_buf()[..record.len()].copy_from_slice(&record);
            self.buffers.input_appended(record.len());
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            false
        }
    }

    struct Watched {
        watch: Watch,
        exchange: Arc<Exchange>,
        peer: TcpStream,
    }

    fn watched<'a>(records: impl IntoIterator<Item = &'a str>) -> Watched {
        let (exchange, peer) = connected(Duration::from_millis(50));
        let records = records.into_iter().map(|record| record.as_bytes().to_vec()).collect();
        let inner = Records { buffers: LazyBuffers::new(128 << 10, 1024), records };
        Watched { watch: Watch::new(Box::new(inner), exchange.clone()), exchange, peer }
    }

    fn timeout(reason: Timeout) -> NextTimeout {
        NextTimeout { after: time::Duration::from_millis(200), reason, ..NextTimeout::default() }
    }

    #[test]
    fn a_refusal_in_a_record_behind_the_100_continue_is_seen_before_the_body() {
        for records in [&[CONTINUE, REFUSAL][..], &[CONTINUE, "HTTP/1.1 4", "03 Forb", "idden\r\n"], &[REFUSAL]] {
            let Watched { mut watch, exchange, peer: _peer } = watched(records.iter().copied());
            let result = watch.await_input(timeout(Timeout::Await100));
            assert!(matches!(result, Err(Error::Timeout(Timeout::Await100))), "{result:?}");
            assert!(exchange.is_answered(), "{records:?}");
            assert_eq!(exchange.told().status, 403);
        }
    }

    #[test]
    fn an_acceptance_ends_the_sending_only_if_the_sending_has_failed() {
        let Watched { mut watch, exchange, peer: _peer } = watched(["HTTP/1.1 201 Created\r\n\r\n"]);
        watch.look(false).unwrap();
        assert!(!exchange.is_answered());
        assert_eq!(exchange.told().status, 201);
        watch.look(true).unwrap();
        assert!(exchange.is_answered());
    }

    #[test]
    fn a_refusal_while_the_peer_takes_nothing_empties_the_queue() {
        let Watched { mut watch, exchange, mut peer } = watched([REFUSAL]);
        exchange.read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        exchange.line().queue = vec![0; 64 << 20];
        // The bytes below TLS, whatever they are; the record stands for what TLS makes of them.
        let sign = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            peer.write_all(b"x").unwrap();
            peer
        });
        watch.transmit_output(0, timeout(Timeout::Global)).unwrap();
        assert!(exchange.is_answered() && exchange.line().queue.is_empty());
        assert_eq!(exchange.told().retry_after.as_deref(), Some("7"));
        sign.join().unwrap();
    }
}
