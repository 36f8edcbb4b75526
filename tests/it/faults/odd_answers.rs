//! Odd responses: truncated, endless, malformed, or about something else. Nothing panics or grows.

use std::time::Duration;

use mendix_deploy::ErrorKind;

use crate::support::caller::Caller;
use crate::support::package::{MIB, Package};
use crate::support::server::{BUFFERED, Server, Step, answered, interim_flood, side_by_side, write};

/// Uploads to a server that reads everything and then does `then`; the package may exist and is not sent again.
#[track_caller]
fn unknown_after(then: &[Step]) -> (String, u64) {
    let server = Server::start([[&[Step::Request], then].concat()]);
    let caller = Caller::of(&server).with(|client| client.with_response_timeout(Duration::from_millis(1500)));
    let outcome = caller.upload(Package::small());
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    assert!(error.may_have_been_accepted());
    let text = error.to_string();
    let seen = server.stop();
    assert_eq!(seen.connections, 1, "{then:?}");
    (text, seen.flooded)
}

/// The same for a single poll.
#[track_caller]
fn unknown_status_after(then: &[Step]) {
    let server = Server::start([[&[Step::Request], then].concat()]);
    let caller = Caller::of(&server).with(|client| {
        client.with_response_timeout(Duration::from_millis(1500)).with_retry(mendix_deploy::Retry::never())
    });
    let outcome = caller.status();
    let error = outcome.error(ErrorKind::NoAnswer);
    assert_eq!(error.job_id().map(mendix_deploy::JobId::as_str), Some("j-1"));
    assert!(error.is_transient());
}

#[test]
fn a_2xx_without_both_ids_is_an_unknown_outcome_and_shows_the_body() {
    let long = "a gateway's long page ".repeat(1000);
    for (body, shown) in [
        ("<html><b>Welcome to the\r\ncaptive portal</b></html>", "captive portal"),
        ("", "with an empty body"),
        ("null", "null"),
        ("[]", "[]"),
        ("\u{feff}", "with an empty body"),
        (r#"{"PackageId":"p-1"}"#, "p-1"),
        (r#"{"PackageId":"p-1","JobId":""}"#, "JobId"),
        (r#"{"PackageId":"p-1","JobId":"../x"}"#, "../x"),
        (r#"{"PackageId":"p-1","JobId":"a b"}"#, "a b"),
        (r#"{"PackageId":"p-1","JobId":7}"#, "7"),
        (r#"{"PackageId":"p-1","JobId":null}"#, "null"),
        (long.as_str(), "a gateway's long page"),
    ] {
        let (text, _) = unknown_after(&answered("200 OK", body)[1..]);
        assert!(text.contains(shown) && text.contains("200"), "{text}");
        assert!(text.len() < 2048 + 600, "an excerpt of at most 2 KiB: {}", text.len());
    }
    let invalid = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n".as_slice(), b"\xff\xfe{\x80"].concat();
    unknown_after(&[write(invalid)]);
    unknown_after(&[write("HTTP/1.1 204 No Content\r\n\r\n")]);
    unknown_after(&[write("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")]);
}

#[test]
fn truncated_json_is_an_unknown_outcome() {
    let half = r#"{"PackageId":"p-1","JobId":"j-"#;
    let length = format!("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{half}");
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n", half.len());
    let mid_chunk = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{half}");
    let to_the_end = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{half}");
    side_by_side([length, chunked, mid_chunk, to_the_end], |answer| {
        let (text, _) = unknown_after(&[write(answer.clone())]);
        assert!(text.contains("p-1"), "{text}");
        unknown_after(&[write(answer), Step::Hold]);
    });
}

#[test]
fn a_whole_answer_needs_neither_an_end_nor_the_right_length() {
    let ids = crate::support::server::IDS;
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{ids}"),
        format!("HTTP/1.1 200 OK\r\n\r\n{ids}\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{ids}\r\n", ids.len()),
    ] {
        let server = Server::start([vec![Step::Request, write(answer), Step::Hold]]);
        let outcome = Caller::of(&server).upload(Package::small());
        assert!(outcome.took.as_secs() < 9, "{outcome:?}");
        outcome.ok();
    }
}

#[test]
fn an_endless_response_is_read_up_to_a_bound() {
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let floods = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", " ".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\n\r\n{", r#""a":{"b":1},"#.repeat(1 << 12)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
        // A chunk length that never ends.
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", "y".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ", "y".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n".repeat(1 << 12)),
        // A line, a head, or a series of interim responses that never ends.
        ("HTTP/1.1 200 OK\r\nX-Long: ", "x".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\n", "X-More: yes\r\n".repeat(1 << 12)),
        ("HTTP/1.1 100 Continue\r\nX-Long: ", "x".repeat(1 << 16)),
    ];
    side_by_side(floods, |(head, flood)| {
        let (_, flooded) = unknown_after(&[write(head), Step::Flood(flood.clone().into())]);
        assert!(flooded < BUFFERED, "{flooded} bytes were taken after {head}");
        unknown_status_after(&[write(head), Step::Flood(flood.into())]);
    });
}

#[test]
fn endless_interim_responses_hit_the_response_timeout() {
    unknown_after(&[interim_flood()]);
    unknown_status_after(&[interim_flood()]);
}

#[test]
fn a_head_beyond_all_measure_is_an_error() {
    let large = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n", "x".repeat(300 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}", "X-Many: 1\r\n".repeat(30_000));
    for head in [large, many] {
        let answer = format!("{head}Content-Length: 33\r\n\r\n{}", crate::support::server::IDS);
        let (text, _) = unknown_after(&[write(answer.clone())]);
        assert!(text.contains("answered 200"), "the status is known: {text}");
        unknown_status_after(&[write(answer)]);
    }
}

#[test]
fn a_compressed_answer_that_nobody_asked_for_is_not_unpacked() {
    // 1 KiB of zeros, gzipped; a bomb is the same with more.
    let gzip = [
        &b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x63\x60\x18\x05\xa3\x60\x14\x0c\x77\x00"[..],
        &b"\x2e\xaf\xb5\xef\x00\x04\x00\x00"[..],
    ]
    .concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    let (text, _) = unknown_after(&[write([head.as_bytes(), &gzip].concat())]);
    assert!(text.len() < 1000, "{text}");
    let server = Server::answering("200 OK", crate::support::server::IDS);
    Caller::of(&server).upload(Package::small()).ok();
    assert_eq!(server.stop().requests[0].header("Accept-Encoding"), None);
}

#[test]
fn garbage_in_the_place_of_a_head_is_an_error() {
    let ids = crate::support::server::IDS;
    let two_lengths = format!("HTTP/1.1 200 OK\r\nContent-Length: 33\r\nContent-Length: 1\r\n\r\n{ids}");
    let all = [
        "BANANA\r\n\r\n",
        "\r\n\r\n\r\n",
        "\0\0\0\0",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        &two_lengths,
    ];
    side_by_side(all, |garbage| {
        for end in [&[][..], &[Step::Hold]] {
            unknown_after(&[&[write(garbage)], end].concat());
            unknown_status_after(&[&[write(garbage)], end].concat());
        }
    });
}

#[test]
fn garbage_while_the_body_is_sent_is_an_interruption() {
    for script in [vec![Step::Head, write("BANANA\r\n\r\n"), Step::Hold], vec![Step::Head, write("BANANA\r\n\r\n")]] {
        let server = Server::start([script]);
        let outcome = Caller::of(&server).upload(Package::sparse(64 * MIB));
        outcome.error(ErrorKind::Interrupted);
        assert!(outcome.took.as_secs() < 9, "{outcome:?}");
        assert!(server.stop().body_bytes() < MIB);
    }
}
