//! A server on loopback that does what a test tells it as data: it reads this much, writes these bytes, goes silent,
//! resets. It notes what it saw, takes any free port, and ends with the test: none of its connections lasts longer than
//! some seconds, so that a test that fails does not hang.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use connection::Connection;

mod connection;
mod limited;

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

/// Makes a check of every case at the same time, as most of it is waiting.
pub(crate) fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            let check = &check;
            scope.spawn(move || check(case));
        }
    });
}

/// A step that writes `text`.
pub(crate) fn write(text: impl Into<Vec<u8>>) -> Step {
    Step::Write(text.into())
}

/// A step that asks for the body, so that nobody has to wait for it.
pub(crate) fn go_ahead() -> Step {
    write("HTTP/1.1 100 Continue\r\n\r\n")
}

/// A step that writes interim answers without end.
pub(crate) fn interim_flood() -> Step {
    Step::Flood("HTTP/1.1 102 Processing\r\n\r\n".repeat(1 << 10).into())
}

/// What a flood may come to if nobody takes any of it: what fits the buffers of both ends.
pub(crate) const BUFFERED: u64 = 24 << 20;

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

    /// Ends all connections and returns the only request.
    pub(crate) fn only_request(self) -> Request {
        let mut requests = self.stop().requests;
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    /// Ends all connections and returns what was seen.
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
    let chain = CertificateDer::from_pem_slice(include_bytes!("../../certs/leaf.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../certs/leaf-key.pem")).unwrap();
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
