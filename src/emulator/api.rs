//! The calls: routing, handling, and responses.

use std::io::{self, BufRead, Read, Write};
use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::codes::{self, TOLD};
use super::deploy;
use super::environments::Environment;
use super::fault::Fault;
use super::form;
use super::packages::without;
use super::request::{Head, Stop, check_end, refused};
use super::route::{Route, percent_decoded};
use super::state::{State, lock};
use crate::http::reason;

pub(super) const USERNAME: &str = "richard.ford51@example.com";
pub(super) const API_KEY: &str = "26587896-1cef-4483-accf-ad304e2673d6";
/// The maximum length of a body: 1 GiB for the file (documented as 1 GB), plus the multipart envelope.
const MAX_BODY: u64 = (1 << 30) + (1 << 20);
/// The documentation's example of one.
const PROJECT_ID: &str = "fae5de74-69c2-4488-a4de-abf89daac63e";
/// The content of files of up to this many bytes is kept, unless it is set.
const KEPT: u64 = 1 << 20;
/// The buffers of both systems hold no more than this.
const BUFFERED: u64 = 64 << 20;
/// A recorded response of the real service, byte for byte.
const UNAUTHORIZED: &str = r#"{"errorMessage":"UNAUTHORIZED:Please provide valid credentials or set up a Mendix user session","errorCode":"UNAUTHORIZED"}"#;

/// Handles one request. Sends `100 Continue` to `client` if it waits for that.
pub(super) fn answer(
    head: &Head,
    body: &mut impl BufRead,
    mut client: impl Write,
    state: &Mutex<State>,
) -> Result<String, Stop> {
    let not_found = || refused(404, "API not found");
    let route = Route::of(&head.path).ok_or_else(not_found)?;
    if head.method != route.method() {
        return Err(refused(405, format!("only {} is allowed here", route.method())));
    }
    let fault = route.take_fault(&mut lock(state));
    match fault {
        Some(Fault::StatusAtOnce(status)) => return Err(told_to_answer(status)),
        Some(Fault::Hang) => return Err(Stop::Hung),
        Some(Fault::Status(status)) => {
            receive(head, body, &mut client)?;
            return Err(told_to_answer(status));
        }
        // The calls about environments look at the request first.
        Some(Fault::Code(code)) if !matches!(route, Route::Environment(..)) => {
            receive(head, body, &mut client)?;
            return Err(codes::documented(code).into());
        }
        Some(Fault::DisconnectAfter(bytes)) => {
            let length = head.content_length().unwrap_or(0);
            if bytes >= length || length - bytes > BUFFERED {
                invite(head, &mut client)?;
                io::copy(&mut body.take(bytes.min(length)), &mut io::sink())?;
            }
            return Err(hang_up());
        }
        _ => {}
    }
    if route.is_v1() && lock(state).refuses_v1 {
        return Err(not_found());
    }
    if lock(state).refuses_credentials
        || head.only("Mendix-Username") != Some(USERNAME)
        || head.only("Mendix-ApiKey") != Some(API_KEY)
    {
        return Err(refused(401, ""));
    }
    if route.queries().is_some_and(|queries| !queries.contains(&head.query.as_str())) {
        return Err(refused(400, "this query is not known"));
    }
    let answer = match route {
        Route::Upload(app) => {
            let keep = lock(state).keep.unwrap_or(KEPT);
            let (name, part) = upload(head, body, client, keep)?;
            let times = if fault == Some(Fault::NoAnswerButTwice) { 2 } else { 1 };
            let mut answer = Value::Null;
            for _ in 0..times {
                let recorded = lock(state).record(app.clone(), name.clone(), part.clone());
                let (package, job) = recorded.map_err(|error| refused(500, error.to_string()))?;
                answer = json!({ "PackageId": package, "JobId": job });
            }
            answer
        }
        Route::Job(app, job) => {
            let status = lock(state).poll(&app, &job);
            let status = status.ok_or_else(|| refused(404, format!("app {app} has no job {job}")))?;
            json!({ "Status": status })
        }
        Route::App(app) => json!({
            "AppId": app,
            "Name": format!("The app {app}"),
            "ProjectId": PROJECT_ID,
            "Url": format!("https://{app}.mendixcloud.com"),
        }),
        Route::Packages(app) => lock(state).packages(&app, None).into(),
        Route::Package(app, package) => {
            let found = lock(state).package(&app, &package);
            found.ok_or_else(|| refused(404, "Package or build job not found"))?
        }
        Route::Environments(app) => {
            let mut state = lock(state);
            let shown: Vec<_> = state.environments(&app).map(Environment::shown).collect();
            shown.into_iter().map(|shown| without(&state.omitted, shown)).collect()
        }
        Route::Environment(app, mode, about) => deploy::answer((&app, &mode, about), head, body, fault, state)?,
    };
    match fault {
        Some(Fault::NoAnswer | Fault::NoAnswerButTwice) => Err(hang_up()),
        Some(Fault::Body(text)) => Ok(text.to_owned()),
        _ => Ok(answer.to_string()),
    }
}

fn told_to_answer(status: u16) -> Stop {
    let status = if (200..=599).contains(&status) { status } else { 500 };
    refused(status, TOLD)
}

/// Reads the whole request.
fn receive(head: &Head, body: &mut impl BufRead, client: &mut impl Write) -> io::Result<()> {
    invite(head, client)?;
    let mut body = body.take(head.content_length().unwrap_or(0));
    io::copy(&mut body, &mut io::sink())?;
    check_end(&body)
}

fn hang_up() -> Stop {
    Stop::Broken(io::ErrorKind::ConnectionAborted.into())
}

/// Reads an upload: the name of the package, and its file, of which the content is kept up to `keep` bytes.
fn upload(
    head: &Head,
    body: &mut impl BufRead,
    mut client: impl Write,
    keep: u64,
) -> Result<(String, form::Part), Stop> {
    let name = package_name(&head.query)?;
    let length = head.content_length().ok_or_else(|| refused(411, "an upload needs a Content-Length"))?;
    if length > MAX_BODY {
        return Err(refused(413, "a package has at most 1 GB"));
    }
    let boundary = form::boundary(head.only("Content-Type"));
    let boundary = boundary.ok_or_else(|| refused(400, "Content-Type must be multipart/form-data with a boundary"))?;
    invite(head, &mut client)?;
    let mut body = body.take(length);
    let part = form::receive(&mut body, boundary, keep)?;
    check_end(&body)?;
    if part.size == 0 {
        return Err(refused(400, "the file is empty"));
    }
    Ok((name, part))
}

/// Sends `100 Continue` if the client waits for it.
fn invite(head: &Head, client: &mut impl Write) -> io::Result<()> {
    match head.only("Expect") {
        Some(_) => client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n"),
        None => Ok(()),
    }
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

pub(super) fn error_body(status: u16, code: Option<&str>, message: &str) -> String {
    if status == 401 && code.is_none() {
        return UNAUTHORIZED.to_owned();
    }
    let code = code.map_or_else(|| reason(status).to_uppercase(), str::to_owned);
    json!({ "errorCode": code, "errorMessage": message }).to_string()
}

pub(super) fn render(status: u16, body: &str, now: SystemTime) -> String {
    let date = http_date(now);
    let head = format!("HTTP/1.1 {status} {}\r\nDate: {date}\r\nConnection: close\r\n", reason(status));
    match status {
        // These two have no body (RFC 9112 §6.3).
        204 | 304 => head + "\r\n",
        _ => {
            let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
            format!("{head}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
    }
}

/// RFC 9110 §5.6.7.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS.get(usize::try_from(days % 7).unwrap_or_default()).unwrap_or(&"Thu");
    // Years are counted from March 0000, so that the leap day comes last.
    let since = days + 719_468;
    let (era, of_era) = (since / 146_097, since % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year + u64::from(month < 2);
    let month = MONTHS.get(usize::try_from(month).unwrap_or_default()).unwrap_or(&"Jan");
    format!("{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT", second / 3600, second / 60 % 60, second % 60)
}
