//! The TCP connection under an exchange.
//!
//! ureq's own socket blocks in a write until the peer reads or a limit is over, so an answer that arrives while the
//! peer does not read would be seen only then. This one waits in short slices, and returns to its caller as soon as
//! there is something to read; what it could not send yet it keeps.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

/// How long a write may block before the socket looks for input. Windows leaves a socket undefined after a write
/// that timed out, so there the whole stall limit is one slice.
const SLICE: Duration = if cfg!(windows) { Duration::MAX } else { Duration::from_millis(50) };

/// TLS hands its records over one by one, of 16 KiB and a bit each. As parts of a body they are gathered, and go out
/// together when the [`Watch`](crate::early_answer) says so: a system call for each would be an eighth of the work.
const A_RECORD: std::ops::Range<usize> = 4 * 1024..64 * 1024;

/// "For ever", in a form that can be added to a point in time.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The [`Timeout`] that marks a quick look for input: nobody else here uses it. A look that finds nothing ends in
/// `WouldBlock`, which TLS libraries take for "later", and not in a time-out, which some take for broken.
pub(crate) const LOOK: Timeout = Timeout::PerRead;

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
    input_buffered: AtomicBool,
    /// Why a part of the body could not be sent. It takes this way around TLS, which would not read any more after
    /// a failed write, and the server's reason is worth reading.
    failure: Mutex<Option<Error>>,
    /// When the answer must be whole.
    answer_until: Mutex<Option<Instant>>,
    link: Mutex<Option<Arc<Link>>>,
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
        buffered || lock(&self.link).as_ref().is_some_and(|link| input_waits(&link.stream))
    }

    /// Sends what was gathered, or goes on with a write that was cut short, until it is done or there is input.
    pub(crate) fn send_backlog(&self, timeout: NextTimeout) -> Result<(), Error> {
        let link = lock(&self.link).clone();
        link.map_or(Ok(()), |link| self.send(&link, &[], timeout))
    }

    fn send(&self, link: &Link, bytes: &[u8], timeout: NextTimeout) -> Result<(), Error> {
        if link.send(bytes, self.is_sending_body(), timeout)? {
            self.input_seen.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A panic in the caller's watch may poison a lock; what it guards is whole all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn input_waits(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    stream.set_nonblocking(false).is_ok() && peeked.is_ok_and(|n| n > 0)
}

/// Opens the [`Socket`] where ureq would open its own.
pub(crate) struct SocketConnector {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) stall_timeout: Duration,
}

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Either<In, Socket>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        // Something is there already: the tunnel through a proxy.
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let stream = connect(details)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.stall_timeout.min(SLICE)))?;
        let backlog = Mutex::new(Backlog::default());
        let link = Arc::new(Link { stream, stall_timeout: self.stall_timeout, backlog });
        *lock(&self.exchange.link) = Some(link.clone());
        Ok(Some(Either::B(Socket {
            link,
            exchange: self.exchange.clone(),
            buffers: WatchedBuffers {
                buffers: LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size()),
                exchange: self.exchange.clone(),
            },
            read_timeout: None,
        })))
    }
}

/// Tries the addresses in turn, each with an equal share of the time that is left.
fn connect(details: &ConnectionDetails) -> Result<TcpStream, Error> {
    let deadline = Instant::now() + (*details.timeout.after).min(LONGEST);
    let mut failure = Error::ConnectionFailed;
    let addresses = details.addrs.len();
    for (tried, address) in details.addrs.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses - tried).unwrap_or(1).max(1);
        if share.is_zero() {
            return Err(Error::Timeout(details.timeout.reason));
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => failure = Error::Timeout(details.timeout.reason),
            Err(error) => failure = Error::Io(error),
        }
    }
    Err(failure)
}

/// A TCP stream that never waits in a write while there is something to read.
pub(crate) struct Socket {
    link: Arc<Link>,
    exchange: Arc<Exchange>,
    buffers: WatchedBuffers,
    read_timeout: Option<Duration>,
}

/// The stream, and what it has accepted and could not send yet.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    stall_timeout: Duration,
    backlog: Mutex<Backlog>,
}

#[derive(Debug, Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// Since when a write has been waiting, or when a byte was sent last since then: a peer that shows signs of life
    /// but takes nothing stands still all the same.
    moved: Option<Instant>,
}

impl Link {
    /// Sends the backlog and `bytes`. If `may_stop` and input arrives while the peer takes nothing, the rest becomes
    /// the backlog, and the answer is true.
    fn send(&self, bytes: &[u8], may_stop: bool, timeout: NextTimeout) -> Result<bool, Error> {
        let Backlog { bytes: backlog, moved } = &mut *lock(&self.backlog);
        if may_stop && A_RECORD.contains(&bytes.len()) {
            backlog.extend_from_slice(bytes);
            return Ok(false);
        }
        if backlog.is_empty() {
            let sent = self.write(bytes, moved, may_stop, timeout)?;
            backlog.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        } else {
            backlog.extend_from_slice(bytes);
            if !(may_stop && input_waits(&self.stream)) || bytes.is_empty() {
                let sent = self.write(backlog, moved, may_stop, timeout)?;
                backlog.drain(..sent);
            }
        }
        if backlog.is_empty() {
            *moved = None;
        }
        Ok(!backlog.is_empty())
    }

    /// Writes all of `bytes`, unless it has to stop; returns how many went.
    fn write(
        &self,
        bytes: &[u8],
        moved: &mut Option<Instant>,
        may_stop: bool,
        timeout: NextTimeout,
    ) -> Result<usize, Error> {
        let started = Instant::now();
        let moved = moved.get_or_insert(started);
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) if n == rest.len() => return Ok(bytes.len()),
                Ok(n) => {
                    sent += n;
                    *moved = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => {
                    if moved.elapsed() >= self.stall_timeout {
                        return Err(Error::Timeout(Timeout::PerWrite));
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if started.elapsed() >= *timeout.after {
                return Err(Error::Timeout(timeout.reason));
            }
            if may_stop && input_waits(&self.stream) {
                break;
            }
        }
        Ok(sent)
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        // TLS sends what it was given in several records, and each would wait for the stall limit anew.
        if lock(&self.exchange.failure).is_some() {
            return Ok(());
        }
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        match self.exchange.send(&self.link, output, timeout) {
            Err(error) if self.exchange.is_sending_body() => {
                *lock(&self.exchange.failure) = Some(error);
                Ok(())
            }
            result => result,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let nothing_came = || match timeout.reason {
            LOOK => Error::Io(io::ErrorKind::WouldBlock.into()),
            reason => Error::Timeout(reason),
        };
        let limit = (*timeout.after).min(LONGEST);
        if limit.is_zero() {
            return Err(nothing_came());
        }
        if self.read_timeout != Some(limit) {
            self.link.stream.set_read_timeout(Some(limit))?;
            self.read_timeout = Some(limit);
        }
        let deadline = Instant::now() + limit;
        let n = loop {
            match (&self.link.stream).read(self.buffers.input_append_buf()) {
                // Only a program that is flooded with signals gets here twice.
                Err(error) if error.kind() == io::ErrorKind::Interrupted && Instant::now() < deadline => {}
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {
                    return Err(nothing_came());
                }
                result => break result?,
            }
        };
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Never to be used again: each exchange has a connection of its own.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// Buffers that tell the exchange whether there is input in them.
struct WatchedBuffers {
    buffers: LazyBuffers,
    exchange: Arc<Exchange>,
}

impl Buffers for WatchedBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.buffers.output()
    }

    fn input(&self) -> &[u8] {
        self.buffers.input()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.buffers.input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.buffers.input_appended(amount);
        self.exchange.input_buffered.fetch_or(amount > 0, Ordering::Relaxed);
    }

    fn input_consume(&mut self, amount: usize) {
        self.buffers.input_consume(amount);
        self.exchange.input_buffered.store(!self.buffers.input().is_empty(), Ordering::Relaxed);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.buffers.tmp_and_output()
    }

    fn can_use_input(&self) -> bool {
        self.buffers.can_use_input()
    }
}

/// Unix says `WouldBlock` when a socket's limit is over, Windows `TimedOut`.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("peer", &self.link.stream.peer_addr().ok()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SocketConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketConnector").finish_non_exhaustive()
    }
}
