//! Responses whose head a strict parser refuses: the message and the ids are read, as curl would. If the head never
//! ends, the status counts.

use std::time::Duration;

use mendix_deploy::{ErrorKind, JobStatus, Retry};

use crate::support::caller::Caller;
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{BUFFERED, IDS, PLAIN_AND_TLS, Server, Step, go_ahead, side_by_side, write};

const TOO_LARGE: &str = r#"{"errorCode":"TOO LARGE","errorMessage":"no"}"#;

/// Uploads to a server that sends `refusal`, during the body and after it.
#[track_caller]
fn rejected_with_413(refusal: &[Step], answer_within: Duration, code: Option<&str>) {
    let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], refusal, &[Step::Hold]].concat();
    let late = [&[Step::Request], refusal].concat();
    let scripts = [(early, 64 * MIB), (late, 100 * KIB)];
    let cases = PLAIN_AND_TLS.iter().flat_map(|start| scripts.iter().map(move |script| (start, script)));
    side_by_side(cases, |(start, (script, size))| {
        let server = start(vec![script.clone()]);
        let caller = Caller::of(&server)
            .with(|client| client.with_response_timeout(answer_within).with_retry(Retry::default().with_attempts(2)));
        let outcome = caller.upload(Package::sparse(*size));
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!((error.status(), error.code()), (Some(413), code), "{outcome:?}");
        assert!(outcome.took < answer_within + Duration::from_secs(9), "{outcome:?}");
        assert_eq!(server.stop().connections, 1);
    });
}

/// Heads that ureq's parser refuses and curl accepts: the rest of the status line, then fields.
fn odd_heads() -> Vec<(Vec<u8>, Vec<u8>)> {
    let fields = [
        "X-Many: 1\r\n".repeat(200),
        "Set-Cookie: a=b; Path=/\r\n".repeat(2000),
        format!("X-Large: {}\r\n", "x".repeat(70 << 10)),
        format!("Location: /{}\r\n", "x".repeat(70 << 10)),
        format!("{}: 1\r\n", "X".repeat(70 << 10)),
        "X-Folded: a\r\n  b\r\n\tContent-Length: 7\r\n".to_owned(),
        " X-Leading: a\r\n".to_owned(),
        ": no name\r\n".to_owned(),
        "no colon\r\n".to_owned(),
        "X-Blank : a\r\nX Two: b\r\n".to_owned(),
        "Set-Cookie: a=\u{1}\r\nX-Null: \0\r\nX-Escape\u{1b}[2J: \u{7f}\r\n".to_owned(),
        "X-Bare: a\rb\r\nX-Line: c\nX-Name\u{e9}\u{1f4a9}: d\r\n".to_owned(),
        "Date: \u{1}\r\nRetry-After: \u{2}\r\nLocation: \u{3}\r\nContent-Encoding: \u{4}\r\n".to_owned(),
    ];
    let mut heads: Vec<_> = fields.map(|fields| (b"".to_vec(), fields.into_bytes())).into();
    heads.push((b" So\x01 So\xff".to_vec(), b"X-Latin: \xe9\r\nX-\xe9: 1\r\n".to_vec()));
    heads.push((b" ".to_vec(), b"Content-Length : ".to_vec()));
    heads
}

/// A complete response with such a head, with each of the three framings in turn.
fn odd_answers<'a>(status: &'a str, body: &'a str) -> impl Iterator<Item = Step> + 'a {
    let chunked = format!("Transfer-Encoding:\r\n chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let framed = [format!("Content-Length: {}\r\n\r\n{body}", body.len()), chunked, format!("\r\n{body}")];
    odd_heads().into_iter().enumerate().map(move |(turn, (reason, fields))| {
        // The last head ends within a length.
        let framed =
            if fields.ends_with(b": ") { format!("{}\r\n\r\n{body}", body.len()) } else { framed[turn % 3].clone() };
        let line = [b"HTTP/1.1 ", status.as_bytes(), &reason, b"\r\n"].concat();
        write([&line[..], &fields, framed.as_bytes()].concat())
    })
}

#[test]
fn the_words_of_a_refusal_are_read_behind_a_head_of_any_kind() {
    for refusal in odd_answers("413", TOO_LARGE) {
        rejected_with_413(&[refusal], Duration::from_secs(5), Some("TOO LARGE"));
    }
}

/// As servers write them that take care of line breaks twice, or of none.
#[test]
fn the_words_of_a_refusal_are_read_behind_odd_blanks_and_line_ends() {
    for (line, end) in [("HTTP/1.1 413", "\r\r\n"), ("HTTP/1.1  413   Too Large", "\n"), ("HTTP/1.1 413\t", "\r\r\r\n")]
    {
        let head = format!("{line}{end}X-Folded: a{end} b{end}Content-Length: {}{end}{end}", TOO_LARGE.len());
        rejected_with_413(&[write(head + TOO_LARGE)], Duration::from_secs(5), Some("TOO LARGE"));
    }
}

#[test]
fn the_ids_of_an_acceptance_are_read_behind_a_head_of_any_kind() {
    for (turn, acceptance) in odd_answers("200", IDS).enumerate() {
        let early = vec![Step::Head, go_ahead(), Step::Body(KIB), acceptance.clone(), Step::RestOfBody];
        for script in [early, vec![Step::Request, acceptance.clone()]] {
            let server = PLAIN_AND_TLS[turn % 2](vec![script]);
            Caller::of(&server).upload(Package::sparse(2 * MIB)).ok();
            assert_eq!(server.stop().connections, 1);
        }
    }
}

#[test]
fn the_status_of_a_job_is_read_behind_a_head_of_any_kind() {
    for (turn, answer) in odd_answers("200", r#"{"Status":"Completed"}"#).enumerate() {
        let server = PLAIN_AND_TLS[turn % 2](vec![vec![Step::Request, answer]]);
        let once = Caller::of(&server).with(|client| client.with_retry(Retry::never()));
        assert_eq!(once.status().ok(), JobStatus::Completed);
    }
}

/// The end of a body must not be guessed: of these responses only the status counts.
#[test]
fn a_framing_that_can_be_read_in_two_ways_leaves_the_status_alone() {
    for framing in [
        "Content-Length: 33\r\nContent-Length: 1\r\n",
        "Content-Length: 33\r\nX: y\r\nContent-Length : 034\r\n",
        "Content-Length: 33, 34\r\n",
        "Content-Length: 33\u{1}\r\n",
        "Content-Length: 3\r\n 3\r\n",
        "Content-Length: +33\r\n",
        "Content-Length:\r\n",
        "Content-Length: 33\rX: y\r\n",
    ] {
        for (status, kind) in [("200", ErrorKind::OutcomeUnknown), ("403", ErrorKind::Rejected)] {
            let server =
                Server::start([vec![Step::Request, write(format!("HTTP/1.1 {status} X\r\n{framing}\r\n{IDS}"))]]);
            let outcome = Caller::of(&server).upload(Package::small());
            let error = outcome.error(kind);
            assert_eq!(error.status(), status.parse().ok(), "{framing:?}: {error}");
            assert!(error.to_string().contains("could not be read"), "{framing:?}: {error}");
            assert_eq!(server.stop().connections, 1);
        }
    }
}

#[test]
fn a_retry_after_in_a_head_of_any_kind_is_heeded() {
    let unreadable = "X-Folded: a\r\n  b\r\n".repeat(2);
    for (before, after) in [("", unreadable.as_str()), (unreadable.as_str(), "")] {
        let busy = format!("HTTP/1.1 429 Later\r\n{before}RETRY-AFTER: 7200\r\n{after}Content-Length: 0\r\n\r\n");
        for script in [vec![Step::Head, write(busy.clone()), Step::Drain], vec![Step::Request, write(busy.clone())]] {
            for start in PLAIN_AND_TLS {
                let server = start(vec![script.clone()]);
                let outcome = Caller::of(&server).upload(Package::small());
                let error = outcome.error(ErrorKind::Rejected);
                assert_eq!((error.status(), error.retry_after()), (Some(429), Some(Duration::from_secs(7200))));
                assert_eq!(outcome.retries(), 0);

                let server = start(vec![vec![Step::Request, write(busy.clone())]]);
                let once = Caller::of(&server).with(|client| client.with_retry(Retry::never()));
                let poll = once.status();
                assert_eq!(poll.error(ErrorKind::Rejected).retry_after(), Some(Duration::from_secs(7200)));
            }
        }
    }
}

#[test]
fn of_a_head_that_never_ends_a_retry_after_counts_once_its_line_is_whole() {
    for (half, wait) in [("Retry-After: 7200\r\nX-Half", Some(Duration::from_secs(7200))), ("Retry-After: 1", None)] {
        let server = Server::start([vec![Step::Request, write(format!("HTTP/1.1 429 Later\r\n{half}")), Step::Hold]]);
        let once = Caller::of(&server)
            .with(|client| client.with_retry(Retry::never()).with_response_timeout(Duration::from_millis(1500)));
        let outcome = once.upload(Package::small());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!((error.status(), error.retry_after()), (Some(429), wait));
        assert!(error.to_string().contains("the rest of the response could not be read"), "{error}");
        assert!(format!("{error:?}").contains("caused by: the response is incomplete"), "{error:?}");
    }
}

#[test]
fn four_digits_are_not_a_status() {
    for line in ["HTTP/1.1 4135 What", "HTTP/1.1 413_", "HTTP/1.1 2000 OK"] {
        let garbage = [write(format!("{line}\r\nContent-Length: 33\r\n\r\n{IDS}")), Step::Hold];
        let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], &garbage[..]].concat();
        let late = [&[Step::Request], &garbage[..]].concat();
        for (script, size, kind) in [(early, 64 * MIB, ErrorKind::Interrupted), (late, KIB, ErrorKind::OutcomeUnknown)]
        {
            for start in PLAIN_AND_TLS {
                let server = start(vec![script.clone()]);
                let caller = Caller::of(&server).with(|client| client.with_retry(Retry::never()));
                let outcome = caller.upload(Package::sparse(size));
                assert_eq!(outcome.error(kind).status(), None, "{line}");
            }
        }
    }
}

#[test]
fn a_refusal_whose_head_never_ends_counts_by_its_status() {
    let drip = [write("X-Drip: 1\r\n"), Step::Pause(Duration::from_millis(20))];
    let drips: Vec<_> =
        [write("HTTP/1.1 413 Too Large\r\n")].into_iter().chain(drip.into_iter().cycle().take(800)).collect();
    let held = [write("HTTP/1.1 413 Too Large\r\nX-Half: "), Step::Hold];
    let flood = [write("HTTP/1.1 413 Too Large\r\n"), Step::Flood("X-More: yes\r\n".repeat(1 << 12).into())];
    for refusal in [&held[..], &drips, &flood] {
        rejected_with_413(refusal, Duration::from_millis(1500), None);
    }
}

#[test]
fn the_words_of_a_refusal_may_come_after_its_head() {
    const WORDS: &str = r#"{"errorCode":"NOT ALLOWED","errorMessage":"no API Rights"}"#;
    let with_length = format!("Content-Length: {}\r\n", WORDS.len());
    for (field, pause, starts) in [("", 200, &PLAIN_AND_TLS[..]), (&with_length, 1500, &PLAIN_AND_TLS[1..])] {
        let head = format!("HTTP/1.1 403 Forbidden\r\n{field}\r\n");
        let refusal = [write(head), Step::Pause(Duration::from_millis(pause)), write(WORDS), Step::Hold];
        let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], &refusal[..]].concat();
        let late = [&[Step::Request], &refusal[..]].concat();
        let scripts = [(early, 64 * MIB), (late, 100 * KIB)];
        let cases = starts.iter().flat_map(|start| scripts.iter().map(move |script| (start, script)));
        side_by_side(cases, |(start, (script, size))| {
            let server = start(vec![script.clone()]);
            let outcome = Caller::of(&server).upload(Package::sparse(*size));
            let error = outcome.error(ErrorKind::Rejected);
            assert_eq!((error.status(), error.code()), (Some(403), Some("NOT ALLOWED")), "{outcome:?}");
            assert!(outcome.took < Duration::from_secs(9), "{outcome:?}");
        });
    }
}

/// ureq's input buffer has 128 KiB, and panics when it shrinks after growing.
#[test]
fn early_input_beyond_the_buffer_of_ureq_does_not_panic() {
    let large = "x".repeat(300 << 10);
    let acceptance = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    let interim = format!("HTTP/1.1 102 Processing\r\nX-Large: {large}\r\n\r\n");
    side_by_side([acceptance, interim], |input| {
        for before in [vec![Step::Head], vec![Step::Head, go_ahead(), Step::Body(MIB)]] {
            side_by_side(PLAIN_AND_TLS, |start| {
                let server = start(vec![[&before[..], &[write(input.clone()), Step::Drain]].concat()]);
                let caller = Caller::of(&server);
                let caller = caller.with(|client| client.with_response_timeout(Duration::from_millis(300)));
                caller.upload(Package::sparse(16 * MIB)).error(ErrorKind::OutcomeUnknown);
                assert_eq!(server.stop().connections, 1);
            });
        }
    });
    for (flood, kind) in
        [("HTTP/1.1 200 OK\r\n\r\n", ErrorKind::OutcomeUnknown), ("HTTP/1.1 102 X\r\nX: ", ErrorKind::Interrupted)]
    {
        let script = vec![Step::Head, go_ahead(), Step::Body(MIB), write(flood), Step::Flood(vec![b'x'; 1 << 16])];
        for start in PLAIN_AND_TLS {
            let server = start(vec![script.clone()]);
            let caller = Caller::of(&server);
            let caller =
                caller.with(|client| client.with_stall_timeout(Duration::from_millis(300)).with_retry(Retry::never()));
            caller.upload(Package::sparse(64 * MIB)).error(kind);
            assert!(server.stop().flooded < BUFFERED);
        }
    }
}
