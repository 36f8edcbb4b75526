//! Responses that are not in the API's format, and hints that only the API's own get.

use std::time::Duration;

use mendix_deploy::{Error, ErrorKind};

use crate::support::caller::Caller;
use crate::support::package::{MIB, Package};
use crate::support::server::{Server, Step, accepted, answer, answered, go_ahead, side_by_side, write};

/// What only holds for a refusal by the API itself.
const HINTS: [&str; 5] = ["API key", "API Rights", "subdomain", "1 GB", "no job of this app"];

fn has_hint(error: &Error) -> bool {
    HINTS.iter().any(|hint| error.to_string().contains(hint))
}

/// The errors of an upload and of a poll that are answered like this.
fn errors(status: &str, body: &str) -> [Error; 2] {
    let server = Server::answering(status, body);
    let caller = Caller::of(&server);
    [caller.upload(Package::small()).result.unwrap_err(), caller.status().result.unwrap_err()]
}

#[test]
fn a_web_page_is_shown_by_its_title_and_has_none_of_the_apis_hints() {
    let style = format!("<style>{}</style>", "a { color: red } ".repeat(500));
    let long = "very ".repeat(100);
    for (page, title) in [
        (
            format!("<!DOCTYPE html>\n<html><head>{style}<title>Access  Denied</title></head><body>x</body>"),
            "\"Access Denied\"",
        ),
        (format!("  <html lang=\"en\"><body>{style}<h1>Sign\n in</h1>"), "\"Sign in\""),
        (format!("<HTML><HEAD><TITLE data-x=1>{long}</TITLE>"), "very very"),
    ] {
        side_by_side([200, 401, 403, 404, 407, 413, 500, 502, 503, 511], |status| {
            for error in errors(&format!("{status} Oops\nRetry-After: 0"), &page) {
                let text = error.to_string();
                assert!(text.contains(title) && text.contains("proxy or gateway"), "{text}");
                assert!(!has_hint(&error) && !text.contains("color") && !text.contains('<'), "{text}");
                assert!(text.len() < 700, "at most 200 characters of the page: {text}");
            }
        });
    }
}

#[test]
fn plain_text_or_foreign_json_has_none_of_the_apis_hints() {
    for body in [
        "RBAC: access denied",
        "404 page not found\n",
        r#"{"message":"Forbidden"}"#,
        r#"{"code":403,"message":"denied by policy","status":"PERMISSION_DENIED"}"#,
        r#"{"kind":"Status","code":404,"reason":"NotFound"}"#,
        r#"{"error":"unauthorized"}"#,
        r#"["no"]"#,
        "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    ] {
        side_by_side([401, 403, 404, 413], |status| {
            for error in errors(&format!("{status} No"), body) {
                assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, None));
                assert!(!has_hint(&error) && error.to_string().contains("proxy or gateway"), "{error}");
            }
        });
    }
}

#[test]
fn a_refusal_in_the_apis_format_or_without_a_body_has_its_hint() {
    for body in [r#"{"errorCode":"NO","errorMessage":"no"}"#, r#"{"error":{"code":400,"message":"no"}}"#, ""] {
        for status in [401, 403, 404, 413] {
            for error in errors(&format!("{status} No"), body) {
                // Only a package can be too large.
                let wants_hint = status != 413 || error.to_string().starts_with("the upload of");
                assert!(has_hint(&error) == wants_hint && !error.to_string().contains("gateway"), "{error}");
            }
        }
    }
}

#[test]
fn a_compressed_refusal_that_nobody_asked_for_is_named() {
    for (encoding, named) in [("gzip", "gzip"), ("x-gzip", "gzip"), ("br", "br"), ("deflate", "deflate"), ("", "gzip")]
    {
        for status in ["401 No", "403 No", "502 Oops", "200 OK"] {
            let body: &[u8] =
                if named == "gzip" { b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56" } else { b"\xce\xb2\xff\0\x01" };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
            let response = [head.as_bytes(), body].concat();
            let server = Server::start([vec![Step::Request, write(response)]]);
            let caller = Caller::of(&server);
            for error in [caller.upload(Package::small()).result.unwrap_err(), caller.status().result.unwrap_err()] {
                assert!(error.to_string().contains(&format!("(a body in {named})")), "{error}");
                assert!(!has_hint(&error) && error.status().is_some(), "{error}");
            }
        }
    }
}

#[test]
fn a_failed_job_is_reported_with_the_reason_that_the_api_gives() {
    for (fields, says) in [
        (r#","Message":"the model is corrupt""#, "\"the model is corrupt\""),
        (r#","reason":"too\nlarge""#, "\"too large\""),
        (r#","Error":"E-1""#, "\"E-1\""),
        (r#","FailureReason":"x""#, "\"x\""),
        (r#","ErrorCode":"E-1","ErrorMessage":"no room""#, "\"no room\""),
        ("", "gives no reason"),
        (r#","Message":null,"Error":"","PackageId":"p-1""#, "gives no reason"),
    ] {
        let server = Server::answering("200 OK", &format!(r#"{{"Status":"Failed"{fields}}}"#));
        let outcome = Caller::of(&server).wait(&mendix_deploy::Poll::default());
        let text = outcome.error(ErrorKind::JobFailed).to_string();
        assert!(text.contains(says), "{text}");
        assert_eq!(text.contains("gives no reason"), says == "gives no reason", "{text}");
    }
}

#[test]
fn a_refusal_of_a_later_attempt_names_the_attempt_and_what_ended_the_one_before() {
    let broken = vec![Step::Head, go_ahead(), Step::Body(1 << 10), Step::Reset];
    let later = vec![Step::Head, answer("502 Oops", "")];
    let refused = answered("409 Conflict", r#"{"errorCode":"DUPLICATE"}"#);
    for (scripts, says) in [
        (vec![broken.clone(), refused.clone()], "attempt 2 of 3, after one that failed (a broken connection)"),
        (vec![later.clone(), refused.clone()], "attempt 2 of 3, after one that failed (HTTP 502)"),
        (vec![broken, later, refused], "attempt 3 of 3, after one that failed (HTTP 502)"),
    ] {
        let server = Server::start(scripts);
        let outcome = Caller::of(&server).upload(Package::sparse(32 * MIB));
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.to_string().contains(says) && error.status() == Some(409), "{error}");
    }
    // The same for an upload that may have been accepted.
    let server = Server::start([vec![Step::Head, answer("502 Oops", "")], vec![Step::Request]]);
    let outcome = Caller::of(&server).upload(Package::small());
    assert!(outcome.error(ErrorKind::OutcomeUnknown).to_string().contains("attempt 2"), "{outcome:?}");
    // And for one that times out, whose message is not longer than others.
    let broken = vec![Step::Head, go_ahead(), Step::Body(1 << 10), Step::Reset];
    let server = Server::start([broken, vec![Step::Request, Step::Hold]]);
    let caller = Caller::of(&server).with(|client| client.with_response_timeout(Duration::from_millis(200)));
    let outcome = caller.upload(Package::sparse(32 * MIB));
    assert!(outcome.error(ErrorKind::OutcomeUnknown).to_string().contains("attempt 2"), "{outcome:?}");
    let server = Server::start([vec![Step::Head, answer("502 Oops", "")], accepted()]);
    Caller::of(&server).upload(Package::small()).ok();
}
