//! Why a request got no response, in words that make sense outside ureq.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::{Error as UreqError, Proxy, Timeout};

use super::connecting::{NotLoopback, Unresolved};
use super::proxy::Chosen;
use crate::units::Seconds;

/// [`ROOTS`] may help.
pub(super) const UNTRUSTED: &str =
    "; for a TLS-inspecting proxy or a private CA, pass its certificate, such as in the file SSL_CERT_FILE";
pub(super) const ROOTS: &str = "Client::with_root_certificates";
const NOT_GIVEN: &str = "; its issuer is not among the root certificates that were given";
const CUT_OFF: &str = "the connection ended in the TLS handshake";
const UNRESOLVED: &str = "its name cannot be resolved";

/// How much of a request's body the kernel had accepted when the exchange ended. The server cannot have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Handed {
    /// A lower bound, as of the last block that was accepted as a whole.
    pub(crate) bytes: u64,
    pub(crate) total: u64,
}

impl Handed {
    pub(crate) fn is_whole(self) -> bool {
        self.bytes == self.total
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    /// Sanitized.
    pub(crate) cause: io::Error,
}

/// When it failed.
#[derive(Debug)]
pub(crate) enum Stage {
    /// No byte of the request was sent: "cannot connect to", what, why in a few words, and what may help.
    Connecting {
        why: String,
        transient: bool,
        /// The setting of the expired timeout, or the one that may help.
        setting: Option<&'static str>,
    },
    /// The source of the request's body failed.
    ReadingBody,
    /// While sending the request or awaiting the response. If a timeout has expired, its setting.
    Exchanging { handed: Handed, timed_out: Option<&'static str> },
}

/// Marks an error of the body's source, as opposed to one of the connection.
#[derive(Debug)]
pub(super) struct BodyError(pub(super) io::Error);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {}

/// The timeouts of a request.
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) stall: Duration,
    pub(super) response: Duration,
}

impl Timeouts {
    /// If the error is a timeout: which one expired, and its setting.
    pub(super) fn expired(&self, error: &UreqError) -> Option<(String, &'static str)> {
        let UreqError::Timeout(timeout) = error else { return None };
        let (what, limit, setting) = match timeout {
            Timeout::Resolve => ("its name could not be resolved within", self.connect, "Client::with_connect_timeout"),
            Timeout::Connect => ("there was no connection within", self.connect, "Client::with_connect_timeout"),
            Timeout::PerWrite => ("no data could be sent for", self.stall, "Client::with_stall_timeout"),
            Timeout::RecvResponse | Timeout::RecvBody => {
                ("no full response came within", self.response, "Client::with_response_timeout")
            }
            _ => return None,
        };
        Some((format!("{what} {}", Seconds(limit)), setting))
    }

    /// The cause in words that make sense outside ureq.
    pub(super) fn plain_cause(&self, error: UreqError) -> io::Error {
        match self.expired(&error) {
            Some((what, setting)) => io::Error::new(io::ErrorKind::TimedOut, format!("{what} ({setting})")),
            None => error.into_io(),
        }
    }
}

/// Alerts by which a server ends a handshake. In TLS 1.3 the client has finished it by then, but the server reads nothing
/// of the request before it has.
const HANDSHAKE_ALERTS: [&str; 9] = [
    "certificaterequired", "badcertificate", "unsupportedcertificate", "certificaterevoked", "certificateexpired",
    "certificateunknown", "unknownca", "accessdenied", "handshakefailure",
];

/// Whether the server ended the TLS handshake, most likely because it wants a client certificate.
pub(super) fn is_handshake_alert(error: &UreqError) -> bool {
    // rustls writes "CertificateRequired", OpenSSL "certificate required".
    let text = error.to_string().to_ascii_lowercase().replace(' ', "");
    text.contains("alert") && HANDSHAKE_ALERTS.iter().any(|alert| text.contains(alert))
}

/// What hints about a connection depend on.
pub(super) struct Circumstances<'a> {
    pub(super) proxy: Option<&'a Chosen>,
    /// Whether there was a connection to the proxy.
    pub(super) has_reached_proxy: bool,
    /// Whether the caller has given root certificates.
    pub(super) has_own_roots: bool,
}

/// The reason in a few words, what may help, and whether another attempt may succeed.
type Why = (&'static str, &'static str, bool);

impl Circumstances<'_> {
    /// Why connecting failed.
    pub(super) fn classify(&self, error: &UreqError) -> Why {
        self.proxy
            .and_then(|chosen| self.classify_by_proxy(&chosen.proxy, error))
            .unwrap_or_else(|| self.classify_directly(error))
    }

    /// The reasons that only a proxy can cause.
    fn classify_by_proxy(&self, proxy: &Proxy, error: &UreqError) -> Option<Why> {
        let text = error.to_string();
        let says = |words: &str| text.contains(words);
        Some(match error {
            // 407 is the standard; some proxies send 401.
            UreqError::ConnectProxyFailed(_) if says("407") || says("401") => {
                if proxy.username().is_some() {
                    ("the proxy refused the user name and password", "; check those in the variable", false)
                } else {
                    (
                        "the proxy demands a user name and password",
                        "; set the variable to http://user:password@host:port",
                        false,
                    )
                }
            }
            UreqError::ConnectProxyFailed(_) if says("responded 5") => ("the proxy could not connect", "", true),
            UreqError::ConnectProxyFailed(_) if says("responded") => {
                ("the proxy refused the connection", "; it may not let this host through", false)
            }
            UreqError::ConnectProxyFailed(_) => ("the proxy closed the connection without a response", "", true),
            UreqError::Protocol(_) => {
                ("the proxy's response cannot be read", "; check the variable, also whether it needs https://", false)
            }
            _ if !self.has_reached_proxy && speaks_no_tls(&text) => {
                ("the proxy does not speak TLS", "; write http:// in the variable", false)
            }
            _ => return None,
        })
    }

    fn classify_directly(&self, error: &UreqError) -> Why {
        let text = error.to_string().to_ascii_lowercase();
        let says = |word: &str| text.contains(word);
        match error {
            // First, because the names in the certificate, which follow, may contain any other words.
            _ if says("not valid for") || says("mismatch") => {
                ("its certificate is for another host", "; check the base URL", false)
            }
            UreqError::Timeout(Timeout::Resolve) | UreqError::HostNotFound => (UNRESOLVED, "", true),
            UreqError::Timeout(_) => ("timed out", "", true),
            UreqError::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                ("the connection was refused", "", true)
            }
            UreqError::Io(e) if is::<Unresolved>(e) => (UNRESOLVED, "", true),
            UreqError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => (CUT_OFF, "", true),
            UreqError::Io(e) if is::<NotLoopback>(e) => {
                ("it is not this machine", "; plain http would expose the API key: use https", false)
            }
            _ if is_handshake_alert(error) => {
                ("the server ended the TLS handshake", "; does it want a client certificate? None can be sent", false)
            }
            // Before the connection is established, only TLS reports invalid data.
            UreqError::Io(e) if e.kind() != io::ErrorKind::InvalidData => ("the connection failed", "", true),
            UreqError::ConnectionFailed => ("the connection failed", "", true),
            _ if says("unexpected eof") => (CUT_OFF, "", true),
            _ if says("unknownissuer") || says("unable to get local issuer") || says("self-signed") => {
                ("its certificate is not trusted", if self.has_own_roots { NOT_GIVEN } else { UNTRUSTED }, false)
            }
            _ if says("causedasendentity") => {
                ("its certificate is that of a CA", "; issue it one of its own, with basicConstraints=CA:FALSE", false)
            }
            _ if ["expired", "not valid yet", "not yet valid", "notvalidyet"].into_iter().any(says) => {
                ("its certificate has expired or is not valid yet", "; check the clock of this machine", false)
            }
            _ if says("certificate") => ("its certificate was refused", "", false),
            _ if speaks_no_tls(&text) => ("it does not speak TLS", "; check the port", false),
            _ => ("TLS failed", "", false),
        }
    }
}

/// Whether an error is one of our own.
fn is<E: std::error::Error + 'static>(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<E>()).is_some()
}

fn speaks_no_tls(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["corrupt message", "version number", "packet length"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests;
