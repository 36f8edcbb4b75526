//! The emulator as seen by a client with hand-written requests.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mendix_deploy::emulator::{Emulator, Fault};
use serde_json::json;

use raw::{answer, ask, connect, form, get_job, upload, upload_head};

mod environments;
mod raw;

#[test]
fn an_accepted_upload_is_kept_as_it_was_sent() {
    let emulator = Emulator::start().unwrap();
    let answer = ask(&emulator, &upload("?name=a%20%22b%C3%A9%26.mda", &form("content")));
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = emulator.uploads().remove(0);
    assert_eq!(answer.json["PackageId"], received.package_id.as_str());
    assert_eq!(answer.json["JobId"], received.job_id.as_str());
    assert_eq!(received.app_id.as_str(), "calc");
    assert_eq!((received.name.as_str(), received.file_name.as_str()), ("a \"bé&.mda", "x.mda"));
    assert_eq!((received.size, received.content.as_deref()), (7, Some(&b"content"[..])));
}

#[test]
fn a_large_upload_is_streamed_and_only_measured() {
    let emulator = Emulator::start().unwrap();
    let block = vec![0_u8; 1 << 20];
    let form = form("|");
    let (before, after) = form.split_once('|').unwrap();
    let mut stream = connect(&emulator);
    let length = (64 << 20) + form.len() as u64 - 1;
    stream.write_all((upload_head("", length, "Expect: 100-continue\r\n") + before).as_bytes()).unwrap();
    for _ in 0..64 {
        stream.write_all(&block).unwrap();
    }
    stream.write_all(after.as_bytes()).unwrap();
    let answer = answer(stream);
    assert!(answer.text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer:?}");
    let received = emulator.uploads().remove(0);
    assert_eq!((received.size, received.content), (64 << 20, None));
}

#[test]
fn the_next_calls_fail_as_configured_in_order_and_then_succeed() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(0, Fault::NoAnswer);
    emulator.fail_uploads(1, Fault::StatusAtOnce(503));
    emulator.fail_uploads(1, Fault::Status(99));
    let refused = ask(&emulator, &upload_head("", 1 << 30, ""));
    assert_eq!((refused.status, &refused.json["errorCode"]), (503, &"SERVICE UNAVAILABLE".into()));
    let body = form("x");
    let after_the_body = ask(&emulator, &(upload_head("", body.len() as u64, "Expect: 100-continue\r\n") + &body));
    let begin = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 ";
    assert!(after_the_body.text.starts_with(begin), "99 is not a status: {after_the_body:?}");
    assert_eq!((emulator.uploads().len(), ask(&emulator, &upload("", &body)).status), (0, 200));
    emulator.refuse_credentials();
    let answer = ask(&emulator, &get_job("calc", "j"));
    assert!(answer.status == 401 && answer.text.contains("UNAUTHORIZED:Please provide"), "{answer:?}");
    assert_eq!(emulator.requests(), 4);
}

#[test]
fn any_call_can_be_refused_with_a_code() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(1, Fault::Code("NOT ALLOWED"));
    emulator.fail_polls(1, Fault::Code("UNAUTHORIZED"));
    let refused = ask(&emulator, &upload("", &form("x")));
    assert_eq!((refused.status, &refused.json["errorCode"]), (403, &"NOT ALLOWED".into()));
    let failed = ask(&emulator, &get_job("calc", "j"));
    assert_eq!((failed.status, &failed.json["errorCode"]), (401, &"UNAUTHORIZED".into()));
    assert_eq!(emulator.uploads().len(), 0);
}

#[test]
fn a_bandwidth_makes_an_upload_slow() {
    let emulator = Emulator::start().unwrap();
    emulator.set_bandwidth(10_000);
    let begun = Instant::now();
    assert_eq!(ask(&emulator, &upload("", &form(&"x".repeat(3000)))).status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    assert_eq!(emulator.uploads().remove(0).size, 3000);
}

#[test]
fn a_body_that_ends_early_is_not_recorded() {
    let emulator = Emulator::start().unwrap();
    let whole = upload("", &form("x"));
    for cut in [2, 3, 60] {
        let mut stream = connect(&emulator);
        stream.write_all(&whole.as_bytes()[..whole.len() - cut]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.contains("200 OK"), "{cut}: {answer}");
    }
    assert_eq!((emulator.uploads().len(), emulator.requests()), (0, 3));
}

#[test]
fn bytes_that_are_not_http_get_400_and_are_counted() {
    let emulator = Emulator::start().unwrap();
    assert_eq!(ask(&emulator, "\u{16}\u{3}\u{1}\r\n\r\n").status, 400);
    assert_eq!(ask(&emulator, &"x".repeat(80 << 10)).status, 431);
    assert_eq!(emulator.requests(), 2);
}

#[test]
fn a_refused_client_that_keeps_sending_still_gets_the_response() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(1, Fault::StatusAtOnce(403));
    let mut stream = connect(&emulator);
    stream.write_all(upload_head("", 8 << 20, "").as_bytes()).unwrap();
    for _ in 0..8 {
        stream.write_all(&vec![b'-'; 1 << 20]).unwrap();
    }
    assert_eq!(answer(stream).status, 403);
}

#[test]
fn a_drop_does_not_wait_for_clients() {
    let emulator = Emulator::start().unwrap();
    let mut uploading = connect(&emulator);
    uploading.write_all((upload_head("", 1 << 30, "") + "--B\r\nContent-Disposition").as_bytes()).unwrap();
    let silent = connect(&emulator);
    let begun = Instant::now();
    drop(emulator);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for mut stream in [uploading, silent] {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");
    }
}

#[test]
fn a_drop_does_not_wait_for_a_slow_link() {
    for bandwidth in [2000, 1] {
        let emulator = Emulator::start().unwrap();
        emulator.set_bandwidth(bandwidth);
        let body = form(&"x".repeat(1_000_000));
        let mut stream = connect(&emulator);
        stream.write_all((upload_head("", body.len() as u64, "") + &body).as_bytes()).unwrap();
        let begun = Instant::now();
        drop(emulator);
        assert!(begun.elapsed() < Duration::from_secs(20), "{bandwidth}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_misspelled_code_panics_where_it_is_set() {
    type Fail = fn(&Emulator, u32, Fault);
    let calls: [Fail; 5] = [
        Emulator::fail_uploads,
        Emulator::fail_polls,
        Emulator::fail_stops,
        Emulator::fail_transports,
        Emulator::fail_starts,
    ];
    for fail in calls {
        let emulator = Emulator::start().unwrap();
        for code in ["MISSING CONSTANT", "missing_constant", "INVALID_DB_STRUKTURE", ""] {
            let fault = catch_unwind(AssertUnwindSafe(|| fail(&emulator, 1, Fault::Code(code)))).unwrap_err();
            let said = fault.downcast_ref::<String>().unwrap();
            assert!(said.contains(&format!("{code:?}")) && said.contains("MISSING_CONSTANT"), "{said}");
        }
        for code in ["MISSING_CONSTANT", "NOT ALLOWED", "UNAUTHORIZED", "APP_NOT_FOUND"] {
            fail(&emulator, 1, Fault::Code(code));
        }
    }
}

/// The status that a fresh emulator responds with; it records no upload.
fn refusal(request: &str) -> u16 {
    let emulator = Emulator::start().unwrap();
    let answer = ask(&emulator, request);
    assert!(answer.json["errorCode"].is_string() && answer.json["errorMessage"].is_string(), "{answer:?}");
    assert!(emulator.uploads().is_empty());
    answer.status
}

#[test]
fn only_the_exact_paths_and_methods_exist() {
    for path in [
        "/", "/api/v2/apps/calc/packages/upload/", "/api/v2/apps/calc/packages/Upload",
        "/api/v2/apps//packages/upload", "/api/v2/apps/a%2Fb/packages/upload", "/api/1/apps/calc/packages/",
        "/api/1/apps/calc/", "/api/1/apps/calc/packages/a/b", "/api/v2/apps/calc/jobs/", "/api/v2/apps/calc/jobs/a.b",
    ] {
        assert_eq!(refusal(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")), 404, "{path}");
    }
    assert_eq!(refusal(&upload("", "").replace("POST", "PUT")), 405);
}

#[test]
fn both_headers_are_needed_once_and_their_names_have_no_case() {
    let good = get_job("calc", "j");
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
    emulator.complete_after_polls(3);
    let made = ask(&emulator, &upload("", &form("x")));
    let job = made.json["JobId"].as_str().unwrap();
    assert_eq!(ask(&emulator, &get_job("other", job)).status, 404);
    assert_eq!(ask(&emulator, &get_job("calc", job)).json, json!({ "Status": "Queued" }));
}

#[test]
fn a_header_sent_twice_counts_as_absent() {
    let with = |field: &str| upload_head("", 5, &format!("{field}\r\n"));
    assert_eq!(refusal(&with("Mendix-Username: x")), 401);
    assert_eq!(refusal(&with("Content-Type: multipart/form-data; boundary=B")), 400);
}

#[test]
fn a_length_that_is_not_plain_digits_or_another_framing_is_refused() {
    let with = |field: &str| upload_head("", 0, "").replace("Content-Length: 0", field);
    for value in ["+5", "-5", "5, 5", "0x5", "", "99999999999999999999", "5\r\nContent-Length: 5"] {
        assert_eq!(refusal(&with(&format!("Content-Length: {value}"))), 400, "{value:?}");
    }
    for value in ["chunked", "identity", "gzip, chunked\r\nContent-Length: 5"] {
        assert_eq!(refusal(&with(&format!("Transfer-Encoding: {value}"))), 411, "{value:?}");
    }
}

#[test]
fn malformed_heads_get_400_and_long_ones_431() {
    assert_eq!(refusal("GET /\r\n\r\n"), 400);
    assert_eq!(refusal("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400);
    assert_eq!(refusal(&format!("GET / HTTP/1.1\r\nHost: {}", "x".repeat(64 << 10))), 431);
}

#[test]
fn the_name_comes_from_the_query_or_is_the_default() {
    let emulator = Emulator::start().unwrap();
    for (query, name) in [("", "default.mda"), ("?name=a+b%2b%E2%82%AC=.mda", "a+b+€=.mda")] {
        assert_eq!(ask(&emulator, &upload(query, &form("x"))).status, 200);
        assert_eq!(emulator.uploads().pop().unwrap().name, name);
    }
    for bad in ["name=", "name", "name=a&name=a", "Name=a", "x=y", "name=%", "name=%4", "name=%+4", "name=%ff"] {
        assert_eq!(refusal(&upload(&format!("?{bad}"), &form("x"))), 400, "{bad}");
    }
}

#[test]
fn anything_but_one_part_named_file_gets_400() {
    let good = form("x");
    let part = good.strip_suffix("--\r\n").unwrap();
    for body in [
        String::new(),
        format!("\r\n{good}"),
        good.replacen("--B", "--A", 1),
        format!("{part}\r\n{}", good.strip_prefix("--B\r\n").unwrap()),
        format!("{part}B\r\n--B--\r\n"),
        part.to_owned(),
        format!("{good}epilogue"),
        good.replace("\"file\"", "\"File\""),
        good.replace("; filename=\"x.mda\"", ""),
        good.replace("\"x.mda\"", "\"x.mda\"; filename*=UTF-8''x"),
        good.replace("form-data", "attachment"),
    ] {
        assert_eq!(refusal(&upload("", &body)), 400, "{body:?}");
    }
}

#[test]
fn a_body_that_is_not_the_form_or_has_no_length_is_refused() {
    let good = upload("", &form("x"));
    assert_eq!(refusal(&good.replace("multipart/form-data", "multipart/mixed")), 400);
    assert_eq!(refusal(&good.replace("boundary=B", "boundary=C")), 400);
    assert_eq!(refusal(&upload("", &form(""))), 400, "an empty file");
    assert_eq!(refusal(&good.replace("Content-Length", "X-Length")), 411);
    assert_eq!(refusal(&upload_head("", (1 << 30) + (1 << 20) + 1, "")), 413);
}
