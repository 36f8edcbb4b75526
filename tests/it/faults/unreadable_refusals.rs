//! The server refuses in a head that a strict parser does not take, or that never ends: its status counts all the same.

use std::time::Duration;

use mendix_deploy::{ErrorKind, Retry};

use super::caller::Caller;
use super::early_answers::trusting;
use crate::package::{KIB, MIB, Package};
use crate::server::{IDS, PLAIN_AND_TLS, Server, Step, go_ahead, write};

/// Uploads to a server that refuses by `refusal`, while the body is sent and after it.
#[track_caller]
fn rejected_with_413(refusal: &[Step], answer_within: Duration) {
    let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], refusal, &[Step::Hold]].concat();
    let late = [&[Step::Request], refusal].concat();
    for (script, size) in [(early, 64 * MIB), (late, 100 * KIB)] {
        for start in PLAIN_AND_TLS {
            let server = start(vec![script.clone()]);
            let caller = Caller::of(&server).with(trusting).with(|client| {
                client.with_response_timeout(answer_within).with_retry(Retry::default().with_attempts(2))
            });
            let outcome = caller.upload(Package::sparse(size));
            assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(413), "{outcome:?}");
            assert!(outcome.took < answer_within + Duration::from_secs(2), "{outcome:?}");
            assert_eq!(server.stop().connections, 1);
        }
    }
}

#[test]
fn a_refusal_whose_head_cannot_be_parsed_counts_by_its_status() {
    for fields in [
        "X-Many: 1\r\n".repeat(200),
        "Set-Cookie: a=b; Path=/\r\n".repeat(2000),
        format!("X-Large: {}\r\n", "x".repeat(70 << 10)),
        "X-Folded: a\r\n  b\r\n".to_owned(),
        ": no name\r\n".to_owned(),
        "X-Blank : a\r\n".to_owned(),
    ] {
        let refusal = format!("HTTP/1.1 413 Too Large\r\n{fields}Content-Length: 2\r\n\r\nno");
        rejected_with_413(&[write(refusal)], Duration::from_secs(5));
    }
}

/// What is left of an answer whose head cannot be parsed: its status, and `Retry-After` if it has arrived.
#[test]
fn a_retry_after_in_a_head_that_cannot_be_parsed_is_heeded() {
    let unreadable = "X-Folded: a\r\n  b\r\n".repeat(2);
    for (before, after) in [("", unreadable.as_str()), (unreadable.as_str(), "")] {
        let busy = format!("HTTP/1.1 429 Later\r\n{before}RETRY-AFTER: 7200\r\n{after}Content-Length: 0\r\n\r\n");
        for script in [vec![Step::Head, write(busy.clone()), Step::Drain], vec![Step::Request, write(busy.clone())]] {
            for start in PLAIN_AND_TLS {
                let server = start(vec![script.clone()]);
                let outcome = Caller::of(&server).with(trusting).upload(Package::small());
                let error = outcome.error(ErrorKind::Rejected);
                assert_eq!((error.status(), error.retry_after()), (Some(429), Some(Duration::from_secs(7200))));
                assert!(error.to_string().contains("the rest of the answer could not be read"), "{error}");
                assert!(
                    format!("{error:?}").contains("caused by: the answer could not be read to its end"),
                    "{error:?}"
                );
                assert_eq!(outcome.retries(), 0);

                let server = start(vec![vec![Step::Request, write(busy.clone())]]);
                let once = Caller::of(&server).with(trusting).with(|client| client.with_retry(Retry::never()));
                let poll = once.status();
                assert_eq!(poll.error(ErrorKind::Rejected).retry_after(), Some(Duration::from_secs(7200)));
            }
        }
    }
    // Only what has arrived as a whole counts: this may be the beginning of a longer wait.
    let half = "HTTP/1.1 429 Later\r\nRetry-After: 1";
    let server = Server::start([vec![Step::Request, write(half), Step::Hold]]);
    let once = Caller::of(&server)
        .with(|client| client.with_retry(Retry::never()).with_response_timeout(Duration::from_millis(200)));
    let outcome = once.upload(Package::small());
    assert_eq!(outcome.error(ErrorKind::Rejected).retry_after(), None);
}

#[test]
fn a_status_of_more_than_three_digits_is_none() {
    for line in ["HTTP/1.1 4135 What", "HTTP/1.1 413_", "HTTP/1.1 2000 OK"] {
        let garbage = [write(format!("{line}\r\nContent-Length: 33\r\n\r\n{IDS}")), Step::Hold];
        let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], &garbage[..]].concat();
        let late = [&[Step::Request], &garbage[..]].concat();
        for (script, size, kind) in [(early, 64 * MIB, ErrorKind::Interrupted), (late, KIB, ErrorKind::Unknown)] {
            for start in PLAIN_AND_TLS {
                let server = start(vec![script.clone()]);
                let caller = Caller::of(&server).with(trusting).with(|client| client.with_retry(Retry::never()));
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
        [write("HTTP/1.1 413 Too Large\r\n")].into_iter().chain(drip.into_iter().cycle().take(80)).collect();
    let held = [write("HTTP/1.1 413 Too Large\r\nX-Half: "), Step::Hold];
    for refusal in [&held[..], &drips] {
        rejected_with_413(refusal, Duration::from_millis(300));
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
        for (script, size) in [(early, 64 * MIB), (late, 100 * KIB)] {
            for start in starts {
                let server = start(vec![script.clone()]);
                let outcome = Caller::of(&server).with(trusting).upload(Package::sparse(size));
                let error = outcome.error(ErrorKind::Rejected);
                assert_eq!((error.status(), error.code()), (Some(403), Some("NOT ALLOWED")), "{outcome:?}");
                assert!(outcome.took < Duration::from_secs(4), "{outcome:?}");
            }
        }
    }
}

/// ureq's input buffer holds 128 KiB, and panics when it shrinks after it had to grow.
#[test]
fn more_early_input_than_the_buffer_holds_is_left_alone() {
    let large = "x".repeat(300 << 10);
    let acceptance = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    let interim = format!("HTTP/1.1 102 Processing\r\nX-Large: {large}\r\n\r\n");
    for input in [acceptance, interim] {
        for before in [vec![Step::Head], vec![Step::Head, go_ahead(), Step::Body(MIB)]] {
            for start in PLAIN_AND_TLS {
                let server = start(vec![[&before[..], &[write(input.clone()), Step::Drain]].concat()]);
                let caller = Caller::of(&server).with(trusting);
                let caller = caller.with(|client| client.with_response_timeout(Duration::from_millis(300)));
                caller.upload(Package::sparse(16 * MIB)).error(ErrorKind::Unknown);
                assert_eq!(server.stop().connections, 1);
            }
        }
    }
    for (flood, kind) in
        [("HTTP/1.1 200 OK\r\n\r\n", ErrorKind::Unknown), ("HTTP/1.1 102 X\r\nX: ", ErrorKind::Interrupted)]
    {
        let script = vec![Step::Head, go_ahead(), Step::Body(MIB), write(flood), Step::Flood(vec![b'x'; 1 << 16])];
        for start in PLAIN_AND_TLS {
            let server = start(vec![script.clone()]);
            let caller = Caller::of(&server).with(trusting);
            let caller =
                caller.with(|client| client.with_stall_timeout(Duration::from_millis(300)).with_retry(Retry::never()));
            caller.upload(Package::sparse(64 * MIB)).error(kind);
            assert!(server.stop().flooded < 24 * MIB);
        }
    }
}
