//! Finds the package of an upload of unknown outcome in the package list of v1.

mod list;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use list::{List, Verdict};

use crate::client::Client;
use crate::error::{Advice, Error, ErrorKind, Result, UnknownUpload};
use crate::event::{Event, Subject};
use crate::id::{AppId, JobId, PackageId};
use crate::job;
use crate::packages::{self, Package};
use crate::text;
use crate::units::Seconds;
use crate::wait::{Polled, Wait};

const NOT_LISTED: &str = "not listed";
/// What the server calls a package that was given no name (Deploy API v2, "Request Parameters").
const DEFAULT_NAME: &str = "default.mda";

/// Searches for the package of an upload whose outcome is unknown, and **never uploads anything**.
///
/// `unknown` is the error of the upload, of kind [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), which knows what was uploaded
/// and when. If it has the id of the package or of the job, the API is asked for that first. Otherwise the package is the only
/// one of the app that has this name and size and was made since the upload began. Its age is the `Date` of the server's
/// response minus its `CreationDate`, so it does not matter if the local clock is wrong. A package may be listed late, and its
/// size and date even later, so this polls until the timeout of [`Poll`](crate::Poll) (30 min if it has none).
///
/// The returned package may have any status: pass its id to [`wait_for_package`](crate::wait_for_package). If none is found,
/// that is an error, but **does not prove** that the upload was not accepted.
///
/// Give each upload a name that no other package has, for example with the number of the build
/// ([`Upload::with_name`](crate::Upload::with_name)). An older package of that name is never taken for the upload's. Where
/// packages cannot be told apart, this does not guess: the error names them. That is so if several of that name were made
/// since the upload began, or one of another size or unknown age; or if at the timeout only older ones have the name, or
/// others the size.
///
/// Blocks for at most the timeout of `Poll` plus two requests. The user needs API Rights for the app. The
/// [guide](crate::guide::unknown_outcome) explains the search, and what it relies on.
///
/// # Errors
/// Each error can be passed to this function again: [`may_have_been_accepted`](Error::may_have_been_accepted) stays true, and
/// known ids are kept. By [`ErrorKind`]: `OutcomeUnknown` if the package was not found, or cannot be told from others;
/// `JobFailed` if the job is known and has failed; `Connect`, `Rejected`, `NoAnswer` and `StillRunning`, as in
/// `wait_for_package`, if the list could not be read. `Config` means that `unknown` is not the error of an upload of unknown
/// outcome to this app.
///
/// ```no_run
/// use mendix_deploy::{Client, ErrorKind, Upload};
/// use mendix_deploy::{find_upload, upload_package, wait_for_package};
///
/// let (client, app) = (Client::from_env()?, "calc".parse()?);
/// let upload = Upload::new("calc.mda").with_name("calc_1.0.0.45.mda");
///
/// let package = match upload_package(&client, &app, &upload) {
///     Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
///         find_upload(&client, &app, &error)?.package_id
///     }
///     result => result?.package_id,
/// };
/// wait_for_package(&client, &app, &package)?;
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn find_upload(client: &Client, app: &AppId, unknown: &Error) -> Result<Package> {
    find(client, app, unknown, Instant::now())
}

/// The same as a step of a call that has waited since `began`.
pub(crate) fn find(client: &Client, app: &AppId, unknown: &Error, began: Instant) -> Result<Package> {
    let found = match unknown.upload() {
        Some(upload) if upload.app == *app => {
            let (package_id, job_id) = (unknown.package_id(), unknown.job_id());
            Search { client, upload, package_id, job_id, began, open: RefCell::default() }.run()
        }
        Some(UnknownUpload { app: other, .. }) => {
            Err(Error::config(format!("the upload of unknown outcome was to app {other}, not to app {app}")))
        }
        None => {
            let kind = unknown.kind();
            Err(Error::config(format!("there is no upload of unknown outcome in this error, which is {kind:?}")))
        }
    };
    found.map_err(|error| {
        let error = unknown.upload().cloned().into_iter().fold(error, Error::with_upload);
        error.with_ids(unknown.package_id(), unknown.job_id())
    })
}

/// Whether the package of an upload can be recognized: by its id, or by its name.
pub(crate) fn can_be_found(upload: &UnknownUpload, package: Option<&PackageId>) -> bool {
    upload.name.is_some() || package.is_some()
}

/// What is searched for: the package if its id is known, or its name.
pub(crate) fn sought(upload: &UnknownUpload, package: Option<&PackageId>) -> String {
    let name = || text::name(upload.name.as_deref().unwrap_or(DEFAULT_NAME));
    package.map_or_else(name, |id| format!("package {id}"))
}

/// A search for the package of an upload.
struct Search<'a> {
    client: &'a Client,
    upload: &'a UnknownUpload,
    package_id: Option<&'a PackageId>,
    job_id: Option<&'a JobId>,
    /// When the call began.
    began: Instant,
    /// The error to return on timeout.
    open: RefCell<Option<Error>>,
}

impl Search<'_> {
    fn run(&self) -> Result<Package> {
        if !can_be_found(self.upload, self.package_id) {
            let app = &self.upload.app;
            let message = format!(
                "cannot search for an upload without a name among the packages of app {app}: all of those are called \
                 {DEFAULT_NAME}"
            );
            let advice = "check the app's Environments page, and give each upload a name of its own next time";
            return Err(Error::new(ErrorKind::OutcomeUnknown, message)
                .with_package_note("a package may exist")
                .with_advice(Advice::new(advice, &["Upload::with_name"])));
        }
        let (app, sought) = (&self.upload.app, self.sought());
        let name = format!("the search for {sought} among the packages of app {app}");
        let wait = Wait::new(self.client, app, Subject::Upload(sought.clone()), name)
            .limited_since(self.began)
            .resumed_by("search again", "find_upload");
        let (app, timeout, reason) = (app.clone(), wait.timeout().unwrap_or_default(), self.upload.why.clone());
        self.client.notify(&Event::Searching { app, sought, timeout, reason });
        let (mut has_polled, searched) = (false, Instant::now());
        let end = wait.until_end(|| {
            let polled = self.poll()?;
            has_polled = true;
            Ok(polled)
        });
        let polled = searched.elapsed();
        end.map_err(|error| match error.kind() {
            ErrorKind::StillRunning if has_polled => match self.open.take() {
                Some(open) => open.with_setting("Poll::with_timeout"),
                None => self.not_found(polled),
            },
            ErrorKind::JobFailed | ErrorKind::OutcomeUnknown => error,
            _ => {
                let sought = self.sought();
                error.with_package_note(format!("whether {sought} exists is still unknown, so do not upload again yet"))
            }
        })
    }

    fn not_found(&self, polled: Duration) -> Error {
        let (why, sought, polled) = (&self.upload.why, self.sought(), Seconds(polled));
        let advice = "check the Environments page before you upload again";
        Error::of_request(ErrorKind::OutcomeUnknown, why.as_str(), "")
            .with_package_note(format!("a package may exist: {sought} was not listed within {polled}"))
            .with_advice(Advice::new(advice, &["find_upload"]))
    }

    /// Requests what is known by its id, and then the list: v1 may not know the id, or not yet.
    fn poll(&self) -> Result<Polled<Package>> {
        let (client, app) = (self.client, &self.upload.app);
        if let Some(id) = self.package_id {
            if let Some(package) = unless_unknown(packages::one(client, app, id))? {
                return Ok(found(package));
            }
        } else if let Some(id) = self.job_id {
            unless_unknown(job::check_not_failed(client, app, id))?;
        }
        let asked = self.upload.began.elapsed();
        let (list, retry_after) = packages::list_call(client, app).once(|reply| {
            let (entries, elapsed) = (packages::read_entries(reply)?, self.upload.began.elapsed());
            Some((List { entries, date: reply.date, asked, elapsed }, reply.retry_after))
        })?;
        if let Some((package, _)) =
            list.entries.iter().find(|(package, _)| Some(&package.package_id) == self.package_id)
        {
            return Ok(found(package.clone()));
        }
        let Some(name) = &self.upload.name else { return Ok(Polled::at(NOT_LISTED, retry_after)) };
        // The status to report, and the error to return on timeout.
        let (said, open) = match list.search(name, self.upload.size) {
            Verdict::Found(package) => return Ok(found(package)),
            Verdict::Unclear(packages) => {
                return Ok(Polled::ended(Err(list.unclear(self.upload, which_of(&packages), &packages))));
            }
            Verdict::NotYet(packages) => {
                let statuses: Vec<_> = packages.iter().map(|package| package.status.as_str()).collect();
                (statuses.join(", "), Some(list.unclear(self.upload, which_of(&packages), &packages)))
            }
            Verdict::NotListed { similar, older } => {
                let which = match (similar.is_empty(), &older) {
                    (true, None) => None,
                    (false, None) => Some("none has that name, but these have its size and time"),
                    (true, Some(_)) => Some("every package of that name is older, the youngest one is"),
                    (false, Some(_)) => Some("none of that time has that name; the closest are"),
                };
                let named: Vec<_> = similar.into_iter().chain(older).collect();
                (NOT_LISTED.to_owned(), which.map(|which| list.unclear(self.upload, which, &named)))
            }
        };
        self.open.replace(open);
        Ok(Polled::at(said, retry_after))
    }

    fn sought(&self) -> String {
        sought(self.upload, self.package_id)
    }
}

fn which_of(candidates: &[Package]) -> &'static str {
    match candidates {
        [_] => "the only package of that name may be another one",
        _ => "several packages have that name",
    }
}

fn found(package: Package) -> Polled<Package> {
    Polled::at(format_args!("found as package {}", package.package_id), None).with_end(Some(Ok(package)))
}

/// The result of a request by id; `None` if nothing has that id.
fn unless_unknown<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if matches!(error.status(), Some(400 | 404)) => Ok(None),
        result => result.map(Some),
    }
}
