//! `Client`: connection settings and credentials, validated once, without network I/O.

use std::env::VarError;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base_url::{BaseUrl, MENDIX_CLOUD};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::file;
use crate::http::{Endpoint, RootCertificates};
use crate::key::{ApiKey, validate_header_value};
use crate::poll::Poll;
use crate::retry::Retry;
use crate::text;

/// How much of a file of certificates is read, in bytes.
const CERTIFICATES_MAX: u64 = 16 << 20;

/// How much of a user name `Debug` shows, in characters.
const USERNAME_MAX: usize = 100;

/// Connection settings and credentials for the Deploy API.
///
/// Timeouts below one millisecond count as one millisecond.
///
/// Proxies are read from the environment at every call; see the [guide](crate::guide::networks).
///
/// Cheap to clone and safe to share between threads: it holds settings, not a connection, and creating one does no
/// network I/O. `Debug` shows the base URL and the user name, never the key.
///
/// ureq logs through the `log` crate. At `DEBUG` it redacts the key; at `TRACE` it dumps the bytes it sends, key
/// included (target `ureq_proto::util`), so leave `TRACE` off where logs are kept.
///
/// ```
/// use mendix_deploy::Client;
/// use std::time::Duration;
///
/// let (user, key) = ("richard.ford51@example.com", "26587896-1cef-4483-accf-ad304e2673d6");
/// let client = Client::new(user, key)?
///     .with_stall_timeout(Duration::from_secs(120))
///     .on_event(mendix_deploy::Event::log_to_stderr);
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) endpoint: Endpoint,
    /// `None` is the default, which differs between uploads and polls.
    pub(crate) response_timeout: Option<Duration>,
    pub(crate) retry: Retry,
    pub(crate) poll: Poll,
    observer: Option<Observer>,
}

/// See [`Client::on_event`].
type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

impl Client {
    /// Creates a client for Mendix Cloud (`https://deploy.mendix.com`).
    ///
    /// `username` is a login name and `api_key` an API key of that user (Deploy API v2, "Using Authentication
    /// Headers").
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if either is empty, in quotes, a placeholder that was not replaced (such
    /// as `$(KEY)`), or contains anything but visible ASCII; a trailing newline from a secret file is the usual cause. The
    /// message never contains the value.
    pub fn new(username: &str, api_key: &str) -> Result<Client> {
        validate_header_value("the user name", username)?;
        Ok(Client {
            endpoint: Endpoint {
                base_url: BaseUrl::parse(MENDIX_CLOUD)?,
                username: username.to_owned(),
                api_key: ApiKey::new(api_key)?,
                roots: None,
                connect_timeout: Duration::from_secs(30),
                stall_timeout: Duration::from_secs(60),
            },
            response_timeout: None,
            retry: Retry::default(),
            poll: Poll::default(),
            observer: None,
        })
    }

    /// Creates a client from the environment: `MENDIX_USERNAME` and `MENDIX_API_KEY`; optionally `MENDIX_DEPLOY_URL`, a
    /// base URL as for [`with_base_url`](Self::with_base_url), and `SSL_CERT_FILE`, the path of a PEM file as for
    /// [`with_root_certificates`](Self::with_root_certificates). An optional variable that is empty counts as unset,
    /// because CI systems often define variables that way. Reads that one file; no other I/O.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the variable that is missing or unusable.
    pub fn from_env() -> Result<Client> {
        let required = |name: &str| match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(value),
            Ok(_) => Err(format!("{name} is empty")),
            Err(VarError::NotPresent) => Err(format!("{name} is not set")),
            Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
        };
        let unusable = |problem: &str| Error::config(format!("the environment variable {problem}"));
        let (username, api_key) = match (required("MENDIX_USERNAME"), required("MENDIX_API_KEY")) {
            (Ok(username), Ok(api_key)) => (username, api_key),
            (Err(one), Err(other)) => return Err(unusable(&format!("{one}, and {other}; both are needed"))),
            (Err(problem), _) | (_, Err(problem)) => return Err(unusable(&problem)),
        };
        validate_header_value("the user name", &username).map_err(|e| e.prefixed_with("MENDIX_USERNAME"))?;
        let mut client = Client::new(&username, &api_key).map_err(|e| e.prefixed_with("MENDIX_API_KEY"))?;
        if std::env::var_os("MENDIX_DEPLOY_URL").is_some_and(|url| !url.is_empty()) {
            let url = required("MENDIX_DEPLOY_URL").map_err(|problem| unusable(&problem))?;
            client = client.with_base_url(&url).map_err(|e| e.prefixed_with("MENDIX_DEPLOY_URL"))?;
        }
        if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
            if file.to_string_lossy().contains("-----BEGIN") {
                return Err(Error::config("SSL_CERT_FILE is a certificate or a key; expected the path of a PEM file"));
            }
            let source = format!("SSL_CERT_FILE, {}", text::path(Path::new(&file)));
            let pem = read_certificates(Path::new(&file)).map_err(|e| e.prefixed_with(&source))?;
            client = client.with_root_certificates(&pem).map_err(|e| e.prefixed_with(&source))?;
        }
        Ok(client)
    }

    /// Sets the base URL, for a dedicated cloud or an emulator: `scheme://host[:port][/prefix]`. `/api/v2` or, for calls of
    /// v1, `/api/1` is appended.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the URL is malformed, contains user info, a query or a fragment, or is
    /// plain `http` to any host but this machine (`localhost`, 127.0.0.0/8, `[::1]`). If `localhost` resolves to another
    /// address, calls fail as [`Connect`](crate::ErrorKind::Connect) before anything is sent.
    pub fn with_base_url(mut self, url: &str) -> Result<Client> {
        self.endpoint.base_url = BaseUrl::parse(url)?;
        Ok(self)
    }

    /// Trusts the certificates in `pem` **instead of** the bundled or the system's roots: for a private CA or a
    /// TLS-inspecting proxy.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if `pem` is malformed or contains no certificate.
    pub fn with_root_certificates(mut self, pem: &[u8]) -> Result<Client> {
        self.endpoint.roots = Some(RootCertificates::from_pem(pem)?);
        Ok(self)
    }

    /// Connect timeout: limits the name lookup, and then connecting, including a proxy's `CONNECT` and the TLS
    /// handshake. Default 30 s for each of the two.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Client {
        self.endpoint.connect_timeout = timeout;
        self
    }

    /// Stall timeout: fails if no request byte can be sent for this long. Default 60 s. A slow upload that keeps making
    /// progress is unaffected, and waiting for the response does not count.
    #[must_use]
    pub fn with_stall_timeout(mut self, timeout: Duration) -> Client {
        self.endpoint.stall_timeout = timeout;
        self
    }

    /// Response timeout: limits the response, head and body together, once the whole request has been sent. Default 5
    /// min for an upload, a stop, a transport or a start, and 60 s for a poll; this sets all.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Client {
        self.response_timeout = Some(timeout);
        self
    }

    /// Sets the retry policy. Default: [`Retry::default`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Client {
        self.retry = retry;
        self
    }

    /// Sets how often to poll, and for how long, in every call that waits. Default: [`Poll::default`].
    #[must_use]
    pub fn with_poll(mut self, poll: Poll) -> Client {
        self.poll = poll;
        self
    }

    /// Sets the observer, called on the calling thread with every [`Event`]. The upload blocks while it runs, so keep
    /// it fast. Panics propagate. Replaces an earlier observer.
    ///
    /// For a log, `.on_event(Event::log_to_stderr)` is enough; see [`Event::log_to_stderr`].
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Client {
        self.observer = Some(Arc::new(observer));
        self
    }

    pub(crate) fn notify(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }
}

fn read_certificates(path: &Path) -> Result<Vec<u8>> {
    let file = file::open(path, &|problem| Error::config(problem))?;
    let mut pem = Vec::new();
    file.take(CERTIFICATES_MAX).read_to_end(&mut pem).map_err(|e| Error::config("it cannot be read").with_source(e))?;
    Ok(pem)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &format_args!("{}", self.endpoint.base_url))
            .field("username", &format_args!("{}", text::quoted(&self.endpoint.username, USERNAME_MAX)))
            .finish_non_exhaustive()
    }
}
