//! What a request asks for, and the answer: the two calls of the Deploy API v2.

use std::io::{self, Read, Write};
use std::time::Instant;

use serde_json::json;

use super::answer::{Answer, Stop, refused};
use super::form;
use super::head::{Body, Head};
use super::part;
use super::service::Service;
use super::wire::Wire;
use crate::id::{AppId, JobId};

/// The longest body: the documented 1 GB for the file, read as GiB, and room for what is around it.
const MAX_BODY: u64 = (1 << 30) + (1 << 20);

/// Carries out one request. `client` is told to go on, if it waits for that.
pub(super) fn answer<R: Read>(
    wire: &mut Wire<R>,
    client: &mut impl Write,
    head: &Head,
    service: &Service,
) -> Result<Answer, Stop> {
    if let Some(next) = service.take_next_answer() {
        if !next.at_once {
            invite(client, head)?;
            wire.skip_body()?;
        }
        return Err(refused(next.status, "the emulator was told to answer so"));
    }
    let route = Route::of(&head.path).ok_or_else(|| refused(404, "API not found"))?;
    if head.method != route.method() {
        return Err(Stop::Refused(Answer::wrong_method(route.method())));
    }
    if !service.accepts(head.only("Mendix-Username"), head.only("Mendix-ApiKey")) {
        // A 401 has the recorded body, whatever the message.
        return Err(refused(401, "UNAUTHORIZED"));
    }
    match route {
        Route::Upload(app) => upload(wire, client, head, app, service),
        Route::Job(app, job) => {
            if head.query.is_some() {
                return Err(refused(400, "a job has no query parameters"));
            }
            let status = service.poll(&app, &job, Instant::now());
            let status = status.ok_or_else(|| refused(404, &format!("app {app} has no job {job}")))?;
            Ok(Answer::ok(&json!({ "Status": status })))
        }
    }
}

fn upload<R: Read>(
    wire: &mut Wire<R>,
    client: &mut impl Write,
    head: &Head,
    app: AppId,
    service: &Service,
) -> Result<Answer, Stop> {
    let name = package_name(head.query.as_deref().unwrap_or_default())?;
    match head.body {
        Body::Length(0..=MAX_BODY) => {}
        Body::Length(_) => return Err(refused(413, "a package has at most 1 GB")),
        Body::Chunked | Body::None => return Err(refused(411, "an upload needs a Content-Length")),
    }
    let boundary = part::boundary(head.only("Content-Type"))?;
    invite(client, head)?;
    let keep = service.settings().keep;
    let part = form::receive(wire, boundary, keep)?;
    if part.size == 0 {
        return Err(refused(400, "the file is empty"));
    }
    let (package, job) = service.record(app, name, part).map_err(|error| refused(500, &error.to_string()))?;
    Ok(Answer::ok(&json!({ "PackageId": package, "JobId": job })))
}

/// Tells a client that waits for it to send the body.
fn invite(client: &mut impl Write, head: &Head) -> io::Result<()> {
    if head.expects_continue { client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n") } else { Ok(()) }
}

/// What there is. Everything else, a trailing slash included, is not found.
enum Route {
    Upload(AppId),
    Job(AppId, JobId),
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        let (app, rest) = path.strip_prefix("/api/v2/apps/")?.split_once('/')?;
        let app = app.parse().ok()?;
        match rest.strip_prefix("jobs/") {
            Some(job) => Some(Route::Job(app, job.parse().ok()?)),
            None => (rest == "packages/upload").then_some(Route::Upload(app)),
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Route::Upload(_) => "POST",
            Route::Job(..) => "GET",
        }
    }
}

/// The only query parameter there is, or what the service says without it.
fn package_name(query: &str) -> Result<String, Stop> {
    let mut name = None;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let value = parameter.strip_prefix("name=").ok_or_else(|| refused(400, "unknown query parameter"))?;
        let value = percent_decoded(value).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| refused(400, "name is empty or not percent-encoded UTF-8"))?;
        if name.replace(value).is_some() {
            return Err(refused(400, "name is given twice"));
        }
    }
    Ok(name.unwrap_or_else(|| "default.mda".to_owned()))
}

/// RFC 3986 §2.1: a `+` is a plus.
fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        // A sign is a number to `from_str_radix`.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Emulator;
    use super::super::raw::{Raw, form, get_job, upload, upload_head};
    use super::*;

    /// The status that a fresh emulator answers, which then holds no upload.
    fn refusal(request: &str) -> u16 {
        let emulator = Emulator::start().unwrap();
        let answer = Raw::to(&emulator).ask(request);
        assert!(answer.json["errorCode"].is_string() && answer.json["errorMessage"].is_string(), "{answer:?}");
        assert!(emulator.uploads().is_empty());
        answer.status
    }

    #[test]
    fn only_the_exact_paths_exist() {
        let emulator = Emulator::start().unwrap();
        for path in [
            "/",
            "/api/v2/apps/calc/packages/upload/",
            "/api/v2/apps/calc/packages/Upload",
            "/api/v2/apps//packages/upload",
            "/api/v2/apps/a%2Fb/packages/upload",
            "/api/v2//apps/calc/packages/upload",
            "/api/1/apps/calc/packages",
            "/api/v2/apps/calc/jobs/",
            "/api/v2/apps/calc/jobs/a/",
            "/api/v2/apps/calc/jobs/a.b",
            "http://x/api/v2/apps/calc/packages/upload",
        ] {
            let answer = Raw::to(&emulator).ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            assert_eq!((answer.status, &answer.json["errorMessage"]), (404, &json!("API not found")), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        let emulator = Emulator::start().unwrap();
        let mut raw = Raw::to(&emulator);
        let answer = raw.ask(&upload("", "").replace("POST", "PUT"));
        assert_eq!(answer.status, 405);
        assert!(answer.head.contains("\r\nAllow: POST\r\n"), "{}", answer.head);
        assert_eq!(raw.ask(&get_job("calc", "j").replace("GET", "DELETE")).status, 405, "kept alive");
    }

    #[test]
    fn both_headers_are_needed_and_their_names_have_no_case() {
        let good = get_job("calc", "j");
        assert_eq!(refusal(&good), 404);
        assert_eq!(refusal(&good.replace("Mendix-Username", "mendix-USERNAME")), 404);
        assert_eq!(refusal(&good.replace("Mendix-ApiKey", "MENDIX-APIKEY")), 404);
        for (right, wrong) in [
            ("Mendix-Username", "X-Username"),
            ("Mendix-ApiKey", "X-ApiKey"),
            (Emulator::USERNAME, "someone"),
            (Emulator::API_KEY, "x"),
            (Emulator::API_KEY, "x\r\nMendix-ApiKey: 26587896-1cef-4483-accf-ad304e2673d6"),
        ] {
            assert_eq!(refusal(&good.replace(right, wrong)), 401, "{wrong}");
            assert_eq!(refusal(&upload("", &form("x")).replace(right, wrong)), 401, "{wrong}");
        }
    }

    #[test]
    fn a_job_is_known_only_under_its_own_app() {
        let emulator = Emulator::start().unwrap();
        let mut raw = Raw::to(&emulator);
        let made = raw.ask(&upload("", &form("x")));
        let job = made.json["JobId"].as_str().unwrap();
        assert_eq!(raw.ask(&get_job("other", job)).status, 404);
        assert_eq!(raw.ask(&get_job("calc", "66046953-ecf7-4550-a889-4b7e9f1e1705")).status, 404);
        assert_eq!(raw.ask(&get_job("calc", &format!("{job}?x=y"))).status, 400);
        assert_eq!(raw.ask(&get_job("calc", job)).json, json!({ "Status": "Queued" }));
    }

    #[test]
    fn the_name_comes_from_the_query_or_is_the_default() {
        let name = |query: &str| package_name(query).ok();
        assert_eq!(name("").as_deref(), Some("default.mda"));
        assert_eq!(name("name=a+b%2b%E2%82%AC=.mda").as_deref(), Some("a+b+€=.mda"));
        for bad in [
            "name=",
            "name",
            "name=a&name=a",
            "Name=a",
            "x=y",
            "name=a&x=y",
            "name=%",
            "name=%4",
            "name=%+4",
            "name=%ff",
        ] {
            assert_eq!(name(bad), None, "{bad}");
            assert_eq!(refusal(&upload(&format!("?{bad}"), &form("x"))), 400, "{bad}");
        }
    }

    #[test]
    fn a_body_that_is_not_the_form_is_refused() {
        let good = upload("", &form("x"));
        assert_eq!(refusal(&good.replace("multipart/form-data", "multipart/mixed")), 400);
        assert_eq!(refusal(&good.replace("Content-Type: multipart", "X: multipart")), 400);
        assert_eq!(refusal(&good.replace("boundary=B", "boundary=C")), 400);
        assert_eq!(refusal(&good.replace("name=\"file\"", "name=\"File\"")), 400);
        assert_eq!(refusal(&upload("", &form("x\r\n--B\r\n\r\ny"))), 400, "two parts");
        assert_eq!(refusal(&upload("", &form(""))), 400, "an empty file");
        assert_eq!(refusal(&upload("", "")), 400);
    }

    #[test]
    fn the_length_must_be_known_and_not_too_large() {
        let good = upload("", &form("x"));
        let chunked = good.replace("Content-Length", "Transfer-Encoding: chunked\r\nX-Length");
        assert_eq!(refusal(&chunked), 411);
        assert_eq!(refusal(&good.replace("Content-Length", "X-Length")), 411);
        assert_eq!(refusal(&upload_head("", MAX_BODY + 1, "")), 413);
        assert_eq!(refusal(&upload_head("", u64::MAX, "").replace(": 18", ": 9918")), 413);
    }
}
