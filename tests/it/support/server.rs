//! A server on loopback that follows a script: read this much, write these bytes, go silent, reset. It records what it
//! sees, takes any free port, and ends with the test; no connection lasts longer than some seconds, so that a failing
//! test does not hang.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion};

use connection::Connection;

mod connection;
mod limited;

/// One step of a connection's script. The connection is closed after its last step, or if the client has gone.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the head of a request.
    Head,
    /// Reads this many bytes of its body.
    Body(u64),
    /// Reads the rest of its body.
    RestOfBody,
    /// Leaves the last byte of the body unread, so that `Reset` can follow a whole request.
    BodyButOneByte,
    /// Reads the body in pieces, with a pause after each.
    SlowBody(u64, Duration),
    /// Reads a whole request, and sends `100 Continue` if the client expects it.
    Request,
    Write(Vec<u8>),
    /// Writes all at once, over TLS as separate records.
    WriteTogether(Vec<Vec<u8>>),
    /// Writes the same bytes until the client has gone.
    Flood(Vec<u8>),
    Pause(Duration),
    /// Reads until the client has gone.
    Drain,
    /// Closes the sending side.
    Finish,
    /// Neither reads nor writes, but keeps the connection open until the test is over.
    Hold,
    /// Closes while there is unread input, which makes it a reset. Input that TLS has buffered counts as read.
    Reset,
    /// Closes without TLS's `close_notify`.
    Cut,
    /// Forwards both directions, as a proxy does after `CONNECT`.
    Tunnel(SocketAddr),
}

/// Checks all cases in parallel, because most of the time is waiting.
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

/// A step that asks for the body.
pub(crate) fn go_ahead() -> Step {
    write("HTTP/1.1 100 Continue\r\n\r\n")
}

/// A step that writes endless interim responses.
pub(crate) fn interim_flood() -> Step {
    Step::Flood("HTTP/1.1 102 Processing\r\n\r\n".repeat(1 << 10).into())
}

/// How much of a flood the buffers of both ends may hold.
pub(crate) const BUFFERED: u64 = 24 << 20;

/// A step that writes a complete response; `status` may be followed by header lines.
pub(crate) fn answer(status: &str, body: &str) -> Step {
    let head = status.replace('\n', "\r\n");
    write(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A connection's script: the whole request is read, then answered.
pub(crate) fn answered(status: &str, body: &str) -> Vec<Step> {
    vec![Step::Request, answer(status, body)]
}

/// The body of the response to an accepted upload.
pub(crate) const IDS: &str = r#"{"PackageId":"p-1","JobId":"j-1"}"#;

/// A connection's script: the upload is read and accepted.
pub(crate) fn accepted() -> Vec<Step> {
    answered("200 OK", IDS)
}

/// A request as the server saw it.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    pub(crate) head: String,
    /// The start of its body, at most 4 MiB.
    pub(crate) body: Vec<u8>,
    /// How many bytes of the body arrived.
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

    /// Whether the body has its closing boundary.
    pub(crate) fn has_closing_boundary(&self) -> bool {
        let boundary = self.header("Content-Type").and_then(|value| value.split_once("boundary=")).unwrap().1;
        self.body.ends_with(format!("--{boundary}--\r\n").as_bytes())
    }
}

/// A way to start a server.
pub(crate) type Start = fn(Vec<Vec<Step>>) -> Server;

/// Both ways, for tests where TLS makes a difference.
pub(crate) const PLAIN_AND_TLS: [Start; 2] = [|scripts| Server::start(scripts), |scripts| Server::tls(scripts)];

/// Everything a server saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) requests: Vec<Request>,
    /// Bytes of all floods.
    pub(crate) flooded: u64,
}

impl Seen {
    /// Bytes of all bodies.
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
    /// The first connection follows the first script, and so on; the last script is for all others.
    pub(crate) fn start(scripts: impl IntoIterator<Item = Vec<Step>>) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").unwrap(), scripts, None)
    }

    /// The same over TLS, with a certificate for `localhost` from the CA in `tests/certs/ca.pem`.
    pub(crate) fn tls(scripts: impl IntoIterator<Item = Vec<Step>>) -> Server {
        Server::tls_as(tls_config(), scripts)
    }

    pub(crate) fn tls_as(config: Arc<ServerConfig>, scripts: impl IntoIterator<Item = Vec<Step>>) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").unwrap(), scripts, Some(config))
    }

    /// Answers every request alike, after reading all of it.
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
            // A failing test has already said why.
            let _ = listening.join();
        }
    }
}

/// The certificate for `localhost` and its key, in PEM.
const LEAF: (&[u8], &[u8]) = (include_bytes!("../../certs/leaf.pem"), include_bytes!("../../certs/leaf-key.pem"));

pub(crate) fn tls_config() -> Arc<ServerConfig> {
    tls_config_of(LEAF)
}

/// For a certificate and its key, in PEM.
pub(crate) fn tls_config_of(identity: (&[u8], &[u8])) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    with_identity(config.with_no_client_auth(), identity)
}

/// Demands a certificate from the client, in this version of TLS.
pub(crate) fn tls_config_for_known_clients(version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(include_bytes!("../../certs/ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    with_identity(config.with_client_cert_verifier(verifier), LEAF)
}

fn with_identity(
    config: ConfigBuilder<ServerConfig, WantsServerCert>,
    (certificate, key): (&[u8], &[u8]),
) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    Arc::new(config.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap()).unwrap())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Serves until the test is over; returns the number of connections.
fn listen(
    listener: &TcpListener,
    scripts: &[Vec<Step>],
    tls: Option<&Arc<ServerConfig>>,
    shared: &Arc<Shared>,
) -> usize {
    listener.set_nonblocking(true).unwrap();
    let mut threads = Vec::new();
    loop {
        // Read before the queue is checked, so that no connection made in time is missed.
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
