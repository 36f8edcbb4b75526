//! Deploy API v2, "Upload Package": open the file once, send it, read the answer.

mod multipart;
mod package_file;
mod progress;
mod uploaded;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use multipart::Boundary;
use package_file::PackageFile;
use progress::Progress;

use crate::answer::{self, Refusal, is_later, is_refusal};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::http::{self, Body, Failure, Reply, Request, Stage};
use crate::id::AppId;
use crate::retry::repeat;
use crate::text;
use crate::wait::{Poll, wait_for_job};

pub use uploaded::UploadedPackage;

/// The documented limit is "1 GB"; read as the larger of the two usual meanings, so that the server decides.
const SIZE_LIMIT: u64 = 1024 * 1024 * 1024;
/// Percent-encoded, it still fits the URLs that common servers take.
const NAME_MAX: usize = 2048;
const ANSWER_LIMIT: Duration = Duration::from_secs(5 * 60);
/// How the message of an unknown outcome begins.
const SENT: &str = "the whole package was sent, but";
const SENT_IN_PART: &str = "only a part of the package was sent when";

/// How a package is uploaded. The default names it after its file and refuses files over 1 GiB.
///
/// ```
/// use mendix_deploy::Upload;
///
/// let upload = Upload::default().with_name("calc_1.0.0.45.mda");
/// ```
#[derive(Debug, Clone)]
pub struct Upload {
    name: Name,
    size_limit: u64,
}

#[derive(Debug, Clone)]
enum Name {
    OfTheFile,
    Given(String),
    ByTheServer,
}

impl Default for Upload {
    fn default() -> Self {
        Upload { name: Name::OfTheFile, size_limit: SIZE_LIMIT }
    }
}

impl Upload {
    /// Names the package; any text of 1 to 2048 bytes. A unique name is worth having: it is how an upload whose
    /// outcome is not known can be found.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::Given(name.into());
        self
    }

    /// Leaves the name out; the server then says `default.mda`.
    pub fn without_name(mut self) -> Self {
        self.name = Name::ByTheServer;
        self
    }

    /// Refuses files of more than so many bytes. Default 1 GiB (1,073,741,824 bytes); Mendix Cloud documents 1 GB.
    pub fn with_size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = bytes;
        self
    }
}

/// Uploads the package in `file` to the app and returns its ids; the package exists once the job has completed.
///
/// The file is streamed: memory use does not depend on its size. What the server has not accepted is tried again
/// as [`Retry`](crate::Retry) says, **what it may have accepted never is**. Should the server refuse the upload
/// while the body is still being sent, the rest is not sent.
///
/// Blocks for as long as the body keeps moving; a standstill ends after the stall limit, a missing answer after
/// the response limit (see [`Client`]), for each attempt, with the waits of `Retry` in between.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Config` and `File` before any socket is opened (`File` also if the
/// file changes while it is sent); `Connect`, `Rejected` and `Interrupted` if no package was made;
/// `OutcomeUnknown` if one may have been made: then [`may_have_been_accepted`](Error::may_have_been_accepted) is true.
///
/// ```no_run
/// use mendix_deploy::{Client, Upload, upload_package};
///
/// let client = Client::from_env()?;
/// let uploaded = upload_package(&client, &"calc".parse()?, "calc.mda", &Upload::default())?;
/// println!("{}", uploaded.job_id);
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn upload_package(
    client: &Client,
    app: &AppId,
    file: impl AsRef<Path>,
    upload: &Upload,
) -> Result<UploadedPackage> {
    upload_path(client, app, file.as_ref(), upload)
}

/// [`upload_package`], then [`wait_for_job`](crate::wait_for_job).
///
/// Blocks for as long as the two together. Once the server has named the package and its job, every error names
/// them: [`Error::job_id`] is what `wait_for_job` needs to go on where this left off.
///
/// # Errors
/// Those of the two functions.
pub fn upload_and_wait(
    client: &Client,
    app: &AppId,
    file: impl AsRef<Path>,
    upload: &Upload,
    poll: &Poll,
) -> Result<UploadedPackage> {
    let uploaded = upload_path(client, app, file.as_ref(), upload)?;
    wait_for_job(client, app, &uploaded.job_id, poll).map_err(|error| error.with_package(&uploaded.package_id))?;
    Ok(uploaded)
}

fn upload_path(client: &Client, app: &AppId, path: &Path, upload: &Upload) -> Result<UploadedPackage> {
    if matches!(&upload.name, Name::Given(name) if name.is_empty() || name.len() > NAME_MAX) {
        return Err(Error::config(format!("the package name is refused: it must have 1 to {NAME_MAX} bytes")));
    }
    let mut package = PackageFile::open(path, upload.size_limit)?;
    let name = match &upload.name {
        Name::OfTheFile => Some(package.file_name().to_owned()),
        Name::Given(name) => Some(name.clone()),
        Name::ByTheServer => None,
    };
    let url_path = match &name {
        Some(name) => format!("/apps/{app}/packages/upload?name={}", percent_encoded(name)),
        None => format!("/apps/{app}/packages/upload"),
    };
    let mut post = Post { client, app, package: &mut package, url_path, name, expect_continue: true };
    let uploaded = repeat(&client.retry, &|event| client.notify(event), || post.send())?;
    client.notify(&Event::Accepted { package_id: uploaded.package_id.clone(), job_id: uploaded.job_id.clone() });
    Ok(uploaded)
}

/// One upload, as often as it is attempted.
struct Post<'a> {
    client: &'a Client,
    app: &'a AppId,
    package: &'a mut PackageFile,
    url_path: String,
    name: Option<String>,
    /// Until a server has refused the `Expect` header. However small the body, it is asked for first: a server that says
    /// no before it is sent has not got it, and so nothing was accepted.
    expect_continue: bool,
}

impl Post<'_> {
    fn send(&mut self) -> Result<UploadedPackage> {
        let mut reply = self.send_once();
        if self.expect_continue && matches!(&reply, Ok(reply) if reply.status == 417 && !reply.body_was_begun) {
            // Nothing was accepted, and without the header the same server takes the body (RFC 9110 §10.1.1).
            self.expect_continue = false;
            reply = self.send_once();
        }
        match reply {
            Ok(reply) => self.read(&reply),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn send_once(&mut self) -> Result<Reply, Failure> {
        let (size, file_name) = (self.package.size(), self.package.file_name().to_owned());
        let file =
            self.package.read_from_start().map_err(|error| Failure { stage: Stage::ReadingBody, cause: error })?;
        let boundary = Boundary::random();
        let progress = Progress::of(file, size, self.client);
        let expect_continue = self.expect_continue;
        let (mut body, length) = multipart::encode(&boundary, "file", &file_name, progress, size);
        http::send(
            &self.client.endpoint,
            Request {
                path: &self.url_path,
                answer_limit: self.client.response_timeout.unwrap_or(ANSWER_LIMIT),
                body: Some(Body { content_type: boundary.content_type(), length, source: &mut body, expect_continue }),
            },
        )
    }

    fn read(&self, reply: &Reply) -> Result<UploadedPackage> {
        match reply.status {
            200..=299 => self.read_ids(reply),
            // Once all of it was sent, "later" may be a gateway's word for a server that has it and was not waited for.
            status if is_refusal(status) || (is_later(status) && !reply.request_was_whole) => {
                Err(answer::rejected(self.client, reply, &self.what(), self.not_found()))
            }
            status => {
                let said = Refusal::of_reply(reply, &self.client.endpoint.api_key);
                let how = said.as_answer(status);
                let error = if reply.request_was_whole { self.unknown(SENT, &how) } else { self.interrupted(&how) };
                let error = error.with_status(status).with_code(said.code).with_retry_after(reply.retry_after);
                Err(answer::because_cut_short(error, reply))
            }
        }
    }

    fn read_ids(&self, reply: &Reply) -> Result<UploadedPackage> {
        let key = &self.client.endpoint.api_key;
        let (package, job) = match uploaded::ids(&reply.body, key) {
            (Some(package_id), Some(job_id)) if reply.request_was_whole => {
                return Ok(UploadedPackage { package_id, job_id });
            }
            ids => ids,
        };
        let how = match (&package, &job) {
            (Some(_), Some(_)) => "the server accepted it, and the connection broke".to_owned(),
            _ => answer::no_use(reply, key),
        };
        let sent = if reply.request_was_whole { SENT } else { SENT_IN_PART };
        let mut error = answer::because_cut_short(self.unknown(sent, &how).with_status(reply.status), reply);
        if let Some(package) = package {
            error = error.with_package(&package).with_note(&format!("; package {package} is the one to look for"));
        }
        if let Some(job) = job {
            error = error.with_job(&job).with_note(&format!("; wait_for_job with job {job} tells how it ends"));
        }
        Err(error)
    }

    fn failed(&self, Failure { stage, cause }: Failure) -> Error {
        let error = match stage {
            Stage::Connecting { target, reason, hint, transient } => {
                let message = format!("cannot connect to {target}: {reason}{hint}");
                Error::new(ErrorKind::Connect, message).with_transient(transient)
            }
            Stage::ReadingBody => Error::new(
                ErrorKind::File,
                format!(
                    "{}: it changed or could not be read while it was sent; the server got no whole package",
                    self.what()
                ),
            ),
            Stage::Sending => self.interrupted("the connection broke off while the body was being sent"),
            Stage::AwaitingAnswer => self.unknown(SENT, "no usable answer came"),
        };
        error.with_source(cause)
    }

    fn what(&self) -> String {
        format!("the upload of {} to app {}", text::path(self.package.path()), self.app)
    }

    fn not_found(&self) -> String {
        let app = self.app;
        format!("is \"{app}\" the subdomain of the app's URL (not its UUID or display name), and the base URL right?")
    }

    fn interrupted(&self, how: &str) -> Error {
        Error::new(ErrorKind::Interrupted, format!("{} failed: {how}; no package was made", self.what()))
    }

    fn unknown(&self, sent: &str, how: &str) -> Error {
        let name = self.name.as_deref().unwrap_or("default.mda").escape_debug();
        Error::new(
            ErrorKind::OutcomeUnknown,
            format!(
                "{} has an unknown outcome: {sent} {how}; a package may exist: before \
             uploading again, look for \"{name}\" on the app's Environments page or with GET {}/api/1/apps/{}/packages",
                self.what(),
                self.client.endpoint.base_url,
                self.app,
            ),
        )
    }
}

/// Everything but the unreserved characters.
fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if text::is_unreserved(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_percent_encoded_down_to_the_unreserved_characters() {
        assert_eq!(percent_encoded("calc_1.0.0-45~x.mda"), "calc_1.0.0-45~x.mda");
        assert_eq!(percent_encoded("a b+c&d#e%f/../é\r\n\""), "a%20b%2Bc%26d%23e%25f%2F..%2F%C3%A9%0D%0A%22");
    }
}
