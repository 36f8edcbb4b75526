//! Build API (part of the Deploy API v1), "Retrieve Packages" and "Retrieve Package": lists the packages of an app, and
//! waits for one.

mod package;

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::answer;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::event::Subject;
use crate::http::Reply;
use crate::id::{AppId, PackageId};
use crate::status::PackageStatus;
use crate::wait::{Polled, Wait};

pub use package::Package;

/// The maximum length of a list, in bytes: about 35,000 packages, and there are no pages.
const LIST_MAX: usize = 12 * 1024 * 1024;

/// Lists the packages of an app, newest first. Packages without a date come last; an entry without an id is left out.
///
/// Makes one request and retries transient errors as configured by [`Retry`](crate::Retry). Each attempt blocks for at
/// most twice the connect timeout plus the response timeout (60 s by default). A list of more than 12 MiB is an error.
///
/// The user needs API Rights for the app. Packages that are not deployed expire within 15 days.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Connect`, `Rejected` (such as 401, 403 or 404), or `NoAnswer` without a usable
/// response.
///
/// ```no_run
/// let client = mendix_deploy::Client::from_env()?;
/// for package in mendix_deploy::list_packages(&client, &"calc".parse()?)? {
///     println!("{} {} {}", package.package_id, package.name, package.status);
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn list_packages(client: &Client, app: &AppId) -> Result<Vec<Package>> {
    list_call(client, app).with_retry(read_list)
}

/// Waits until a package is ready to be deployed, and returns it. `Ok` means that its status is `Succeeded`.
///
/// Waits as [`wait_for_job`](crate::wait_for_job) does: temporary failures of the API do not end the wait, and in the
/// first 30 s, a 404 means that the package is not visible yet. Blocks for at most the timeout of
/// [`Poll`](crate::Poll) plus one request. The user needs API Rights for the app.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the package's id: `JobFailed` if its status is `Failed`; `StillRunning` on
/// timeout (call again to resume waiting); `Rejected` for a refusal such as 401 or 403; `Connect`, `Rejected` or `NoAnswer`
/// after an outage, with the last failure as its source.
pub fn wait_for_package(client: &Client, app: &AppId, package: &PackageId) -> Result<Package> {
    wait(client, app, package, |wait| wait.resumed_by("resume the wait", "wait_for_package"))
}

/// The same as a step of another call, which adapts it by `set`.
pub(crate) fn wait<'a>(
    client: &'a Client,
    app: &'a AppId,
    package: &PackageId,
    set: impl FnOnce(Wait<'a>) -> Wait<'a>,
) -> Result<Package> {
    let (call, subject) = (one_call(client, app, package), Subject::Package(package.clone()));
    let wait = set(Wait::new(client, app, subject, format!("waiting for {}", name(app, package))).may_appear_late());
    let read = |reply: &Reply| {
        let found = Package::asked_for(package, &reply.json())?;
        let status = Some(found.status.to_string()).filter(|status| !status.is_empty())?;
        let end = match found.status {
            PackageStatus::Succeeded => Some(Ok(found)),
            PackageStatus::Failed => Some(Err(failed(app, package))),
            _ => None,
        };
        Some(Polled::at(status, reply.retry_after).with_end(end))
    };
    wait.until_end(|| call.once(read)).map_err(|error| error.with_package(package))
}

/// Makes one request for one package.
pub(crate) fn one(client: &Client, app: &AppId, id: &PackageId) -> Result<Package> {
    one_call(client, app, id).once(|reply| Package::asked_for(id, &reply.json()))
}

fn one_call<'a>(client: &'a Client, app: &'a AppId, id: &PackageId) -> Call<'a> {
    let not_found = format!("no package of this app has that id; or {}", not_found(app));
    Call::v1(client, app, format!("/packages/{id}"), format!("the request for {}", name(app, id)), not_found)
}

fn name(app: &AppId, id: &PackageId) -> String {
    format!("package {id} of app {app}")
}

fn failed(app: &AppId, package: &PackageId) -> Error {
    let message = format!("{} failed, so it cannot be deployed", name(app, package));
    Error::new(ErrorKind::JobFailed, message).with_advice(Advice::new("see the app's Environments page", &[]))
}

pub(crate) fn list_call<'a>(client: &'a Client, app: &'a AppId) -> Call<'a> {
    let what = format!("the request for the packages of app {app}");
    let call = Call::v1(client, app, "/packages".to_owned(), what, not_found(app));
    Call { response_max: LIST_MAX, ..call }
}

/// A hint for a 404 of a call of v1.
pub(crate) fn not_found(app: &AppId) -> String {
    format!("{}, and that a gateway lets calls of v1 (/api/1) through", answer::app_not_found(app))
}

pub(crate) fn read_list(reply: &Reply) -> Option<Vec<Package>> {
    Some(read_entries(reply)?.into_iter().map(|(package, _)| package).collect())
}

/// The same, each with its name trimmed but not sanitized: for comparisons, never for display.
pub(crate) fn read_entries(reply: &Reply) -> Option<Vec<(Package, String)>> {
    let mut entries = reply.list(|object| Some((Package::listed(object)?, object.raw("Name").unwrap_or_default())))?;
    // Of two entries with the same id, the one with a date comes first.
    entries.sort_by_key(|(package, _)| Reverse(package.created));
    let mut ids = HashSet::new();
    entries.retain(|(package, _)| ids.insert(package.package_id.clone()));
    Some(entries)
}
