//! A server on loopback that does what a test tells it as data: it reads this much, writes these bytes, goes silent,
//! resets. It notes what it saw, takes any free port, and ends with the test.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// No more of a request's body is kept.
const KEPT: usize = 4 << 20;
/// How often a connection that waits looks whether the test is over.
const TICK: Duration = Duration::from_millis(10);

/// One thing that a connection does. When its steps are over, or the client has gone, it is closed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the head of a request.
    Head,
    /// Reads so many bytes of its body.
    Body(u64),
    /// Reads what is left of its body.
    RestOfBody,
    /// Leaves the last byte of the body unread, so that `Reset` can follow a request that was sent as a whole.
    BodyButOneByte,
    /// Reads the body in pieces, with a pause after each.
    SlowBody(u64, Duration),
    /// Reads a whole request, and says `100 Continue` if it is asked to.
    Request,
    Write(Vec<u8>),
    /// Writes it all in one go, over TLS as records of their own.
    WriteTogether(Vec<Vec<u8>>),
    /// Writes the same bytes until the client has gone.
    Flood(Vec<u8>),
    Pause(Duration),
    /// Reads until the client has gone.
    Drain,
    /// Says that nothing more will be written.
    Finish,
    /// Neither reads nor writes, but keeps the connection open until the test is over.
    Hold,
    /// Closes while there is unread input, which the system turns into a reset. What TLS has taken in is read.
    Reset,
    /// Closes without the farewell that TLS asks for.
    Cut,
    /// Passes everything on in both directions, as a proxy does after `CONNECT`.
    Tunnel(SocketAddr),
}

/// A step that writes `text`.
pub(crate) fn write(text: impl Into<Vec<u8>>) -> Step {
    Step::Write(text.into())
}

/// A step that asks for the body, so that nobody has to wait for it.
pub(crate) fn go_ahead() -> Step {
    write("HTTP/1.1 100 Continue\r\n\r\n")
}

/// A step that writes a whole answer; `status` may bring headers, one a line.
pub(crate) fn answer(status: &str, body: &str) -> Step {
    let head = status.replace('\n', "\r\n");
    write(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A connection's steps: the whole request is read, then answered.
pub(crate) fn answered(status: &str, body: &str) -> Vec<Step> {
    vec![Step::Request, answer(status, body)]
}

/// The answer to an upload that is accepted.
pub(crate) const IDS: &str = r#"{"PackageId":"p-1","JobId":"j-1"}"#;

/// A connection's steps: the upload is read and accepted.
pub(crate) fn accepted() -> Vec<Step> {
    answered("200 OK", IDS)
}

/// One request as the server saw it.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    pub(crate) head: String,
    /// The beginning of its body, at most 4 MiB.
    pub(crate) body: Vec<u8>,
    /// How much of the body arrived.
    pub(crate) body_bytes: u64,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn content_length(&self) -> u64 {
        self.header("Content-Length").map_or(0, |length| length.parse().unwrap())
    }

    /// Whether the body was closed off as multipart bodies are.
    pub(crate) fn has_closing_boundary(&self) -> bool {
        let boundary = self.header("Content-Type").and_then(|value| value.split_once("boundary=")).unwrap().1;
        let closing = format!("--{boundary}--");
        self.body.windows(closing.len()).any(|window| window == closing.as_bytes())
    }
}

/// A way to start a server.
pub(crate) type Start = fn(Vec<Vec<Step>>) -> Server;

/// Both of them, for tests in which TLS makes a difference below.
pub(crate) const PLAIN_AND_TLS: [Start; 2] = [|scripts| Server::start(scripts), |scripts| Server::tls(scripts)];

/// All that a server saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) requests: Vec<Request>,
    /// Bytes of all the floods.
    pub(crate) flooded: u64,
}

impl Seen {
    /// Bytes of all the bodies.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.body_bytes).sum()
    }
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    flooded: AtomicU64,
    requests: Mutex<Vec<Request>>,
}

pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<usize>>,
}

impl Server {
    /// The first connection does what the first script says, and so on; the last script is for all the others.
    pub(crate) fn start(scripts: impl IntoIterator<Item = Vec<Step>>) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").unwrap(), scripts, None)
    }

    /// The same over TLS, with a certificate for `localhost` from the CA in `tests/certs/ca.pem`.
    pub(crate) fn tls(scripts: impl IntoIterator<Item = Vec<Step>>) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").unwrap(), scripts, Some(tls_config()))
    }

    /// Answers every request in the same way, after reading all of it.
    pub(crate) fn answering(status: &str, body: &str) -> Server {
        Server::start([answered(status, body)])
    }

    pub(crate) fn on(
        listener: TcpListener,
        scripts: impl IntoIterator<Item = Vec<Step>>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Server {
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared::default());
        let (scripts, state) = (scripts.into_iter().collect::<Vec<_>>(), shared.clone());
        let listening = Some(thread::spawn(move || listen(&listener, &scripts, tls.as_ref(), &state)));
        Server { address, scheme, shared, listening }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// Ends all connections and tells what was seen.
    pub(crate) fn stop(mut self) -> Seen {
        self.shared.over.store(true, Ordering::Relaxed);
        let connections = self.listening.take().unwrap().join().unwrap();
        let requests = std::mem::take(&mut *self.shared.requests.lock().unwrap());
        Seen { connections, requests, flooded: self.shared.flooded.load(Ordering::Relaxed) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.take() {
            // A test that fails has said why already.
            let _ = listening.join();
        }
    }
}

pub(crate) fn tls_config() -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(include_bytes!("../certs/leaf.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../certs/leaf-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![chain], key).unwrap())
}

/// Serves until the test is over; returns how many connections there were.
fn listen(
    listener: &TcpListener,
    scripts: &[Vec<Step>],
    tls: Option<&Arc<ServerConfig>>,
    shared: &Arc<Shared>,
) -> usize {
    listener.set_nonblocking(true).unwrap();
    let mut threads = Vec::new();
    loop {
        // Before the look into the queue, so that no connection which was made in time is missed.
        let over = shared.over.load(Ordering::Relaxed);
        if let Ok((stream, _)) = listener.accept() {
            let number = threads.len();
            let script = scripts.get(number).or(scripts.last()).cloned().unwrap_or_default();
            let connection = Connection::new(number, stream, tls.cloned(), shared.clone());
            threads.push(thread::spawn(move || connection.play(&script)));
        } else if over {
            break;
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let connections = threads.len();
    for thread in threads {
        thread.join().unwrap();
    }
    connections
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

struct Connection {
    number: usize,
    wire: Wire,
    tcp: TcpStream,
    shared: Arc<Shared>,
    /// The place of the request that is being read.
    request: Option<usize>,
}

impl Connection {
    fn new(number: usize, tcp: TcpStream, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) -> Connection {
        tcp.set_nonblocking(false).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(TICK)).unwrap();
        tcp.set_write_timeout(Some(TICK)).unwrap();
        let stream = tcp.try_clone().unwrap();
        let wire = match tls {
            Some(config) => Wire::Tls(Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream))),
            None => Wire::Plain(stream),
        };
        Connection { number, wire, tcp, shared, request: None }
    }

    /// A client that goes away in the middle is a fact to be noted, and no failure of the server's.
    fn play(mut self, script: &[Step]) {
        let played = script.iter().try_for_each(|step| self.take(step));
        if played.is_ok() && !matches!(script.last(), Some(Step::Reset | Step::Cut)) {
            let _ = self.finish();
        }
    }

    fn take(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Head => self.read_head(),
            Step::Body(length) => self.read_body(*length),
            Step::RestOfBody => self.read_body(self.left()),
            Step::BodyButOneByte => self.read_body(self.left() - 1),
            Step::SlowBody(piece, pause) => {
                while self.left() > 0 {
                    self.read_body(self.left().min(*piece))?;
                    self.pause(*pause);
                }
                Ok(())
            }
            Step::Request => {
                self.read_head()?;
                if self.note(|request| request.header("Expect").is_some()) {
                    self.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                self.read_body(self.left())
            }
            Step::Write(bytes) => self.write(bytes),
            Step::WriteTogether(records) => match &mut self.wire {
                Wire::Plain(_) => self.write(&records.concat()),
                Wire::Tls(stream) => {
                    records.iter().try_for_each(|record| stream.conn.writer().write_all(record))?;
                    stream.flush()
                }
            },
            Step::Flood(bytes) => loop {
                self.write(bytes)?;
                self.shared.flooded.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            },
            Step::Pause(pause) => {
                self.pause(*pause);
                Ok(())
            }
            Step::Drain => self.read_body(u64::MAX),
            Step::Finish => self.finish(),
            Step::Hold => {
                self.pause(Duration::MAX);
                Ok(())
            }
            Step::Reset => {
                let started = Instant::now();
                while !self.tcp.peek(&mut [0]).is_ok_and(|n| n > 0) {
                    assert!(started.elapsed().as_secs() < 5, "nothing is left unread, so there can be no reset");
                }
                Ok(())
            }
            Step::Cut => self.tcp.shutdown(Shutdown::Both),
            Step::Tunnel(target) => self.tunnel(*target),
        }
    }

    /// Byte by byte, so that nothing of the body is taken along.
    fn read_head(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.read(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut requests = self.shared.requests.lock().unwrap();
        self.request = Some(requests.len());
        requests.push(Request { connection: self.number, head, ..Request::default() });
        Ok(())
    }

    fn read_body(&mut self, length: u64) -> io::Result<()> {
        let (mut left, mut block) = (length, vec![0; 256 << 10]);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            let n = self.read(&mut block[..wanted])?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= n as u64;
            if self.request.is_some() {
                self.note(|request| {
                    request.body_bytes += n as u64;
                    let kept = n.min(KEPT - request.body.len());
                    request.body.extend_from_slice(&block[..kept]);
                });
            }
        }
        Ok(())
    }

    /// Bytes of the body that have not been read.
    fn left(&self) -> u64 {
        self.note(|request| request.content_length() - request.body_bytes)
    }

    fn note<T>(&self, note: impl FnOnce(&mut Request) -> T) -> T {
        note(&mut self.shared.requests.lock().unwrap()[self.request.unwrap()])
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.wire {
                Wire::Plain(stream) => stream.read(buf),
                Wire::Tls(stream) => stream.read(buf),
            };
            match read {
                Err(error) if is_tick(&error) && !self.is_over() => {}
                result => return result,
            }
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match &mut self.wire {
                Wire::Plain(stream) => stream.write(bytes),
                Wire::Tls(stream) => stream.write(bytes),
            };
            match written {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_tick(&error) && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Wire::Tls(stream) = &mut self.wire {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    fn pause(&self, pause: Duration) {
        let started = Instant::now();
        while !self.is_over() && started.elapsed() < pause {
            thread::sleep(TICK.min(pause.saturating_sub(started.elapsed())));
        }
    }

    fn tunnel(&self, target: SocketAddr) -> io::Result<()> {
        let (client, server) = (&self.tcp, &TcpStream::connect(target)?);
        client.set_read_timeout(None)?;
        let pump = |mut from: &TcpStream, mut to: &TcpStream| {
            // Whichever way ends, and however it does, the other one learns of it.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        };
        thread::scope(|scope| {
            scope.spawn(|| pump(server, client));
            pump(client, server);
        });
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }
}

fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
