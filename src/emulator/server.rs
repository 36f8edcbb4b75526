//! Accepts connections on a loopback port and serves one request on each.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::api;
use super::incoming::{Request, Stop};
use super::outgoing;
use super::state::{State, lock};

/// A client that sends nothing for this long counts as gone.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a read that waits checks whether the server is dropped. Shutting down its connection ends it at once, but not
/// always under Wine.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A response fits the socket's buffer, unless the client never reads.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a refused client may keep sending before it notices.
const LINGER: Duration = Duration::from_secs(1);
/// The pause after a failed accept, for example with too many open files, and between two checks whether the server is
/// dropped.
const PAUSE: Duration = Duration::from_millis(10);

/// Accepts connections; joins them on drop.
pub(super) struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    thread: Option<JoinHandle<()>>,
}

/// The open connections, so that dropping the server can end their reads.
#[derive(Default)]
struct Connections {
    stopped: AtomicBool,
    open: Mutex<Vec<Weak<TcpStream>>>,
}

impl Server {
    pub(super) fn start(port: u16, state: &Arc<Mutex<State>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Connections::default());
        let (state, shared) = (Arc::clone(state), Arc::clone(&connections));
        let thread = thread::Builder::new()
            .name("mendix-deploy emulator".into())
            .spawn(move || accept(listener.incoming(), &shared, &state))?;
        Ok(Server { address, connections, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.stopped.store(true, Ordering::SeqCst);
        self.connections.shut_down();
        // Only a connection wakes a thread that blocks in accept. If that fails, the thread is left behind.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

impl Connections {
    fn add(&self, stream: &Arc<TcpStream>) {
        let mut open = lock(&self.open);
        open.retain(|stream| stream.strong_count() > 0);
        open.push(Arc::downgrade(stream));
    }

    fn are_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Sleeps, unless the server is dropped meanwhile.
    fn pause(&self, time: Duration) {
        let began = Instant::now();
        while !self.are_stopped() && began.elapsed() < time {
            thread::sleep(PAUSE.min(time.saturating_sub(began.elapsed())));
        }
    }

    fn shut_down(&self) {
        let open = lock(&self.open);
        for stream in open.iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(incoming: impl Iterator<Item = io::Result<TcpStream>>, connections: &Connections, state: &Mutex<State>) {
    thread::scope(|scope| {
        for stream in incoming {
            let stream = stream.map(Arc::new);
            if let Ok(stream) = &stream {
                connections.add(stream);
            }
            if connections.are_stopped() {
                return connections.shut_down();
            }
            match stream {
                // No thread, no response: the connection is closed.
                Ok(stream) => {
                    drop(thread::Builder::new().spawn_scoped(scope, move || serve(&stream, connections, state)));
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    });
}

fn serve(mut stream: &TcpStream, connections: &Connections, state: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(CHECK_INTERVAL))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut input = BufReader::with_capacity(256 << 10, Link { stream, connections, state });
    let request = Request::read(&mut input, stream);
    if !matches!(request, Err(Stop::Broken(_))) {
        lock(state).requests += 1;
    }
    let (status, body) = match request.and_then(|mut request| api::answer(&mut request, state)) {
        Ok(body) => (200, body),
        Err(Stop::Refused { status, code, message }) => (status, outgoing::error_body(status, code, &message)),
        Err(Stop::Broken(error)) => return Err(error),
        Err(Stop::Hung) => {
            connections.pause(Duration::MAX);
            return Ok(());
        }
    };
    let now = lock(state).now();
    stream.write_all(outgoing::render(status, &body, now).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    // Closing a socket with unread input resets it, and the reset can overtake the response (RFC 9112 §9.6).
    stream.set_read_timeout(Some(LINGER))?;
    let (started, mut block) = (Instant::now(), [0; 16 << 10]);
    while started.elapsed() < LINGER && stream.read(&mut block)? > 0 {}
    Ok(())
}

/// A connection that is read as fast as the bandwidth allows.
struct Link<'a> {
    stream: &'a TcpStream,
    connections: &'a Connections,
    state: &'a Mutex<State>,
}

impl Link<'_> {
    /// Waits for input for at most [`READ_TIMEOUT`], and not once the server is dropped.
    fn read_in_time(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        while !self.connections.are_stopped() && began.elapsed() < READ_TIMEOUT {
            match self.stream.read(buf) {
                Err(error) if has_timed_out(&error) => {}
                result => return result,
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Unix and Windows call it differently.
fn has_timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Read for Link<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bandwidth = lock(self.state).bandwidth;
        if bandwidth == 0 {
            return self.read_in_time(buf);
        }
        // As much as arrives in a tenth of a second, so that it arrives steadily.
        let most = usize::try_from(bandwidth / 10).unwrap_or(usize::MAX).max(1).min(buf.len());
        let n = self.read_in_time(buf.get_mut(..most).unwrap_or_default())?;
        self.connections.pause(Duration::from_nanos((n as u64).saturating_mul(1_000_000_000) / bandwidth));
        // Reading what has arrived could take minutes.
        if self.connections.are_stopped() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(n) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn accepting_stops_even_if_no_connection_can_be_had() {
        let (connections, state) = (Connections::default(), Mutex::default());
        connections.stopped.store(true, Ordering::SeqCst);
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let too_many_open_files = std::iter::repeat_with(|| Err(io::Error::other("too many open files")));
            accept(too_many_open_files, &connections, &state);
            done.send(()).unwrap();
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(5)), Ok(()));
    }
}
