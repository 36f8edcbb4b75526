//! Deploy API v2, "Upload Package": opens the file once, sends it, reads the response.

mod archive;
mod content;
mod multipart;
mod outcome;
mod package_file;
mod progress;
mod uploaded;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use multipart::Boundary;
use outcome::{Attempt, NO_PACKAGE};
use package_file::PackageFile;
use progress::Progress;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, UnknownUpload};
use crate::event::Event;
use crate::http::{self, Body, Failure, Reply, Request, Stage};
use crate::id::AppId;
use crate::job;
use crate::retry::repeat;
use crate::text;

pub use uploaded::UploadedPackage;

/// The documented limit is "1 GB". This is the larger of the two usual meanings, so that the server decides.
const SIZE_LIMIT: u64 = 1024 * 1024 * 1024;
/// Percent-encoded, such a name still fits the URLs that common servers accept.
const NAME_MAX: usize = 2048;
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// An upload: a file, and how to send it. By default, the package is named after the file, and files over 1 GiB or that
/// are no zip archives are refused.
///
/// ```
/// use mendix_deploy::Upload;
///
/// let upload = Upload::new("target/calc.mda").with_name("calc_1.0.0.45.mda");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    file: PathBuf,
    name: Name,
    size_limit: u64,
    checks_content: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    OfTheFile,
    Given(String),
    ByTheServer,
}

impl Upload {
    /// An upload of the package at this path. The file is opened when it is sent, not before.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Upload { file: file.into(), name: Name::OfTheFile, size_limit: SIZE_LIMIT, checks_content: true }
    }

    /// Sets the name of the package, 1 to 2048 bytes. Make it unique, for example with the number of the build: if the
    /// outcome of an upload is unknown, [`find_upload`](crate::find_upload) looks for the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::Given(name.into());
        self
    }

    /// Sends no name; the server then uses `default.mda`, by which no package can be told from another.
    #[must_use]
    pub fn without_name(mut self) -> Self {
        self.name = Name::ByTheServer;
        self
    }

    /// Sets the maximum size of the file in bytes. Default 1 GiB (1,073,741,824 bytes); Mendix Cloud documents 1 GB.
    #[must_use]
    pub fn with_size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = bytes;
        self
    }

    /// Uploads any file. By default, one that is not a zip archive, which a package is, is refused: a Git LFS pointer,
    /// a web page that was downloaded in its place, an archive that was cut off. Only its first and last bytes are read
    /// for this.
    #[must_use]
    pub fn without_content_check(mut self) -> Self {
        self.checks_content = false;
        self
    }
}

/// Uploads a package and returns its ids. The package exists once the job has completed.
///
/// The file is streamed, so memory use does not depend on its size. An upload that was not accepted is retried as
/// configured by [`Retry`](crate::Retry); **one that may have been accepted never is**. If the server refuses the
/// upload while the body is being sent, the rest is not sent.
///
/// Blocks for as long as the upload makes progress. Each attempt ends after the stall timeout without progress, or
/// after the response timeout without a response (see [`Client`]); `Retry` waits between attempts.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Config` and `File` before any socket is opened (`File` also if the file changes
/// while it is sent); `Connect`, `Rejected` and `Interrupted` if no package was made; `OutcomeUnknown` if one may have
/// been made, in which case [`may_have_been_accepted`](Error::may_have_been_accepted) is true and
/// [`find_upload`](crate::find_upload) looks for it.
///
/// ```no_run
/// use mendix_deploy::{Client, Upload, upload_package};
///
/// let client = Client::from_env()?;
/// let uploaded = upload_package(&client, &"calc".parse()?, &Upload::new("calc.mda"))?;
/// println!("{}", uploaded.job_id);
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn upload_package(client: &Client, app: &AppId, upload: &Upload) -> Result<UploadedPackage> {
    let package = open(app, upload)?;
    let name = match &upload.name {
        Name::OfTheFile => Some(package.file_name().to_owned()),
        Name::Given(name) => Some(name.clone()),
        Name::ByTheServer => None,
    };
    let url_path = match &name {
        Some(name) => format!("/api/v2/apps/{app}/packages/upload?name={}", text::percent_encoded(name)),
        None => format!("/api/v2/apps/{app}/packages/upload"),
    };
    let (size, began, why) = (package.size(), Instant::now(), String::new());
    let unknown = UnknownUpload { app: app.clone(), name, size, began, why };
    let attempt = Attempt::new(&upload.file, unknown);
    let mut post = Post { client, attempt, package, url_path, expect_continue: true };
    let uploaded = repeat(&client.retry, &|event| client.notify(event), || post.send())?;
    let (package_id, job_id) = (uploaded.package_id.clone(), uploaded.job_id.clone());
    client.notify(&Event::Accepted { app: app.clone(), file: upload.file.clone(), package_id, job_id });
    Ok(uploaded)
}

/// Uploads a package and waits for its job: [`upload_package`], then [`wait_for_job`](crate::wait_for_job).
///
/// Blocks for as long as the two together. Once the server has named the package and its job, every error has their
/// ids: pass [`Error::job_id`] to `wait_for_job` to resume waiting.
///
/// # Errors
/// Those of the two functions.
pub fn upload_and_wait(client: &Client, app: &AppId, upload: &Upload) -> Result<UploadedPackage> {
    let uploaded = upload_package(client, app, upload)?;
    job::wait(client, app, &uploaded.job_id, |wait| wait.amid(true).resumed_by("call wait_for_job with this job"))
        .map_err(|error| {
            let package = &uploaded.package_id;
            let advice = if error.kind() == ErrorKind::JobFailed { "" } else { ", so do not upload it again" };
            let note = format!("; {} was accepted as package {package}{advice}", text::path(&upload.file));
            // The same call would upload again.
            error.with_package(package).with_transient(false).with_note(&note)
        })?;
    Ok(uploaded)
}

/// Checks what can be told without asking the API.
fn open(app: &AppId, upload: &Upload) -> Result<PackageFile> {
    let refuse = |kind, problem: &str| {
        let file = text::path(&upload.file);
        Error::new(kind, format!("cannot upload {file} to app {app}{NO_PACKAGE}: {problem}"))
    };
    if matches!(&upload.name, Name::Given(name) if name.is_empty() || name.len() > NAME_MAX) {
        return Err(refuse(ErrorKind::Config, &format!("the package's name must have 1 to {NAME_MAX} bytes")));
    }
    let refuse = |problem: &str| refuse(ErrorKind::File, problem);
    PackageFile::open(&upload.file, upload.size_limit, upload.checks_content, &refuse)
}

/// Checks the file as an upload does, and in addition that the package can be deployed.
pub(crate) fn check_file(app: &AppId, upload: &Upload) -> Result<()> {
    let mut package = open(app, upload)?;
    let refuse = |problem: &str| {
        let file = text::path(&upload.file);
        Error::new(ErrorKind::File, format!("{file} can be uploaded to app {app}, but not be deployed: {problem}"))
    };
    package.check_unpacked(&refuse)
}

/// One upload and all its attempts.
struct Post<'a> {
    client: &'a Client,
    attempt: Attempt<'a>,
    package: PackageFile,
    url_path: String,
    /// Whether to send `Expect: 100-continue`; true until a server has refused it. Used for bodies of any size: a
    /// server that refuses before the body is sent cannot have accepted it.
    expect_continue: bool,
}

impl Post<'_> {
    fn send(&mut self) -> Result<UploadedPackage> {
        let mut end = self.send_once();
        if self.expect_continue && matches!(&end, Ok(reply) if reply.status == 417 && reply.handed.bytes == 0) {
            // Nothing was accepted, and the same server takes the body without the header (RFC 9110 §10.1.1).
            self.expect_continue = false;
            end = self.send_once();
        }
        self.attempt.outcome(end)
    }

    fn send_once(&mut self) -> Result<Reply, Failure> {
        let (size, file_name) = (self.package.size(), self.package.file_name().to_owned());
        let file = self.package.read_from_start().map_err(|cause| Failure { stage: Stage::ReadingBody, cause })?;
        let (client, Attempt { path, upload, .. }) = (self.client, &self.attempt);
        let boundary = Boundary::random();
        let (mut body, length) = multipart::encode(&boundary, "file", &file_name, file, size);
        let response_timeout = client.response_timeout.unwrap_or(RESPONSE_TIMEOUT);
        let mut progress = Progress {
            client: client.clone(),
            app: upload.app.clone(),
            file: path.to_path_buf(),
            total: size,
            envelope: length - size,
            response_timeout,
            notified: None,
        };
        let body = Body {
            length,
            source: &mut body,
            expect_continue: self.expect_continue,
            on_progress: Box::new(move |bytes| progress.report(bytes, Instant::now())),
        };
        let (path, content_type) = (&self.url_path, boundary.content_type());
        let (content_type, body) = (Some(content_type.as_str()), Some(body));
        let request = Request { path, content_type, body, response_timeout, response_max: http::RESPONSE_MAX };
        http::send(&client.endpoint, request)
    }
}
