//! The server refuses before it has the body. The caller gets the refusal at once, and the rest is not sent.

use std::time::Duration;

use mendix_deploy::ErrorKind;

use crate::support::caller::Caller;
use crate::support::package::{MIB, Package};
use crate::support::server::{PLAIN_AND_TLS, Seen, Server, Start, Step, answer, side_by_side, write};

const NO_RIGHTS: &str = r#"{"errorMessage":"no API Rights for this app","errorCode":"NOT ALLOWED"}"#;
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
/// What the buffers of both ends may hold before the refusal is noticed.
const ON_ITS_WAY: u64 = 24 * MIB;

/// How the server treats `Expect: 100-continue`.
#[derive(Debug, Clone, Copy)]
enum Expect {
    Honoured,
    Ignored,
    /// The first connection ends with a 417; the refusal comes on the second.
    Unwelcome,
    /// An interim response may have headers.
    HonouredWithHeader,
}

const EXPECTS: [Expect; 4] = [Expect::Honoured, Expect::Ignored, Expect::Unwelcome, Expect::HonouredWithHeader];

impl Expect {
    /// The scripts of a server that reads the head, treats `Expect` like this, and continues with `then`.
    fn then(self, then: &[Step]) -> Vec<Vec<Step>> {
        let script = |interim: &str| [&[Step::Head, write(interim)], then].concat();
        match self {
            Expect::Honoured => vec![script(CONTINUE)],
            Expect::Ignored => vec![script("")],
            Expect::Unwelcome => vec![vec![Step::Head, answer("417 Expectation Failed", "")], script("")],
            Expect::HonouredWithHeader => vec![script("HTTP/1.1 100 Continue\r\nX-Served-By: edge-7\r\n\r\n")],
        }
    }

    fn connections(self) -> usize {
        if matches!(self, Expect::Unwelcome) { 2 } else { 1 }
    }
}

fn refusal() -> Step {
    answer("403 Forbidden\nContent-Type: application/json", NO_RIGHTS)
}

/// Uploads 200 MiB to servers that refuse by `then`, one for each of `expects`, and returns what they saw.
#[track_caller]
fn refused(start: Start, expects: &[Expect], then: &[Step]) -> Vec<Seen> {
    let package = Package::sparse(200 * MIB);
    let upload = |expect: &Expect| {
        let server = start(expect.then(then));
        let outcome = Caller::of(&server).upload(&package);
        let seen = server.stop();
        let context = format!("{expect:?}, {} bytes read: {outcome:?}", seen.body_bytes());
        assert!(outcome.result.is_err(), "{context}");
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!((error.status(), error.code()), (Some(403), Some("NOT ALLOWED")), "{context}");
        assert!(error.to_string().contains("no API Rights for this app"), "{context}");
        assert!(!error.may_have_been_accepted() && outcome.retries() == 0, "{context}");
        assert!(outcome.took.as_secs() < 9, "{context}");
        assert_eq!(seen.connections, expect.connections(), "{context}");
        assert!(seen.body_bytes() < ON_ITS_WAY, "{context}");
        assert_eq!(seen.requests[0].header("Expect"), Some("100-continue"), "{context}");
        assert!(seen.connections == 1 || seen.requests[1].header("Expect").is_none(), "{context}");
        seen
    };
    expects.iter().map(upload).collect()
}

const PLAIN: Start = PLAIN_AND_TLS[0];
const TLS: Start = PLAIN_AND_TLS[1];

#[test]
fn a_refusal_at_once_on_an_open_connection() {
    refused(PLAIN, &EXPECTS, &[refusal(), Step::Hold]);
}

#[test]
fn a_refusal_at_once_while_the_server_reads_on() {
    refused(PLAIN, &EXPECTS, &[refusal(), Step::Drain]);
}

#[test]
fn a_refusal_at_once_then_a_half_close_while_the_server_reads_on() {
    refused(PLAIN, &EXPECTS, &[refusal(), Step::Finish, Step::Drain]);
}

#[test]
fn a_refusal_by_a_server_that_then_stops_reading() {
    refused(PLAIN, &EXPECTS, &[Step::Body(3 * MIB), refusal(), Step::Hold]);
}

#[test]
fn a_refusal_in_the_packet_of_the_100_continue_costs_no_body() {
    let mut both = CONTINUE.to_owned();
    let Step::Write(refusal) = refusal() else { unreachable!() };
    both.push_str(&String::from_utf8(refusal).unwrap());
    for start in PLAIN_AND_TLS {
        for end in [Step::Hold, Step::Drain] {
            let seen = refused(start, &[Expect::Ignored], &[write(both.clone()), end]);
            assert_eq!(seen[0].body_bytes(), 0);
        }
    }
}

#[test]
fn a_refusal_in_the_packet_of_the_100_continue_is_seen_in_a_record_of_its_own() {
    // As long as a gateway's page, so that it does not fit the first read of a TLS library.
    let page = answer("403 Forbidden", &format!("{NO_RIGHTS}{}", " ".repeat(9000)));
    let Step::Write(page) = page else { unreachable!() };
    for end in [Step::Hold, Step::Drain] {
        refused(TLS, &[Expect::Ignored], &[Step::WriteTogether(vec![CONTINUE.into(), page.clone()]), end]);
    }
}

#[test]
fn a_refusal_after_interim_responses() {
    let sign = [write("HTTP/1.1 102 Processing\r\n\r\n"), Step::Pause(Duration::from_millis(15))];
    let signs = sign.iter().cycle().take(60).cloned();
    let then: Vec<_> = [Step::Body(MIB)].into_iter().chain(signs).chain([refusal(), Step::Hold]).collect();
    refused(PLAIN, &[Expect::Honoured], &then);
    refused(TLS, &[Expect::Honoured], &then);
}

#[test]
fn a_refusal_in_the_place_of_the_100_continue_costs_no_body() {
    for start in PLAIN_AND_TLS {
        let seen = refused(start, &[Expect::Ignored], &[refusal(), Step::Drain]);
        assert_eq!(seen[0].body_bytes(), 0);
    }
}

#[test]
fn a_refusal_in_pieces() {
    let Step::Write(refusal) = refusal() else { unreachable!() };
    let pause = Step::Pause(Duration::from_millis(30));
    let pieces = |size: usize| refusal.chunks(size).flat_map(|piece| [write(piece), pause.clone()]);
    for end in [Step::Hold, Step::Drain] {
        let then: Vec<_> = [Step::Body(MIB)].into_iter().chain(pieces(40)).chain([end]).collect();
        refused(PLAIN, &[Expect::Honoured], &then);
        refused(TLS, &[Expect::Honoured], &then);
    }
}

/// The head of the response to `Expect` often comes in several packets; waiting for the rest must cost nothing.
#[test]
fn a_refusal_in_the_place_of_the_100_continue_may_come_in_pieces() {
    let Step::Write(refusal) = refusal() else { unreachable!() };
    let (first, second) = refusal.split_at(30);
    side_by_side(PLAIN_AND_TLS, |start| {
        let pause = Step::Pause(Duration::from_millis(800));
        let server = start(vec![vec![Step::Head, write(first), pause, write(second), Step::Hold]]);
        let outcome = Caller::of(&server).upload(Package::sparse(20 * MIB));
        assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(403));
        outcome.assert_idle();
        assert_eq!(server.stop().body_bytes(), 0);
    });
}

#[test]
fn a_refusal_without_a_length_on_an_open_connection_is_not_waited_on() {
    let text = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<h1>no</h1>";
    for start in [PLAIN, TLS] {
        let server = start(vec![vec![Step::Head, write(text), Step::Hold]]);
        let outcome = Caller::of(&server).upload(Package::sparse(20 * MIB));
        assert!(outcome.error(ErrorKind::Rejected).to_string().contains("403, a web page, \"no\""));
        assert!(outcome.took < Duration::from_millis(2500), "{outcome:?}");
    }
}

#[test]
fn a_refusal_over_tls_at_once() {
    refused(TLS, &EXPECTS, &[refusal(), Step::Hold]);
    refused(TLS, &[Expect::Honoured], &[refusal(), Step::Finish, Step::Drain]);
}

#[test]
fn a_refusal_over_tls_while_the_server_reads_on() {
    refused(TLS, &[Expect::Honoured, Expect::Unwelcome], &[refusal(), Step::Drain]);
}

#[test]
fn a_refusal_over_tls_by_a_server_that_then_stops_reading() {
    refused(TLS, &[Expect::Honoured, Expect::Ignored], &[Step::Body(3 * MIB), refusal(), Step::Hold]);
}

#[test]
fn a_401_without_a_body_or_its_end_is_rejected() {
    let answers = [("401 Unauthorized", ""), ("401 Unauthorized\nContent-Length: 500", r#"{"errorCode":"#)];
    side_by_side(answers, |(head, body)| {
        let raw = format!("HTTP/1.1 {}\r\n\r\n{body}", head.replace('\n', "\r\n"));
        let server = Server::start(Expect::Ignored.then(&[write(raw), Step::Hold]));
        let outcome = Caller::of(&server).upload(Package::sparse(200 * MIB));
        assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(401));
        assert!(outcome.took.as_secs() < 5, "{outcome:?}");
    });
}

// In the rest, a reset follows the refusal, because the server closes before it has read what was sent. On Windows the
// reset may win.

#[cfg_attr(windows, ignore = "Winsock discards unread input when a reset arrives")]
#[test]
fn a_refusal_at_once_then_a_close() {
    for start in PLAIN_AND_TLS {
        refused(start, &EXPECTS, &[refusal()]);
    }
}

#[cfg_attr(windows, ignore = "Winsock discards unread input when a reset arrives")]
#[test]
fn a_413_in_the_middle_of_the_body_is_reported_and_not_a_connection_reset() {
    let html = "<html><h1>413 Request Entity Too Large</h1></html>";
    let then = [Step::Body(10 * MIB), answer("413 Payload Too Large\nConnection: close", html)];
    for (start, expect) in PLAIN_AND_TLS.into_iter().flat_map(|start| EXPECTS.map(|expect| (start, expect))) {
        let server = start(expect.then(&then));
        let outcome = Caller::of(&server).upload(Package::sparse(300 * MIB));
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!(error.status(), Some(413));
        assert!(error.to_string().contains("Request Entity Too Large"), "{error}");
        assert_eq!(server.stop().connections, expect.connections());
    }
}
