//! The kinds of errors.

/// The kind of an [`Error`](crate::Error); the [guide](crate::guide::errors#kinds) says what each means for the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An invalid user name, API key, base URL, certificate, id or setting, refused before any socket is opened; with
    /// [`Upload::skip_existing`](crate::Upload::skip_existing), also a package of that name with another size. Nothing was
    /// uploaded.
    Config,
    /// A production environment without [`Deploy::allow_production`](crate::Deploy::allow_production). Nothing was changed.
    NotAllowed,
    /// The local file is missing, unreadable, a directory, a FIFO, empty, too large, not a zip archive, or changed while it
    /// was being sent.
    File,
    /// No byte of the request was sent: name lookup, refused connection, TLS, proxy, connect timeout.
    Connect,
    /// The server refused: a redirect (after the whole body, any but 303) or an IANA-registered 4xx; before the whole body
    /// was sent, and for a call that only reads, also 408 and 503; a stop, transport or start also by a documented
    /// `errorCode` with any status.
    Rejected,
    /// The connection broke while the body was being sent, or a 5xx or unregistered 4xx came before its end: the server cannot
    /// have the whole package.
    Interrupted,
    /// **The package may exist**: the whole upload was sent but got no usable response, or a success came before all of it
    /// was sent. Never retried. [`upload_and_wait`](crate::upload_and_wait) and
    /// [`upload_and_deploy`](crate::upload_and_deploy) have already searched: the package was not found, could not be told
    /// from others, or the list could not be read. [`find_upload`](crate::find_upload) searches again.
    OutcomeUnknown,
    /// A poll, or another call that only reads, got no usable response. Harmless to repeat.
    NoAnswer,
    /// The job, or the package, ended with status `Failed`: there is nothing to deploy, and the app was not touched.
    JobFailed,
    /// The app did not start: **it is down**.
    StartFailed,
    /// Another deployment put its package on the same environment. The message names both packages.
    Overtaken,
    /// The wait timed out. What it waited for may still come, and the wait can be resumed.
    StillRunning,
}
