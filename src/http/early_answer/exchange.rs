//! What is known about one exchange while it goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;

use super::line::Line;

/// "For ever", in a form that can be added to a point in time.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What the request body, the transport and the caller of one exchange share. All of them run in the caller's thread;
/// atomics and the lock are there because ureq wants transports that are `Send` and `Sync`.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Whether the connection stands, with TLS.
    pub(crate) connected: AtomicBool,
    /// Body bytes read from their source.
    pub(crate) read: AtomicU64,
    /// Body bytes that the kernel took, as of the last time that nothing was left in the queue.
    pub(crate) handed: AtomicU64,
    /// Whether the server has answered, so that nothing more is sent.
    answered: AtomicBool,
    told: Mutex<Told>,
    line: Mutex<Line>,
}

/// What the beginning of an answer tells, even if the rest of its head cannot be parsed or never comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// 0 until it is known.
    pub(crate) status: u16,
    /// The field as it was sent.
    pub(crate) retry_after: Option<String>,
}

impl Exchange {
    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    pub(crate) fn told(&self) -> Told {
        lock(&self.told).clone()
    }

    pub(super) fn set_told(&self, status: u16, retry_after: Option<String>) {
        *lock(&self.told) = Told { status, retry_after };
    }

    /// Whether any of the request's body was read: its head is out by then.
    pub(crate) fn has_begun_body(&self) -> bool {
        self.read.load(Ordering::Relaxed) > 0
    }

    /// The server has answered: what is queued is not sent any more, nor is anything else.
    pub(super) fn stop_sending(&self) {
        self.answered.store(true, Ordering::Relaxed);
        self.line().queue.clear();
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Sends what is queued. False: the peer takes nothing for now, and input is there to be looked at.
    pub(super) fn flush(&self) -> Result<bool, Error> {
        let read = self.read.load(Ordering::Relaxed);
        let is_sent = self.line().flush(self.has_begun_body())?;
        if is_sent {
            self.handed.store(read, Ordering::Relaxed);
        }
        Ok(is_sent)
    }

    /// Allows the rest of the answer no more than `limit` from now, or less if less was left.
    pub(crate) fn limit_answer(&self, limit: Duration) {
        let until = Instant::now() + limit.min(LONGEST);
        let mut line = self.line();
        let until = line.deadline().map_or(until, |earlier| earlier.min(until));
        line.set_deadline(Some(until));
    }
}

/// A panic in the caller's observer may poison a lock; what it guards is whole all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use super::*;

    /// An exchange that is connected, and the peer.
    pub(in super::super) fn connected(stall_timeout: Duration) -> (Arc<Exchange>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = listener.accept().unwrap().0;
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let exchange = Arc::new(Exchange::default());
        exchange.line().connect(stream, stall_timeout).unwrap();
        (exchange, peer)
    }

    #[test]
    fn only_what_left_the_queue_counts_as_handed() {
        let (exchange, _peer) = connected(Duration::from_millis(20));
        exchange.read.store(10, Ordering::Relaxed);
        exchange.line().queue = vec![0; 10];
        assert!(exchange.flush().unwrap());
        assert_eq!(exchange.handed.load(Ordering::Relaxed), 10);
        // More than fits the buffers on the way.
        exchange.read.store(64 << 20, Ordering::Relaxed);
        exchange.line().queue = vec![0; 64 << 20];
        assert!(matches!(exchange.flush(), Err(Error::Timeout(_))));
        assert_eq!(exchange.handed.load(Ordering::Relaxed), 10);
        exchange.stop_sending();
        assert!(exchange.is_answered() && exchange.line().queue.is_empty());
    }
}
