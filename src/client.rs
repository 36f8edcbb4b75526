//! `Client`: where the API is, who calls, and how patiently. Checked once, no I/O.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base_url::{BaseUrl, MENDIX_CLOUD};
use crate::credentials::{ApiKey, check_visible};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::http::{Endpoint, RootCertificates};
use crate::retry::Retry;
use crate::text;

/// Where the API is, as whom it is called, and how patiently.
///
/// Time limits of less than a millisecond count as one.
///
/// Cheap to clone, and shared freely between threads: it is settings and holds no connection. Making one does no
/// network I/O. `Debug` shows the base URL and the user name, never the key.
///
/// The HTTP library logs through the `log` crate. At `DEBUG` it hides the key; at `TRACE` its hex dump of the bytes
/// sent (target `ureq_proto::util`) does not, so leave `TRACE` off where logs are kept.
///
/// ```
/// use mendix_deploy::Client;
/// use std::time::Duration;
///
/// let client = Client::new("richard.ford51@example.com", "26587896-1cef-4483-accf-ad304e2673d6")?
///     .with_stall_timeout(Duration::from_secs(120))
///     .on_event(|event| eprintln!("{event}"));
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) endpoint: Endpoint,
    /// `None`: the default, which differs between an upload and a poll.
    pub(crate) response_timeout: Option<Duration>,
    pub(crate) retry: Retry,
    watch: Option<Watch>,
}

/// What [`Client::on_event`] was given.
type Watch = Arc<dyn Fn(&Event) + Send + Sync>;

impl Client {
    /// A client of Mendix Cloud (`https://deploy.mendix.com`).
    ///
    /// `username` is the login name and `api_key` a key of that user (Deploy API v2, "Using Authentication
    /// Headers").
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if one of them is empty or holds anything but visible ASCII: a line
    /// break at the end of a secret's file is the usual cause. The value is never in the text.
    pub fn new(username: &str, api_key: &str) -> Result<Client> {
        check_visible("the user name", username)?;
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
            watch: None,
        })
    }

    /// A client from the environment: `MENDIX_USERNAME` and `MENDIX_API_KEY`; optionally `MENDIX_DEPLOY_URL`, a
    /// base URL as for [`with_base_url`](Self::with_base_url), and `SSL_CERT_FILE`, a file of PEM certificates as
    /// for [`with_root_certificates`](Self::with_root_certificates). An optional variable that is empty counts as
    /// not set, as CI systems have it. Reads that one file; no other I/O.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the variable that is missing or unusable.
    pub fn from_env() -> Result<Client> {
        let required = |name: &str| match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(value),
            Ok(_) => Err(Error::config(format!("the environment variable {name} is empty"))),
            Err(std::env::VarError::NotPresent) => {
                Err(Error::config(format!("the environment variable {name} is not set")))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::config(format!("the environment variable {name} is not UTF-8")))
            }
        };
        let (username, api_key) = (required("MENDIX_USERNAME")?, required("MENDIX_API_KEY")?);
        let mut client =
            Client::new(&username, &api_key).map_err(|e| e.prefixed_with("MENDIX_USERNAME, MENDIX_API_KEY"))?;
        if std::env::var_os("MENDIX_DEPLOY_URL").is_some_and(|url| !url.is_empty()) {
            let url = required("MENDIX_DEPLOY_URL")?;
            client = client.with_base_url(&url).map_err(|e| e.prefixed_with("MENDIX_DEPLOY_URL"))?;
        }
        if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
            let source = format!("SSL_CERT_FILE, {}", text::path(Path::new(&file)));
            let pem = std::fs::read(&file)
                .map_err(|e| Error::config("the file cannot be read").with_source(e).prefixed_with(&source))?;
            client = client.with_root_certificates(&pem).map_err(|e| e.prefixed_with(&source))?;
        }
        Ok(client)
    }

    /// Another host, for a dedicated cloud or an emulator: `scheme://host[:port][/prefix]`; `/api/v2` is appended.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if it is malformed, holds user info, a query or a fragment, or is plain
    /// `http` to anything but this machine (`localhost`, 127.0.0.0/8, `[::1]`).
    pub fn with_base_url(mut self, url: &str) -> Result<Client> {
        self.endpoint.base_url = BaseUrl::parse(url)?;
        Ok(self)
    }

    /// Trusts the certificates in `pem` **in place of** the bundled or the system's ones: for a private CA, or a
    /// proxy that inspects TLS.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if `pem` is not well-formed or holds no certificate.
    pub fn with_root_certificates(mut self, pem: &[u8]) -> Result<Client> {
        self.endpoint.roots = Some(RootCertificates::from_pem(pem)?);
        Ok(self)
    }

    /// How long the name lookup may take, and after it how long connecting may take, with TLS and a proxy's
    /// `CONNECT` included. Default 30 s each.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: Duration) -> Client {
        self.endpoint.connect_timeout = limit;
        self
    }

    /// How long not a single byte of the request may move before it is given up. Default 60 s. It never limits an
    /// upload that is slow but steady, and does not count while the answer is awaited.
    #[must_use]
    pub fn with_stall_timeout(mut self, limit: Duration) -> Client {
        self.endpoint.stall_timeout = limit;
        self
    }

    /// How long the answer may take, head and body together, once the whole request is out. Default 5 min for an
    /// upload, 60 s for a poll; this sets both.
    #[must_use]
    pub fn with_response_timeout(mut self, limit: Duration) -> Client {
        self.response_timeout = Some(limit);
        self
    }

    /// How often and how patiently a call that was not accepted is repeated. Default: [`Retry::default`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Client {
        self.retry = retry;
        self
    }

    /// Calls `watch` with everything worth showing, on the calling thread. Replaces an earlier watch. An upload
    /// stands still while `watch` runs, so it had better be quick; a panic in it comes through.
    ///
    /// `.on_event(|event| eprintln!("{event}"))` is a whole progress display.
    #[must_use]
    pub fn on_event(mut self, watch: impl Fn(&Event) + Send + Sync + 'static) -> Client {
        self.watch = Some(Arc::new(watch));
        self
    }

    pub(crate) fn notify(&self, event: &Event) {
        if let Some(watch) = &self.watch {
            watch(event);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &format_args!("{}", self.endpoint.base_url))
            .field("username", &self.endpoint.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn credentials_must_be_visible_ascii_and_are_never_shown() {
        for bad in ["", "s3cret\n", " s3cret", "s3cret\t", "s3\r\ncret", "s3\u{e9}cret", "s3\0cret", "s3 cret"] {
            let key = Client::new("me", bad).unwrap_err();
            let user = Client::new(bad, "key").unwrap_err();
            for (error, field) in [(key, "API key"), (user, "user name")] {
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(error.to_string().contains(field), "{error}");
                assert!(!format!("{error:?}").contains("s3"), "{error:?}");
            }
        }
        let newline = Client::new("me", "key\n").unwrap_err().to_string();
        assert!(newline.contains("line break"), "{newline}");
    }

    #[test]
    fn debug_shows_where_and_as_whom_but_not_the_key() {
        let client = Client::new("me@example.com", "s3cret").unwrap();
        let debug = format!("{client:?}");
        assert!(debug.contains("https://deploy.mendix.com") && debug.contains("me@example.com"), "{debug}");
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
