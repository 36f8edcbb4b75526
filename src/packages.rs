//! Build API (part of the Deploy API v1), "Retrieve Packages" and "Retrieve Package": lists the packages of an app, and
//! waits for one.

mod package;

use std::cmp::Reverse;
use std::fmt;
use std::time::{Duration, Instant};

use crate::answer;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::http::Reply;
use crate::id::{AppId, PackageId, Short};
use crate::poll::{self, Poll, Polled, Subject};
use crate::status::PackageStatus;

pub use package::Package;

/// The maximum length of a list, in bytes: about 25,000 packages, and there are no pages.
const LIST_MAX: usize = 8 * 1024 * 1024;

/// Lists the packages of an app, newest first. Those whose age the API does not tell come last; an entry without an id is
/// left out.
///
/// Makes one request and retries transient errors as configured by [`Retry`](crate::Retry). Each attempt blocks for at
/// most twice the connect timeout plus the response timeout (60 s by default). A list of more than 8 MiB is an error.
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

/// Waits until a package is ready to be deployed, and returns it. `Ok` means that its status is `Succeeded`, and nothing
/// else.
///
/// Waits as [`wait_for_job`](crate::wait_for_job) does: temporary failures of the API do not end the wait, and in the
/// first 30 s, a 404 is taken to mean that the package is not visible yet. Blocks for at most the timeout of `poll` plus
/// one request. The user needs API Rights for the app.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the package's id: `JobFailed` if its status is `Failed`; `StillRunning` on
/// timeout (call again to resume waiting); `Rejected` at once for a refusal such as 401 or 403; `Connect`, `Rejected` or
/// `NoAnswer` after an outage, with the last failure as its source.
pub fn wait_for_package(client: &Client, app: &AppId, package: &PackageId, poll: &Poll) -> Result<Package> {
    let subject = One { client, app, id: package };
    let call = subject.call();
    let ask = || {
        call.once(|reply| {
            let status = subject.read(reply).filter(|Report(package)| !package.status.as_str().is_empty())?;
            Some(Polled { status, retry_after: reply.retry_after })
        })
    };
    let last = poll::until(poll, &mut Instant::now(), &subject, ask).map_err(|error| error.with_package(package))?;
    let Report(last) = last;
    if last.status == PackageStatus::Succeeded {
        return Ok(last);
    }
    let message = format!("package {package} failed, so it cannot be deployed; see the Environments page of app {app}");
    Err(Error::new(ErrorKind::JobFailed, message).with_package(package))
}

/// One request for one package.
pub(crate) fn one(client: &Client, app: &AppId, id: &PackageId) -> Result<Package> {
    let one = One { client, app, id };
    one.call().once(|reply| one.read(reply)).map(|Report(package)| package)
}

pub(crate) fn list_call<'a>(client: &'a Client, app: &AppId) -> Call<'a> {
    let what = format!("the request for the packages of app {app}");
    let call = Call::get(client, format!("/api/1/apps/{app}/packages"), what, not_found(app));
    Call { response_max: LIST_MAX, ..call }
}

/// A hint for a 404 of a call of v1.
pub(crate) fn not_found(app: &AppId) -> String {
    format!(
        "{}; this is a call of v1: whatever is in between must let /api/1 through as well",
        answer::app_not_found(app)
    )
}

pub(crate) fn read_list(reply: &Reply) -> Option<Vec<Package>> {
    let mut packages: Vec<_> = reply.list()?.iter().filter_map(Package::listed).collect();
    packages.sort_by_key(|package| Reverse(package.created));
    packages.dedup_by(|one, other| one.package_id == other.package_id);
    Some(packages)
}

/// One package that is waited for.
struct One<'a> {
    client: &'a Client,
    app: &'a AppId,
    id: &'a PackageId,
}

/// What a poll says of a package. Only a change of its status is news.
struct Report(Package);

impl PartialEq for Report {
    fn eq(&self, other: &Report) -> bool {
        self.0.status == other.0.status
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.status.fmt(f)
    }
}

impl<'a> One<'a> {
    fn call(&self) -> Call<'a> {
        let path = format!("/api/1/apps/{}/packages/{}", self.app, self.id);
        let not_found = format!("no package of this app has that id, or {}", not_found(self.app));
        Call::get(self.client, path, format!("the request for {}", self.name()), not_found)
    }

    fn read(&self, reply: &Reply) -> Option<Report> {
        Package::asked_for(self.id, &reply.json()).map(Report)
    }
}

impl Subject for One<'_> {
    type Status = Report;

    const MAY_APPEAR_LATE: bool = true;

    fn name(&self) -> String {
        format!("package {} of app {}", self.id, self.app)
    }

    fn resume(&self) -> &'static str {
        "call wait_for_package with this package"
    }

    fn has_ended(&self, Report(package): &Report) -> bool {
        matches!(package.status, PackageStatus::Succeeded | PackageStatus::Failed)
    }

    fn polled(&self, report: &Report, elapsed: Duration, next_poll: Option<Duration>, routine: bool) {
        let (app, package_id, status) = (self.app.clone(), self.id.clone(), report.0.status.clone());
        self.client.notify(&Event::PackagePolled { app, package_id, status, elapsed, next_poll, routine });
    }

    fn poll_failed(&self, error: &Error, outage: Duration, next_poll: Duration, routine: bool) {
        let subject = format!("package {}", Short(self.id.as_str()));
        let (app, reason) = (self.app.clone(), self.call().reason(error));
        self.client.notify(&Event::PollFailed { app, subject, outage, next_poll, reason, routine });
    }
}
