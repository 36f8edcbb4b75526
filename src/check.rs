//! A dry run: checks whatever can be checked without uploading anything.

use crate::call::{Call, JSON};
use crate::client::Client;
use crate::error::Result;
use crate::id::AppId;
use crate::packages;
use crate::upload::{Opened, Upload};

/// Checks an upload without uploading anything. `Ok` means that
///
/// - the file can be read, is not larger than `upload` allows, and is a zip archive that has up to 1 GiB and 64,000 files
///   when unpacked, which is what Mendix Cloud documents for deployment (not checked with
///   [`Upload::without_content_check`]);
/// - the API can be reached, through the proxy if there is one, and its certificate is trusted;
/// - it accepts the credentials and knows the app.
///
/// It cannot see whether the user has API Rights for the app, or whether the content is a valid package.
///
/// The file is checked first. Then *Retrieve App* of the Deploy API v1 is called, which only reads: v2 has no such call.
/// Transient errors are retried as configured by [`Retry`](crate::Retry). Each attempt blocks for at most twice the connect
/// timeout plus the response timeout (60 s by default).
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Config` and `File` before any socket is opened; `Connect`; `Rejected`, such as
/// 401 or 404; `NoAnswer` without a usable response.
///
/// ```no_run
/// use mendix_deploy::{Client, Upload, check};
///
/// let client = Client::from_env()?;
/// check(&client, &"calc".parse()?, &Upload::new("calc.mda"))?;
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn check(client: &Client, app: &AppId, upload: &Upload) -> Result<()> {
    Opened::new(client, app, upload)?.check_unpacked()?;
    retrieve_app(client, app)
}

/// The cheapest call that needs the credentials and the app.
pub(crate) fn retrieve_app(client: &Client, app: &AppId) -> Result<()> {
    let what = format!("the request for app {app}");
    let call = Call::v1(client, app, String::new(), what, packages::not_found(app));
    let call = Call { content_type: JSON, ..call };
    call.with_retry(|reply| reply.json().text("AppId"))?;
    Ok(())
}
