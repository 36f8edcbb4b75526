//! Deploy API v2, "Upload Package": opens the file once, sends it, and waits until the package can be deployed.

mod archive;
mod content;
mod existing;
mod multipart;
mod opened;
mod outcome;
mod package_file;
mod post;
mod progress;
mod ready;
mod settings;
mod uploaded;

use std::time::Instant;

use crate::client::Client;
use crate::error::Result;
use crate::event::Event;
use crate::id::{AppId, PackageId};

pub(crate) use opened::Opened;
pub(crate) use ready::Resume;
pub use settings::Upload;
pub use uploaded::UploadedPackage;

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
/// By [`ErrorKind`](crate::ErrorKind): `Config` and `File` before any socket is opened (`Config` also for
/// [`Upload::skip_existing`], which is for the calls that wait; `File` also if the file changes while it is sent);
/// `Connect`, `Rejected` and `Interrupted` if no package was made; `OutcomeUnknown` if one may have been made, in which
/// case [`may_have_been_accepted`](crate::Error::may_have_been_accepted) is true and
/// [`find_upload`](crate::find_upload) searches for it.
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
    Opened::new(client, app, upload)?.upload()
}

/// Uploads a package and waits until it is ready to be deployed. `Ok` means that it is.
///
/// After the upload, as by [`upload_package`], this waits for the job, as [`wait_for_job`](crate::wait_for_job) does. If the
/// upload got no usable response, it searches for the package, as [`find_upload`](crate::find_upload) does, and waits for that
/// one: **an upload that may have been accepted is never repeated**. Give the package a unique name ([`Upload::with_name`]), so
/// that it can be found. With [`Upload::skip_existing`], a package that already exists is not uploaded, so the same call can be
/// made again.
///
/// Blocks for as long as the upload, and then for at most the timeout of [`Poll`](crate::Poll) (30 min by default) and a few
/// requests.
///
/// # Errors
/// Those of [`upload_package`]. `OutcomeUnknown` means that the package was not found either, or cannot be told from others; if
/// the list of packages could not be read, the reason is its source. Once the package is known, every error has its id, and the
/// id of the job, and says which call resumes: `JobFailed` if the package cannot be
/// deployed; `StillRunning` on timeout; `Rejected`, `Connect` or `NoAnswer`, as in `wait_for_job`. With `skip_existing`,
/// `Config` also means that the name belongs to another build, and `Connect`, `Rejected` and `NoAnswer` that the packages could
/// not be listed, so that nothing was uploaded.
///
/// ```no_run
/// use mendix_deploy::{Client, Upload, upload_and_wait};
///
/// let client = Client::from_env()?;
/// let upload = Upload::new("calc.mda").with_name("calc_1.0.0.45.mda");
/// let package = upload_and_wait(&client, &"calc".parse()?, &upload)?;
/// println!("package {package} is ready");
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn upload_and_wait(client: &Client, app: &AppId, upload: &Upload) -> Result<PackageId> {
    let began = Instant::now();
    let ready = Opened::new(client, app, upload)?.until_ready(&Resume::WAIT)?;
    let (app, package_id, elapsed) = (app.clone(), ready.package.clone(), began.elapsed());
    client.notify(&Event::Done { app, environment: None, package_id, elapsed });
    Ok(ready.package)
}
