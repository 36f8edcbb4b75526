//! What is known about one exchange while it goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::NextTimeout;

use super::link::Link;

/// "For ever", in a form that can be added to a point in time.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What is known about one exchange, shared between its request body, its transport and its caller.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Whether the connection stands, with TLS.
    pub(crate) connected: AtomicBool,
    /// Body bytes handed to ureq.
    pub(crate) handed: AtomicU64,
    /// Whether the server has answered, so that nothing more is sent.
    pub(crate) answered: AtomicBool,
    /// Whether a write was cut short because there is input.
    pub(crate) input_seen: AtomicBool,
    /// Whether the socket's buffer holds input. TLS may leave some there: OpenSSL takes one record at a time.
    pub(super) input_buffered: AtomicBool,
    /// Why a part of the body could not be sent. It takes this way around TLS, which would not read any more after
    /// a failed write, and the server's reason is worth reading.
    pub(super) failure: Mutex<Option<Error>>,
    /// When the answer must be whole.
    answer_until: Mutex<Option<Instant>>,
    pub(super) link: Mutex<Option<Arc<Link>>>,
}

impl Exchange {
    pub(crate) fn is_sending_body(&self) -> bool {
        self.handed.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn take_failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    pub(crate) fn answer_until(&self) -> Option<Instant> {
        *lock(&self.answer_until)
    }

    /// Allows the rest of the answer no more than `limit` from now, or less if less was left.
    pub(crate) fn limit_answer(&self, limit: Duration) {
        let until = Instant::now() + limit.min(LONGEST);
        let mut answer_until = lock(&self.answer_until);
        *answer_until = Some(answer_until.map_or(until, |earlier| earlier.min(until)));
    }

    /// Whether bytes have arrived that nobody has read. The end of the stream does not count.
    pub(crate) fn input_waits(&self, under_tls: bool) -> bool {
        // Without TLS the socket's buffer is the caller's own, who knows what is in it.
        let buffered = under_tls && self.input_buffered.load(Ordering::Relaxed);
        buffered || lock(&self.link).as_ref().is_some_and(|link| link.input_waits())
    }

    /// Sends what was gathered, or goes on with a write that was cut short, until it is done or there is input.
    pub(crate) fn send_backlog(&self, timeout: NextTimeout) -> Result<(), Error> {
        let link = lock(&self.link).clone();
        link.map_or(Ok(()), |link| self.send(&link, &[], timeout))
    }

    pub(super) fn send(&self, link: &Link, bytes: &[u8], timeout: NextTimeout) -> Result<(), Error> {
        if link.send(bytes, self.is_sending_body(), timeout)? {
            self.input_seen.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A panic in the caller's watch may poison a lock; what it guards is whole all the same.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
