//! The error type: what happened, to which object, whether a package may exist, and what to do about it.

mod advice;
mod again;
mod kind;
mod message;
mod response;

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, Instant};

use crate::id::{AppId, JobId, PackageId};

pub(crate) use advice::Advice;
pub(crate) use again::Again;
pub use kind::ErrorKind;
use message::Message;
pub(crate) use response::{Response, SaidBy};

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// `Display` is one line for a log; `Debug` adds the causes, so that `fn main() -> Result<(), mendix_deploy::Error>`
/// reads well. Neither contains the API key, and server text is capped and sanitized first.
///
/// ```
/// use mendix_deploy::{Client, ErrorKind};
///
/// let error = Client::new("me@example.com", "key\n").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert!(!error.may_have_been_accepted());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Message,
    response: Option<Response>,
    package_id: Option<PackageId>,
    job_id: Option<JobId>,
    start_job: Option<JobId>,
    app_may_be_down: bool,
    again: Again,
    transient: bool,
    upload: Option<UnknownUpload>,
    cause: Option<anyhow::Error>,
}

/// An upload of unknown outcome, for [`find_upload`](crate::find_upload).
#[derive(Debug, Clone)]
pub(crate) struct UnknownUpload {
    pub(crate) app: AppId,
    /// `None` if the server chose it.
    pub(crate) name: Option<String>,
    /// Bytes.
    pub(crate) size: u64,
    /// On the monotonic clock.
    pub(crate) began: Instant,
    /// Why its outcome is unknown; empty until it is.
    pub(crate) why: String,
}

impl Error {
    /// The kind of error, for a program to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.response().map(|response| response.status)
    }

    /// The server's `errorCode`, an opaque string such as `UNAUTHORIZED` or `NOT ALLOWED`.
    pub fn code(&self) -> Option<&str> {
        self.response()?.code.as_deref()
    }

    /// The package, once the server has named it.
    pub fn package_id(&self) -> Option<&PackageId> {
        self.0.package_id.as_ref()
    }

    /// The job, once it is known. Pass it to [`wait_for_job`](crate::wait_for_job) to resume waiting.
    pub fn job_id(&self) -> Option<&JobId> {
        self.0.job_id.as_ref()
    }

    /// Whether uploading again could create a duplicate package.
    ///
    /// `true` if the outcome of an upload is unknown, and whenever a package or a job is known. `false` means that
    /// uploading again cannot create a duplicate, as after anything that was refused before the upload.
    pub fn may_have_been_accepted(&self) -> bool {
        let is_known = self.0.package_id.is_some() || self.0.job_id.is_some();
        self.kind() == ErrorKind::OutcomeUnknown || self.0.upload.is_some() || is_known
    }

    /// Whether repeating the same call later is harmless and may succeed. A loop on it never uploads a package twice.
    ///
    /// It is `false`
    /// - if the call has sent an upload that may have been accepted, unless
    ///   [`Upload::skip_existing`](crate::Upload::skip_existing) is set and the package is in the list, so that the same call
    ///   finds it;
    /// - for every error of [`find_upload`](crate::find_upload) itself;
    /// - if only [`Deploy::with_restart`](crate::Deploy::with_restart) helps, because another package may be running.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Whether this call stopped the app, or found it stopped, and has not seen it run since.
    ///
    /// `false` if the call never polled the environment: that says nothing about the app.
    ///
    /// ```no_run
    /// use mendix_deploy::{AppId, Client, Deploy, PackageId, deploy_package};
    ///
    /// # fn page_somebody(_: &mendix_deploy::Error) {}
    /// # let (client, app): (_, AppId) = (Client::from_env()?, "calc".parse()?);
    /// let package: PackageId = "4e8d3f0c-9afc-478f-9ac5-b6da5e9d7f26".parse()?;
    /// let (environment, deploy) = ("Acceptance".parse()?, Deploy::default());
    /// if let Err(error) = deploy_package(&client, &app, &environment, &package, &deploy) {
    ///     if error.app_may_be_down() {
    ///         page_somebody(&error);
    ///     }
    ///     return Err(error);
    /// }
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    pub fn app_may_be_down(&self) -> bool {
        self.0.app_may_be_down
    }

    /// Whether only [`Deploy::with_restart`](crate::Deploy::with_restart) resumes the deployment, because another package
    /// may be running although this one is on the environment.
    ///
    /// ```no_run
    /// use mendix_deploy::{AppId, Client, Deploy, PackageId, deploy_package};
    ///
    /// # let (client, app): (_, AppId) = (Client::from_env()?, "calc".parse()?);
    /// let package: PackageId = "4e8d3f0c-9afc-478f-9ac5-b6da5e9d7f26".parse()?;
    /// let environment = "Acceptance".parse()?;
    /// let deploy = |deploy| deploy_package(&client, &app, &environment, &package, &deploy);
    /// match deploy(Deploy::default()) {
    ///     Err(error) if error.needs_restart() => deploy(Deploy::default().with_restart(true))?,
    ///     result => result?,
    /// };
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    pub fn needs_restart(&self) -> bool {
        self.again() == Again::WithRestart
    }

    /// Whether no call with this package can succeed: it failed, the API found it unusable, or it is not there.
    ///
    /// ```no_run
    /// use mendix_deploy::{AppId, Client, Deploy, PackageId, deploy_package};
    ///
    /// # let (client, app): (_, AppId) = (Client::from_env()?, "calc".parse()?);
    /// let package: PackageId = "4e8d3f0c-9afc-478f-9ac5-b6da5e9d7f26".parse()?;
    /// let (environment, deploy) = ("Acceptance".parse()?, Deploy::default());
    /// match deploy_package(&client, &app, &environment, &package, &deploy) {
    ///     Err(error) if error.needs_another_package() => println!("build it again: {error}"),
    ///     result => drop(result?),
    /// }
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    pub fn needs_another_package(&self) -> bool {
        self.again() == Again::WithAnotherPackage
    }

    /// How long the server asked the client to wait (`Retry-After`, RFC 9110 §10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        self.response()?.retry_after
    }
}

// Private: a constructor takes the kind and the message, and builders add the rest.
impl Error {
    /// Whether it is transient, and whether it takes another package, follows from the kind unless it is set.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        use ErrorKind::{Interrupted, NoAnswer, StillRunning};
        Error(Box::new(Inner {
            kind,
            message: Message { end: message.into(), ..Message::default() },
            response: None,
            package_id: None,
            job_id: None,
            start_job: None,
            app_may_be_down: false,
            again: if kind == ErrorKind::JobFailed { Again::WithAnotherPackage } else { Again::Same },
            transient: matches!(kind, Interrupted | NoAnswer | StillRunning),
            upload: None,
            cause: None,
        }))
    }

    /// The error of a request; `message` follows its name.
    pub(crate) fn of_request(kind: ErrorKind, what: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(kind, message);
        error.0.message.what = what.into();
        error
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// For `Connect` and `Rejected`, where the kind does not decide, and where repeating the call would upload again.
    pub(crate) fn with_transient(mut self, transient: bool) -> Self {
        self.0.transient = transient;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_response(mut self, response: impl Into<Option<Response>>) -> Self {
        self.0.response = response.into();
        self
    }

    pub(crate) fn response(&self) -> Option<&Response> {
        self.0.response.as_ref()
    }

    pub(crate) fn said_by(&self) -> SaidBy {
        self.response().map_or(SaidBy::Nobody, |response| response.said_by)
    }

    pub(crate) fn with_package(mut self, package: &PackageId) -> Self {
        self.0.package_id = Some(package.clone());
        self
    }

    pub(crate) fn with_job(mut self, job: &JobId) -> Self {
        self.0.job_id = Some(job.clone());
        self
    }

    /// The job of a start. Unlike the job of an upload, it is not about a package.
    pub(crate) fn with_start_job(mut self, job: &JobId) -> Self {
        self.0.start_job = Some(job.clone());
        self
    }

    pub(crate) fn with_app_may_be_down(mut self, may_be_down: bool) -> Self {
        self.0.app_may_be_down = may_be_down;
        self
    }

    pub(crate) fn with_again(mut self, again: Again) -> Self {
        self.0.again = again;
        self
    }

    pub(crate) fn again(&self) -> Again {
        self.0.again
    }

    /// The outcome of an upload is unknown, so the error is not transient: repeating the call would upload again.
    pub(crate) fn with_upload(mut self, upload: UnknownUpload) -> Self {
        self.0.upload = Some(upload);
        self.0.transient = false;
        self
    }

    /// The ids that are known.
    pub(crate) fn with_ids(self, package: Option<&PackageId>, job: Option<&JobId>) -> Self {
        let error = package.into_iter().fold(self, Error::with_package);
        job.into_iter().fold(error, Error::with_job)
    }

    pub(crate) fn upload(&self) -> Option<&UnknownUpload> {
        self.0.upload.as_ref()
    }

    pub(crate) fn with_source(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Gives it another cause. Its previous causes become part of its message.
    pub(crate) fn because_of(mut self, cause: Error) -> Self {
        self.0.message.what = self.what_failed();
        self.with_source(cause)
    }

    /// Prepends where the bad input came from.
    pub(crate) fn prefixed_with(mut self, origin: &str) -> Self {
        self.0.message.what.insert_str(0, &format!("{origin}: "));
        self
    }

    /// Appends a note to what happened, such as the number of attempts.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.0.message.end.push_str(note);
        self
    }

    /// Says what happened to the package.
    pub(crate) fn with_package_note(mut self, note: impl Into<String>) -> Self {
        self.0.message.of_package = note.into();
        self
    }

    /// Says what happened to the app.
    pub(crate) fn with_app_note(mut self, note: impl Into<String>) -> Self {
        self.0.message.of_app = note.into();
        self
    }

    pub(crate) fn app_note(&self) -> &str {
        &self.0.message.of_app
    }

    pub(crate) fn with_advice(mut self, advice: Advice) -> Self {
        self.0.message.advice = advice;
        self
    }

    pub(crate) fn advice(&self) -> &Advice {
        &self.0.message.advice
    }

    pub(crate) fn with_setting(mut self, name: impl Into<Option<&'static str>>) -> Self {
        self.0.message.settings.extend(name.into());
        self
    }

    /// Whether the message already has the id of this package.
    pub(crate) fn mentions(&self, package: &PackageId) -> bool {
        names(&self.0.message.to_string(), package.as_str())
    }

    /// How the request ended, in as few words as possible.
    pub(crate) fn in_brief(&self) -> String {
        match (self.status(), self.kind()) {
            (Some(status), _) => format!("HTTP {status}"),
            (None, ErrorKind::Connect) => "no connection".to_owned(),
            (None, ErrorKind::Interrupted) => "a broken connection".to_owned(),
            (None, _) => "no answer".to_owned(),
        }
    }

    /// The error and its causes in one line, for an event.
    pub(crate) fn one_line(&self) -> String {
        format!("{self}{}", self.causes())
    }

    /// The same without the advice.
    pub(crate) fn what_failed(&self) -> String {
        format!("{}{}", self.0.message.what, self.causes())
    }

    fn causes(&self) -> String {
        anyhow::Chain::new(self).skip(1).fold(String::new(), |said, cause| format!("{said}: {cause}"))
    }

    /// The same for an event that already names the request.
    pub(crate) fn reason(&self) -> String {
        let what = if self.0.message.what.is_empty() { "" } else { "the request" };
        format!("{what}{}{}{}", self.0.message.end, self.0.message.in_brackets(), self.causes())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.message.to_string();
        f.write_str(&text)?;
        // A known id is never missing, whatever the message says.
        let unsaid = |id: &str| !names(&text, id);
        if let Some(package) = self.package_id().filter(|id| unsaid(id.as_str())) {
            write!(f, " [package {package}]")?;
        }
        if let Some(job) = self.job_id().filter(|id| unsaid(id.as_str())) {
            write!(f, " [job {job}]")?;
        }
        if let Some(job) = self.0.start_job.as_ref().filter(|id| unsaid(id.as_str())) {
            write!(f, " [start job {job}]")?;
        }
        Ok(())
    }
}

/// Whether this id is in a text, and not only as a part of another one.
fn names(text: &str, id: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|word| word == id)
}

/// The causes as prose: this is what `fn main() -> Result<(), Error>` prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        anyhow::Chain::new(self).skip(1).try_for_each(|cause| write!(f, "\n  caused by: {cause}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_chain_and_display_one_line() {
        let cause = anyhow::anyhow!("connection refused").context("no route");
        let error = Error::new(ErrorKind::Connect, "cannot reach x:1").with_source(cause);
        assert_eq!(error.to_string(), "cannot reach x:1");
        assert_eq!(format!("{error:?}"), "cannot reach x:1\n  caused by: no route\n  caused by: connection refused");
        assert_eq!(error.source().unwrap().to_string(), "no route");
    }

    #[test]
    fn a_kind_says_whether_a_package_may_exist_and_whether_to_repeat_the_call() {
        use ErrorKind::{
            Config, Connect, File, Interrupted, JobFailed, NoAnswer, NotAllowed, OutcomeUnknown, Overtaken, Rejected,
            StartFailed, StillRunning,
        };
        let neither = [Config, NotAllowed, File, Connect, Rejected, JobFailed, StartFailed, Overtaken]
            .map(|kind| (kind, false, false));
        let transient = [Interrupted, NoAnswer, StillRunning].map(|kind| (kind, false, true));
        for (kind, may_exist, transient) in neither.into_iter().chain(transient).chain([(OutcomeUnknown, true, false)])
        {
            let error = Error::new(kind, "no");
            assert_eq!((error.may_have_been_accepted(), error.is_transient()), (may_exist, transient), "{kind:?}");
            let package: PackageId = "p-1".parse().unwrap();
            assert!(error.with_package(&package).may_have_been_accepted(), "{kind:?}");
        }
    }

    #[test]
    fn ids_once_known_are_in_the_text_exactly_once() {
        let failed = |message: &str| Error::new(ErrorKind::JobFailed, message).with_job(&"j-1".parse().unwrap());
        let package: PackageId = "p-1".parse().unwrap();
        assert_eq!(failed("job j-1 failed").with_package(&package).to_string(), "job j-1 failed [package p-1]");
        assert_eq!(failed("job J-1 failed").to_string(), "job J-1 failed [job j-1]", "ids have a case");
        assert_eq!(failed("job j-10 failed").to_string(), "job j-10 failed [job j-1]", "a part of another one");
    }
}
