//! Why a request got no answer, in words that make sense outside ureq.

use std::fmt;
use std::io;

use ureq::{Error as UreqError, Timeout};

const UNRESOLVED: &str = "its name cannot be looked up";

/// How much of a request's body the kernel had taken when the exchange ended. What it was not given, the server cannot
/// have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Handed {
    /// At least so many.
    pub(crate) bytes: u64,
    pub(crate) total: u64,
}

impl Handed {
    pub(crate) fn is_whole(self) -> bool {
        self.bytes == self.total
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) handed: Handed,
    pub(crate) cause: io::Error,
}

/// When it failed.
#[derive(Debug)]
pub(crate) enum Stage {
    /// No byte of the request got out. What could not be reached, why in a few words, and what may help.
    Connecting { target: String, reason: &'static str, hint: &'static str, transient: bool },
    /// The request's body could not be read from where it comes from.
    ReadingBody,
    /// While the request was being sent, or its answer awaited.
    Exchanging,
}

/// Marks an error of the body's source, so that it is told from one of the connection.
#[derive(Debug)]
pub(super) struct BodyError(pub(super) io::Error);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {}

/// The cause in words that make sense outside ureq.
pub(super) fn plain_cause(error: UreqError) -> io::Error {
    let what = match error {
        UreqError::Timeout(Timeout::Resolve) => "the name lookup took longer than the connect limit",
        UreqError::Timeout(Timeout::Connect) => "connecting took longer than the connect limit",
        UreqError::Timeout(Timeout::PerWrite) => "no byte moved for as long as the stall limit",
        UreqError::Timeout(Timeout::RecvResponse | Timeout::RecvBody) => {
            "the answer took longer than the response limit"
        }
        error => return error.into_io(),
    };
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// Why connecting failed in a few words, what may help, and whether another attempt may succeed.
pub(super) fn classify_connect_error(error: &UreqError) -> (&'static str, &'static str, bool) {
    let text = error.to_string().to_ascii_lowercase();
    let says = |word: &str| text.contains(word);
    match error {
        // 407 is the standard; some proxies say 401.
        UreqError::ConnectProxyFailed(_) if says("407") || says("401") => (
            "the proxy wants a user name and password",
            "; give them in HTTPS_PROXY=http://user:password@host:port",
            false,
        ),
        UreqError::ConnectProxyFailed(_) => ("the proxy refused", "", !says("responded 4")),
        UreqError::Protocol(_) => ("what answers there is no HTTP proxy", "; is HTTPS_PROXY right?", false),
        UreqError::Timeout(Timeout::Resolve) | UreqError::HostNotFound => (UNRESOLVED, "", true),
        UreqError::Timeout(_) => ("it took longer than the connect limit", "", true),
        UreqError::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => ("the connection was refused", "", true),
        UreqError::Io(_) if says("lookup") => (UNRESOLVED, "", true),
        // Before the connection stands, only TLS calls data invalid.
        UreqError::Io(e) if e.kind() != io::ErrorKind::InvalidData => ("the connection failed", "", true),
        UreqError::ConnectionFailed => ("the connection failed", "", true),
        _ if says("unexpected eof") => ("the connection ended in the TLS handshake", "", true),
        _ if says("unknownissuer") || says("unable to get local issuer") || says("self-signed") => (
            "its certificate is not trusted",
            "; if a proxy inspects TLS here, or the CA is a private one, give the CA's certificate in SSL_CERT_FILE \
             or with_root_certificates",
            false,
        ),
        _ if says("expired") || says("not valid yet") || says("notvalidyet") => {
            ("its certificate is out of date", "; or is the clock of this machine wrong?", false)
        }
        _ if says("not valid for") || says("mismatch") => {
            ("its certificate is for another host", "; is the base URL right?", false)
        }
        _ if says("certificate") => ("its certificate was refused", "", false),
        _ if says("corrupt message") || says("version number") || says("packet length") => {
            ("what answers there does not speak TLS", "; is the port right?", false)
        }
        _ => ("TLS failed", "", false),
    }
}
