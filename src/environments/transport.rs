//! Deploy API v1, "Transport a Deployment Package to an Environment".

use std::time::Instant;

use super::at::At;
use super::step::{Repeatable, refused};
use crate::answer::Verdicts;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::event::DeployStep;
use crate::id::{AppId, EnvironmentName, PackageId, Short};
use crate::wait::Look;

/// The package is not ready yet.
const LATER: &str = "SERVICE UNAVAILABLE";
pub(crate) const APP_IS_RUNNING: &str = "APP_IS_RUNNING";

const RIGHTS: &str = "the user needs Transport Rights for this environment (Permissions tab of the Environments page)";
const CODES: [(&str, &str); 8] = [
    ("INVALID_RUNTIME_VERSION", "the environment does not have the version of Mendix that the package was made with"),
    ("NO_ACCESS", RIGHTS),
    ("TRANSPORT_NOT_ALLOWED", RIGHTS),
    (APP_IS_RUNNING, "stop it first (stop_environment)"),
    ("NOT ALLOWED", "the package is no use: check how it was built, and upload it again"),
    (
        "PACKAGE_NOT_FOUND",
        "it may have expired (after 15 days, unless deployed), or belong to another app; upload it again",
    ),
    ("PACKAGE_PARSE_FAILED", "the package is no use: check how it was built, and upload it again"),
    (LATER, "it is not ready yet: wait_for_package waits until it is"),
];

/// Puts a package on an environment, and waits until it is there (Deploy API v1, "Transport a Deployment Package to an
/// Environment"). `Ok` means that [`environment_package`](crate::environment_package) names it, now or before.
///
/// The app does not run the package until it is stopped and started. Stop it first: whether a package can be transported
/// while the app runs is not clear from the documentation. While the service is still processing the package, this waits.
/// If no answer to the request comes, the package on the environment tells whether it was carried out; it is repeated if
/// that is another one after ten polling intervals.
///
/// Blocks as [`stop_environment`](crate::stop_environment) does. The user needs API Rights and Transport Rights for the
/// environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the package's id: `StillRunning` on timeout; `Rejected`, such as
/// `APP_IS_RUNNING` or `INVALID_RUNTIME_VERSION`, with what helps; `Connect` or `NoAnswer` after an outage. If there is no
/// environment of that name, the error lists those that there are.
pub fn transport_package(
    client: &Client,
    app: &AppId,
    environment: &EnvironmentName,
    package: &PackageId,
) -> Result<()> {
    let (at, mut on_it) = (At { client, app, environment }, None);
    transport(at, package, &mut on_it).map_err(|error| {
        let on_it = on_it.map_or_else(|| "what it has".to_owned(), |on_it| format!("package {on_it}"));
        at.listing_names(error).with_note(&format!(
            "; environment {environment} keeps {on_it} until package {package} is there: transport_package looks first, and \
             goes on from there"
        ))
    })
}

/// `on_it`: the package that was seen on it last.
pub(crate) fn transport(at: At, package: &PackageId, on_it: &mut Option<PackageId>) -> Result<()> {
    let begun = Instant::now();
    let undone = format!("package {package} was not transported to {}", at.name());
    let body = serde_json::json!({ "PackageId": package }).to_string();
    let to = format!("transport package {package} to ");
    let call = at.post("/transport", body, &to, Verdicts { kind: ErrorKind::Rejected, undone, codes: &CODES });
    let mut is_there = || {
        *on_it = at.package()?.map(|on_it| on_it.package_id);
        Ok(on_it.as_ref().is_some_and(|on_it| package.is_same_as(on_it.as_str())))
    };
    let short = Short(package.as_str());
    let mut request = Repeatable::new(&at.client.poll);
    let done = at.until_done(&format!("the transport of package {package} to"), || {
        if is_there()? {
            return Ok(Look::ended(Ok(())));
        }
        match request.make(at, || call.once(|_| Some(()))) {
            Ok(is_answered) if is_answered && is_there()? => Ok(Look::ended(Ok(()))),
            Ok(_) => Ok(Look::not_yet(format_args!("package {short} is not yet on it"), None)),
            Err(error) if is_too_early(&error) => {
                Ok(Look::not_yet(format_args!("package {short} is still being processed"), error.retry_after()))
            }
            Err(error) => refused(error),
        }
    });
    done.map_err(|error| error.with_package(package))?;
    at.notify(DeployStep::Transported { package: package.clone() }, begun.elapsed());
    Ok(())
}

fn is_too_early(error: &Error) -> bool {
    error.status() == Some(503) && error.has_code(LATER)
}
