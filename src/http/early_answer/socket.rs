//! The TCP connection below TLS. It only queues output, so that TLS never sees a failed or partial write; a read sends
//! the queue while it waits.

use std::fmt;
use std::io::{self, Read};
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport, time::Duration};
use ureq::{Error, Timeout, config::Config};

use super::exchange::{Exchange, LONGEST, pause};

/// The [`Timeout`] that marks a probe. Nothing else here uses it.
pub(super) const PROBE: Timeout = Timeout::PerRead;

pub(super) struct Socket {
    exchange: Exchange,
    buffers: LazyBuffers,
}

impl Socket {
    pub(super) fn new(exchange: Exchange, config: &Config) -> Self {
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Socket { exchange, buffers }
    }

    /// Moves received bytes to the reader's buffer, as far as there is room.
    fn hand_over(&mut self) -> Result<bool, Error> {
        let received = &mut self.exchange.lock().received;
        let n = received.as_slice().read(self.buffers.input_append_buf())?;
        received.drain(..n);
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Reads what was received, without waiting or sending. A probe that finds nothing returns `WouldBlock`, which TLS
    /// libraries retry; some treat a timeout as fatal.
    fn probe(&mut self) -> Result<bool, Error> {
        if self.hand_over()? { Ok(true) } else { Err(io::Error::from(io::ErrorKind::WouldBlock).into()) }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut state = self.exchange.lock();
        // After an early response nothing is sent, not even by TLS.
        if !state.is_answered {
            state.queue.extend_from_slice(self.buffers.output().get(..amount).unwrap_or_default());
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if timeout.reason == PROBE {
            return self.probe();
        }
        let (limit, reason) = match timeout.after {
            Duration::Exact(limit) => (limit.min(LONGEST), timeout.reason),
            // While sending, ureq sets no timeout, but TLS may have to read during a write.
            Duration::NotHappening => (self.exchange.lock().stall_timeout, Timeout::PerWrite),
        };
        let started = Instant::now();
        loop {
            // Noted before the attempt, so that what arrived while the process was suspended is read.
            let now = Instant::now();
            let mut state = self.exchange.lock();
            let until = state.deadline.map_or(started + limit, |deadline| deadline.min(started + limit));
            let advanced = state.advance_in_time(now);
            let (has_input, is_ended) = (!state.received.is_empty(), state.is_ended);
            drop(state);
            if has_input {
                return self.hand_over();
            }
            if is_ended {
                return Ok(false);
            }
            advanced?;
            if now >= until {
                return Err(Error::Timeout(reason));
            }
            pause(started, until - now);
        }
    }

    /// Never reused: each exchange has its own connection.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// Without the buffers.
impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;
    use std::time::Duration as StdDuration;

    use super::super::exchange::tests::connected;
    use super::*;

    fn socket() -> (Socket, Exchange, std::net::TcpStream) {
        let (exchange, peer) = connected(StdDuration::from_secs(5));
        let config = ureq::Agent::config_builder().build();
        (Socket::new(exchange.clone(), &config), exchange, peer)
    }

    #[test]
    fn a_probe_neither_waits_nor_sends_nor_reads_the_network() {
        let probe = NextTimeout { reason: PROBE, ..NextTimeout::default() };
        let (mut socket, exchange, mut peer) = socket();
        socket.buffers().output()[..4].copy_from_slice(b"ping");
        socket.transmit_output(4, probe).unwrap();
        peer.write_all(b"pong").unwrap();
        thread::sleep(StdDuration::from_millis(5));
        let nothing = socket.await_input(probe).unwrap_err();
        assert!(matches!(nothing, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock));
        assert_eq!(exchange.lock().queue, b"ping");
        exchange.lock().take_in().unwrap();
        assert!(socket.await_input(probe).unwrap());
        assert_eq!(socket.buffers().input(), b"pong");
    }

    /// TLS reads while it writes, and then ureq sets no timeout.
    #[test]
    fn a_read_without_a_timeout_waits_for_input_up_to_the_stall_timeout() {
        let (mut socket, exchange, mut peer) = socket();
        exchange.lock().set_deadline(None);
        let sender = thread::spawn(move || {
            thread::sleep(StdDuration::from_millis(20));
            peer.write_all(b"pong").unwrap();
            peer
        });
        assert!(socket.await_input(NextTimeout::default()).unwrap());
        assert_eq!(socket.buffers().input(), b"pong");
        let _peer = sender.join().unwrap();
        exchange.lock().stall_timeout = StdDuration::from_millis(20);
        assert!(matches!(socket.await_input(NextTimeout::default()), Err(Error::Timeout(Timeout::PerWrite))));
    }

    /// A TLS library may read again and again, because empty records are no input to it.
    #[test]
    fn input_after_the_deadline_is_not_read() {
        let minute =
            NextTimeout { after: Duration::from_secs(60), reason: Timeout::RecvResponse, ..NextTimeout::default() };
        let (mut socket, exchange, mut peer) = socket();
        exchange.lock().limit_answer(StdDuration::ZERO);
        peer.write_all(b"in time").unwrap();
        thread::sleep(StdDuration::from_millis(5));
        assert!(socket.await_input(minute).unwrap());
        peer.write_all(b", too late").unwrap();
        thread::sleep(StdDuration::from_millis(5));
        assert!(matches!(socket.await_input(minute), Err(Error::Timeout(Timeout::RecvResponse))));
        assert_eq!(socket.buffers().input(), b"in time");
    }
}
