//! Handles a request: configured faults, credentials, and all calls except those about environments.

use std::io::{self, BufRead, Read};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::codes::{self, CONFIGURED};
use super::fault::Fault;
use super::form;
use super::incoming::{Request, Stop, check_end, refused};
use super::operations;
use super::route::{Call, Route, percent_decoded};
use super::runtime::Environment;
use super::state::{State, lock};
use super::store::without;

pub(super) const USERNAME: &str = "richard.ford51@example.com";
pub(super) const API_KEY: &str = "26587896-1cef-4483-accf-ad304e2673d6";
/// The maximum length of a body: 1 GiB for the file (documented as 1 GB), plus the multipart envelope.
const MAX_BODY: u64 = (1 << 30) + (1 << 20);
/// The documentation's example of a project id.
const PROJECT_ID: &str = "fae5de74-69c2-4488-a4de-abf89daac63e";
/// Default of [`keep_up_to`](super::Emulator::keep_up_to).
const KEPT: u64 = 1 << 20;
/// The socket buffers of both ends hold no more than this.
const BUFFERED: u64 = 64 << 20;

/// Returns the body of a success.
pub(super) fn answer(request: &mut Request<impl BufRead>, state: &Mutex<State>) -> Result<String, Stop> {
    let not_found = || refused(404, "API not found");
    let route = Route::of(&request.path).ok_or_else(not_found)?;
    if request.method != route.method() {
        return Err(refused(405, format!("only {} is allowed here", route.method())));
    }
    let fault = lock(state).faults.take(route.kind());
    if let Some(fault) = fault {
        fail(request, &route, fault)?;
    }
    if route.is_v1() && lock(state).refuses_v1 {
        return Err(not_found());
    }
    if lock(state).refuses_credentials
        || request.only("Mendix-Username") != Some(USERNAME)
        || request.only("Mendix-ApiKey") != Some(API_KEY)
    {
        return Err(refused(401, ""));
    }
    if route.queries().is_some_and(|queries| !queries.contains(&request.query.as_str())) {
        return Err(refused(400, "this query is not known"));
    }
    let answer = carry_out(request, route, fault, state)?;
    match fault {
        Some(Fault::NoAnswer | Fault::NoAnswerButTwice) => Err(hang_up()),
        Some(Fault::Body(text)) => Ok(text.to_owned()),
        _ => Ok(answer.to_string()),
    }
}

/// Faults that prevent a call from being carried out.
fn fail(request: &mut Request<impl BufRead>, route: &Route, fault: Fault) -> Result<(), Stop> {
    match fault {
        Fault::StatusAtOnce(status) => Err(configured(status)),
        Fault::Hang => Err(Stop::Hung),
        Fault::Status(status) => {
            request.skip_body()?;
            Err(configured(status))
        }
        // Calls about environments validate the request first.
        Fault::Code(code) if !matches!(route.call, Call::Environment(..)) => {
            request.skip_body()?;
            Err(codes::documented(code).into())
        }
        Fault::DisconnectAfter(bytes) => {
            let length = request.content_length().unwrap_or(0);
            if bytes >= length || length - bytes > BUFFERED {
                io::copy(&mut request.body()?.take(bytes), &mut io::sink())?;
            }
            Err(hang_up())
        }
        _ => Ok(()),
    }
}

fn carry_out(
    request: &mut Request<impl BufRead>,
    Route { app, call }: Route,
    fault: Option<Fault>,
    state: &Mutex<State>,
) -> Result<Value, Stop> {
    Ok(match call {
        Call::Upload => {
            let keep = lock(state).keep.unwrap_or(KEPT);
            let (name, part) = upload(request, keep)?;
            let record = || lock(state).record(app.clone(), name.clone(), part.clone());
            if fault == Some(Fault::NoAnswerButTwice) {
                record()?;
            }
            let (package, job) = record()?;
            json!({ "PackageId": package, "JobId": job })
        }
        Call::Job(job) => {
            let status = lock(state).poll(&app, &job);
            let status = status.ok_or_else(|| refused(404, format!("app {app} has no job {job}")))?;
            json!({ "Status": status })
        }
        Call::App => json!({
            "AppId": app,
            "Name": format!("The app {app}"),
            "ProjectId": PROJECT_ID,
            "Url": format!("https://{app}.mendixcloud.com"),
        }),
        Call::Packages => lock(state).packages(&app, None).into(),
        Call::Package(package) => {
            let found = lock(state).package(&app, &package);
            found.ok_or(codes::NO_SUCH_PACKAGE)?
        }
        Call::Environments => {
            let mut state = lock(state);
            let shown: Vec<_> = state.environments(&app).map(Environment::shown).collect();
            shown.into_iter().map(|shown| without(&state.omitted, shown)).collect()
        }
        Call::Environment(mode, about) => operations::answer(request, (&app, &mode), about, fault, state)?,
    })
}

fn configured(status: u16) -> Stop {
    let status = if (200..=599).contains(&status) { status } else { 500 };
    refused(status, CONFIGURED)
}

fn hang_up() -> Stop {
    Stop::Broken(io::ErrorKind::ConnectionAborted.into())
}

/// Reads an upload: the name of the package, and its file, of which the content is kept up to `keep` bytes.
fn upload(request: &mut Request<impl BufRead>, keep: u64) -> Result<(String, form::Part), Stop> {
    let name = package_name(&request.query)?;
    let length = request.content_length().ok_or_else(|| refused(411, "an upload needs a Content-Length"))?;
    if length > MAX_BODY {
        return Err(refused(413, "a package has at most 1 GB"));
    }
    let boundary = form::boundary(request.only("Content-Type")).map(str::to_owned);
    let boundary = boundary.ok_or_else(|| refused(400, "Content-Type must be multipart/form-data with a boundary"))?;
    let mut body = request.body()?;
    let part = form::receive(&mut body, &boundary, keep)?;
    check_end(&body)?;
    if part.size == 0 {
        return Err(refused(400, "the file is empty"));
    }
    Ok((name, part))
}

/// The only query parameter, or the service's default.
fn package_name(query: &str) -> Result<String, Stop> {
    if query.is_empty() {
        return Ok("default.mda".to_owned());
    }
    let name = query
        .strip_prefix("name=")
        .filter(|name| !name.contains('&'))
        .and_then(percent_decoded)
        .filter(|name| !name.is_empty());
    name.ok_or_else(|| refused(400, "the query must be name=, percent-encoded UTF-8"))
}
