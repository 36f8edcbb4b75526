//! Responses to a whole upload: without both ids and without a refusal the outcome is unknown, and the upload is never
//! sent again.

use std::time::Duration;

use mendix_deploy::{Error, ErrorKind, JobId, JobStatus, PackageId, Retry};

use crate::support::caller::{Caller, Outcome, fast_retry};
use crate::support::package::{MIB, Package};
use crate::support::server::{
    IDS, PLAIN_AND_TLS, Server, Step, accepted, answer, answered, go_ahead, side_by_side, write,
};

/// The package was sent once and may exist, and the message says how to find out.
#[track_caller]
fn assert_outcome_open<T: std::fmt::Debug>(outcome: &Outcome<T>, server: Server) -> &Error {
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    let text = error.to_string();
    assert!(error.may_have_been_accepted() && !error.is_transient(), "{error:?}");
    assert!(
        text.contains("check the Environments page for ") && text.contains("find_upload"),
        "it says how to check: {text}"
    );
    assert_eq!(outcome.retries(), 0);
    let seen = server.stop();
    assert_eq!((seen.connections, seen.requests.len()), (1, 1), "sent once: {error:?}");
    error
}

#[test]
fn a_whole_body_without_an_answer_is_never_sent_again() {
    let [plain, tls] = PLAIN_AND_TLS;
    let reset = vec![Step::Head, go_ahead(), Step::BodyButOneByte, Step::Reset];
    let closed = vec![Step::Request];
    let cut = vec![Step::Request, Step::Cut];
    side_by_side([(plain, reset), (plain, closed.clone()), (tls, closed), (tls, cut)], |(start, script)| {
        for package in [Package::small(), Package::sparse(2 * MIB)] {
            let server = start(vec![script.clone()]);
            let outcome = Caller::of(&server).upload(&package);
            assert_outcome_open(&outcome, server);
        }
    });
}

#[test]
fn silence_after_a_whole_body_hits_the_response_timeout() {
    let timeout = Duration::from_secs(1);
    side_by_side(PLAIN_AND_TLS, |start| {
        for silent in [vec![Step::Request, Step::Hold], vec![Step::Request, Step::Write(b"HTTP".into()), Step::Hold]] {
            let server = start(vec![silent]);
            let caller = Caller::of(&server).with(|client| client.with_response_timeout(timeout));
            let outcome = caller.upload(Package::sparse(2 * MIB));
            assert!(outcome.took >= timeout, "{outcome:?}");
            outcome.assert_idle();
            let error = assert_outcome_open(&outcome, server);
            assert!(format!("{error:?}").contains("no full response came within 1.0 s"), "{error:?}");
        }
    });
}

#[test]
fn a_dripping_response_hits_the_response_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{";
    let drips = (0..1000).flat_map(|_| [Step::Write(b" ".into()), Step::Pause(Duration::from_millis(20))]);
    let script = [Step::Request, Step::Write(head.into())].into_iter().chain(drips).collect();
    let server = Server::start([script]);
    let caller = Caller::of(&server).with(|client| client.with_response_timeout(Duration::from_millis(300)));
    let outcome = caller.upload(Package::small());
    assert!(outcome.took < Duration::from_secs(9), "{outcome:?}");
    let error = assert_outcome_open(&outcome, server);
    assert!(format!("{error:?}").contains("no full response came within 0.3 s"), "{error:?}");
}

#[test]
fn anything_but_a_refusal_after_a_whole_body_is_an_unknown_outcome() {
    // Gateways send 408, 499 and 503 when they give up on a server that has the whole body by then.
    for status in [408, 418, 419, 427, 430, 440, 444, 460, 499, 500, 502, 503, 504, 507, 520, 599, 600, 999] {
        for field in ["", "\nRetry-After: 0", "\nRetry-After: 5"] {
            let server = Server::answering(&format!("{status} Oops{field}"), "<h1>upstream is\n on fire</h1>");
            let outcome = Caller::of(&server).upload(Package::small());
            let error = assert_outcome_open(&outcome, server);
            assert_eq!(error.status(), Some(status));
            let text = error.to_string();
            assert!(text.contains(&status.to_string()) && text.contains("upstream is on fire"), "{text}");
        }
    }
}

#[test]
fn anything_but_a_refusal_before_the_whole_body_is_retried() {
    side_by_side([408, 418, 444, 460, 499, 500, 502, 503, 504, 520, 599, 600, 999], |status| {
        for package in [Package::small(), Package::sparse(8 * MIB)] {
            let at_once = vec![Step::Head, answer(&format!("{status} Oops\nRetry-After: 0"), ""), Step::Drain];
            let server = Server::start([at_once, accepted()]);
            Caller::of(&server).upload(package).ok();
            let seen = server.stop();
            assert_eq!((seen.connections, seen.requests[0].body_bytes), (2, 0), "{status}");
        }
    });
}

#[test]
fn a_registered_refusal_is_one_before_and_after_the_whole_body() {
    for status in [300, 304, 310, 399, 400, 402, 405, 406, 409, 410, 411, 414, 415, 422, 424, 426, 428, 431, 451] {
        for script in [answered(&format!("{status} No"), ""), vec![Step::Head, answer(&format!("{status} No"), "")]] {
            let server = Server::start([script]);
            let outcome = Caller::of(&server).upload(Package::small());
            let error = outcome.error(ErrorKind::Rejected);
            assert_eq!(error.status(), Some(status));
            assert!(!error.may_have_been_accepted() && !error.is_transient());
            assert_eq!(server.stop().connections, 1, "{status}");
        }
    }
}

#[test]
fn a_refusal_is_reported_in_the_servers_words_and_not_retried() {
    for (status, code, hint) in [
        (400, "INVALID", ""),
        (401, "UNAUTHORIZED", "API key"),
        (403, "NOT ALLOWED", "API Rights"),
        (404, "NOT_FOUND", "subdomain"),
        (413, "TOO LARGE", "1 GB"),
    ] {
        let body = format!(r#"{{"errorCode":"{code}","errorMessage":"in its own words"}}"#);
        let server = Server::answering(&format!("{status} No"), &body);
        let outcome = Caller::of(&server).upload(Package::small());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!((error.status(), error.code()), (Some(status), Some(code)));
        let text = error.to_string();
        assert!(text.contains("in its own words") && text.contains(hint) && text.contains("calc"), "{text}");
        assert!(!error.may_have_been_accepted() && !error.is_transient());
        assert_eq!(server.stop().connections, 1);
    }
}

#[test]
fn an_answer_may_come_in_any_pieces_and_framing() {
    let half = IDS.len() / 2;
    let chunks = format!("5\r\n{}\r\n1c;x=y\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n", &IDS[..5], &IDS[5..]);
    let wholes = [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{IDS}", IDS.len()),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"),
        format!("HTTP/1.0 200 OK\r\nServer: old\r\n\r\n{IDS}"),
        format!("HTTP/1.1 200\r\nConnection: close\r\n\r\n{IDS}"),
    ];
    assert_eq!(IDS.len() - 5, 0x1c, "the second chunk says so");
    for whole in &wholes {
        for size in [1, half, 4096] {
            let pieces = whole.as_bytes().chunks(size).map(|piece| Step::Write(piece.into()));
            for start in PLAIN_AND_TLS {
                let script = [Step::Request].into_iter().chain(pieces.clone()).collect();
                let server = start(vec![script]);
                Caller::of(&server).upload(Package::small()).ok();
            }
        }
    }
}

/// Uploads to a server that first answers with `status` and then accepts.
fn after_later(status: &str, retry: Retry) -> (Outcome<mendix_deploy::UploadedPackage>, usize) {
    let at_once = vec![Step::Head, answer(status, r#"{"errorMessage":"slow down"}"#), Step::Drain];
    let server = Server::start([at_once, accepted()]);
    let outcome = Caller::of(&server).with(|client| client.with_retry(retry)).upload(Package::small());
    (outcome, server.stop().connections)
}

#[test]
fn retry_after_is_waited_for_as_long_as_the_server_asks() {
    for status in [408, 425, 429, 503] {
        let (outcome, connections) = after_later(&format!("{status} Later"), fast_retry());
        assert_eq!((outcome.retries(), connections), (1, 2));
        outcome.ok();
    }
    for status in [425, 429] {
        let server = Server::start([answered(&format!("{status} Later"), ""), accepted()]);
        Caller::of(&server).upload(Package::small()).ok();
        assert_eq!(server.stop().connections, 2, "the API's own {status} holds after the whole body as well");
    }
    let (outcome, _) = after_later("429 Too Many Requests\nRetry-After: 1", fast_retry());
    assert!(outcome.took >= Duration::from_secs(1) && outcome.pauses() == [Duration::from_secs(1)], "{outcome:?}");
    outcome.ok();
}

#[test]
fn a_retry_after_that_asks_for_nothing_leaves_the_schedule_as_it_is() {
    for value in ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-1", "", "1.5"] {
        let (outcome, connections) = after_later(&format!("503 Later\nRetry-After: {value}"), fast_retry());
        assert!(outcome.pauses()[0] <= Duration::from_millis(1), "{value}: {outcome:?}");
        assert_eq!(connections, 2, "{value}");
        outcome.ok();
    }
}

#[test]
fn a_retry_after_beyond_the_longest_wait_is_named_and_not_waited_for() {
    let far = "99999999999999999999999";
    for (value, shown) in [("7200", " 2 h"), (far, " days"), ("Fri, 31 Dec 9999 23:59:59 GMT", " days")] {
        let (outcome, connections) = after_later(&format!("503 Later\nRetry-After: {value}"), fast_retry());
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.retry_after().is_some_and(|wait| wait >= Duration::from_secs(7200)), "{error:?}");
        assert!(error.is_transient() && error.to_string().contains(shown), "{error}");
        assert_eq!((connections, outcome.retries()), (1, 0));
    }
}

/// A clock that is decades behind or ahead, and the two obsolete forms of RFC 9110.
#[test]
fn a_retry_after_that_is_a_date_is_measured_by_the_servers_own_clock() {
    let cases = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"),
        ("Tue, 06 Nov 2196 08:49:37 GMT", "Tue, 06 Nov 2196 08:49:38 GMT"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:38 1994"),
    ];
    side_by_side(cases, |(date, retry_after)| {
        for fields in [[("Date", date), ("Retry-After", retry_after)], [("Retry-After", retry_after), ("date", date)]] {
            let fields = fields.map(|(name, value)| format!("\n{name}: {value}")).concat();
            let (outcome, _) = after_later(&format!("503 Later{fields}"), fast_retry());
            assert_eq!(outcome.pauses(), [Duration::from_secs(1)], "{fields}: {outcome:?}");
            outcome.ok();
        }
    });
}

#[test]
fn a_2xx_with_both_ids_is_a_success_whatever_else_it_contains() {
    for body in [
        IDS,
        r#"{"JobId":"j-1","PackageId":"p-1"}"#,
        r#"{"PackageId":"p-1","JobID":"j-1"}"#,
        r#"{"extra":{"deep":[1,null]},"PackageId":"p-1","Status":"Queued","JobId":"j-1","x":"é"}"#,
        r#"{"Name":"\ud83d.mda","Size":1e999,"PackageId":"p-1","JobId":"j-1","\udc00":"\ud83d"}"#,
        "{\"Note\":\"a raw\ttab\",\"PackageId\":\"p-1\",\"JobId\":\"j-1\"}",
        &format!(r#"{{"Deep":{}{},"PackageId":"p-1","JobId":"j-1"}}"#, "[".repeat(200), "]".repeat(200)),
        &format!(r#"{{"Log":"{}","PackageId":"p-1","JobId":"j-1"}}"#, "x".repeat(70 << 10)),
        r#""{\"PackageId\":\"p-1\",\"JobId\":\"j-1\"}""#,
        r#"[{"PackageId":"p-1","JobId":"j-1"}]"#,
        ")]}',\n{\"PackageId\":\"p-1\",\"JobId\":\"j-1\"}",
        "\u{feff} {\r\n\t\"PackageId\" : \"p-1\",\r\n\t\"JobId\" : \"j-1\"\r\n}\r\n",
    ] {
        for status in ["200 OK", "201 Created", "202 Accepted", "299 Odd"] {
            let server = Server::answering(status, body);
            let uploaded = Caller::of(&server).upload(Package::small()).ok();
            assert_eq!((uploaded.package_id.as_str(), uploaded.job_id.as_str()), ("p-1", "j-1"), "{status} {body}");
        }
    }
}

#[test]
fn a_single_id_is_kept_and_the_message_says_how_to_use_it() {
    for none in ["", r#","PackageId":null"#, r#","PackageId":17"#, r#","PackageId":"""#, r#","PackageId":"\ud83d""#] {
        let server = Server::answering("200 OK", &format!(r#"{{"JobId":"j-1"{none}}}"#));
        let outcome = Caller::of(&server).upload(Package::small());
        let error = assert_outcome_open(&outcome, server);
        assert_eq!((error.package_id(), error.job_id().map(JobId::as_str)), (None, Some("j-1")), "{none}");
        assert!(error.to_string().contains("wait for the job, and if that fails, check"), "{error}");
    }
    let server = Server::answering("200 OK", r#"{"JobId":1e999,"PackageId":"p-1"}"#);
    let outcome = Caller::of(&server).upload(Package::small());
    let error = assert_outcome_open(&outcome, server);
    assert_eq!((error.package_id().map(PackageId::as_str), error.job_id()), (Some("p-1"), None));
    assert!(error.to_string().contains("check the Environments page for package p-1 before"), "{error}");
    // Half a response contains one whole id.
    let half = write("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{\"JobId\":\"j-1\",\"PackageId\":\"66046953-ec");
    let server = Server::start([vec![Step::Request, half]]);
    let outcome = Caller::of(&server).upload(Package::small());
    let error = assert_outcome_open(&outcome, server);
    assert_eq!((error.package_id(), error.job_id().map(JobId::as_str)), (None, Some("j-1")));
}

#[test]
fn the_status_of_a_job_is_read_beside_fields_that_nobody_needs() {
    for body in [
        r#"{"Status":"Completed","Name":"\ud83d.mda"}"#,
        r#"{"Size":1e999,"Status":"Completed"}"#,
        "{\"Name\":\"a\tb\",\"status\":\"Completed\"}",
        &format!(r#"{{"Deep":{}1{},"Status":"Completed"}}"#, r#"{"a":"#.repeat(200), "}".repeat(200)),
        &format!(r#"{{"Log":"{}","Status":"Completed"}}"#, "x".repeat(900 << 10)),
    ] {
        let server = Server::answering("200 OK", body);
        assert_eq!(Caller::of(&server).status().ok(), JobStatus::Completed, "{body}");
    }
}

#[test]
fn the_code_of_a_refusal_is_read_beside_fields_that_nobody_needs() {
    let log = format!(r#""Log":"{}""#, "x".repeat(70 << 10));
    for other in [r#""Name":"\ud83d""#, r#""Size":1e999"#, "\"Name\":\"a\tb\"", r#""details":"\udc00""#, &log] {
        let server =
            Server::answering("403 No", &format!(r#"{{{other},"errorCode":"NOT ALLOWED","errorMessage":"no"}}"#));
        let outcome = Caller::of(&server).upload(Package::small());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!(error.code(), Some("NOT ALLOWED"), "{other}");
        assert!(error.to_string().contains("403, NOT ALLOWED, no; "), "{error}");
    }
}
