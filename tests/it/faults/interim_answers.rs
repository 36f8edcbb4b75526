//! `Expect: 100-continue` and interim responses: expected or not, in any shape, the body arrives once.

use std::time::Duration;

use mendix_deploy::ErrorKind;

use crate::support::caller::Caller;
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{IDS, PLAIN_AND_TLS, Server, Step, accepted, answer, go_ahead, side_by_side, write};

const SIZE: u64 = 3 * MIB;

/// A connection's steps: the head is read, then `then`, then the body is read and accepted.
fn after_head(then: &[Step]) -> Vec<Step> {
    [&[Step::Head], then, &[Step::RestOfBody, answer("200 OK", IDS)]].concat()
}

/// Uploads to the server and checks that exactly one whole body arrived, on the last connection.
#[track_caller]
fn arrives_whole(server: Server, connections: usize) {
    let outcome = Caller::of(&server).upload(Package::sparse(SIZE));
    assert_eq!(outcome.retries(), 0, "{outcome:?}");
    outcome.ok();
    let seen = server.stop();
    assert_eq!((seen.connections, seen.requests.len()), (connections, connections));
    let last = seen.requests.last().unwrap();
    assert!(last.has_closing_boundary() && last.body_bytes == last.content_length());
    assert_eq!(seen.body_bytes(), last.body_bytes, "one body in all");
}

#[test]
fn an_unanswered_expect_costs_about_a_second() {
    side_by_side(PLAIN_AND_TLS, |start| arrives_whole(start(vec![after_head(&[])]), 1));
}

#[test]
fn a_417_is_followed_by_one_upload_without_expect() {
    let unwelcome = vec![Step::Head, answer("417 Expectation Failed", "no")];
    for start in PLAIN_AND_TLS {
        let server = start(vec![unwelcome.clone(), accepted()]);
        arrives_whole(server, 2);
    }
    // But not for ever.
    let again = [&unwelcome[..], &[Step::Drain]].concat();
    let server = Server::start([unwelcome, again]);
    let outcome = Caller::of(&server).upload(Package::sparse(SIZE));
    assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(417));
    let seen = server.stop();
    let expects: Vec<_> = seen.requests.iter().map(|request| request.header("Expect").is_some()).collect();
    assert_eq!(expects, [true, false]);
}

#[test]
fn a_100_continue_with_a_header_asks_for_the_body() {
    let interim = write("HTTP/1.1 100 Continue\r\nServer: edge\r\nX-Request-Id: 7\r\n\r\n");
    arrives_whole(Server::start([after_head(std::slice::from_ref(&interim))]), 1);
    arrives_whole(Server::tls([after_head(&[interim])]), 1);
}

#[test]
fn interim_answers_in_pieces_are_ignored() {
    let text = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                HTTP/1.1 100 Continue\r\n\r\n";
    let pieces = |text: &str| -> Vec<Step> {
        let piece = |piece: &[u8]| [write(piece), Step::Pause(Duration::from_millis(15))];
        text.as_bytes().chunks(17).flat_map(piece).collect()
    };
    arrives_whole(Server::start([after_head(&pieces(text))]), 1);
    arrives_whole(Server::tls([after_head(&pieces(text))]), 1);
    // Also during the body, and before the final response.
    let script = [
        vec![Step::Head, go_ahead(), Step::Body(MIB)],
        pieces("HTTP/1.1 102 Processing\r\nX-Progress: 33\r\n\r\n"),
        vec![Step::RestOfBody],
        pieces(text),
        vec![write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), answer("200 OK", IDS)],
    ];
    side_by_side(PLAIN_AND_TLS, |start| arrives_whole(start(vec![script.concat()]), 1));
}

#[test]
fn a_417_after_the_body_was_begun_is_a_refusal_like_any_other() {
    let unwelcome = answer("417 Expectation Failed", "no");
    let late = vec![Step::Request, unwelcome.clone()];
    let in_the_middle = vec![Step::Head, go_ahead(), Step::Body(MIB), unwelcome, Step::Hold];
    for (script, size) in [(late, 100 * KIB), (in_the_middle, 64 * MIB)] {
        for start in PLAIN_AND_TLS {
            let server = start(vec![script.clone(), accepted()]);
            let outcome = Caller::of(&server).upload(Package::sparse(size));
            assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(417));
            assert_eq!(server.stop().connections, 1);
        }
    }
}

#[test]
fn a_small_package_also_sends_expect() {
    let server = Server::start([accepted()]);
    Caller::of(&server).upload(Package::small()).ok();
    let seen = server.stop();
    assert_eq!(seen.requests[0].header("Expect"), Some("100-continue"));
    assert!(seen.requests[0].has_closing_boundary());
}

#[test]
fn a_100_continue_that_nobody_asked_for_is_ignored() {
    let unwelcome = vec![Step::Head, answer("417 Expectation Failed", "no")];
    let server = Server::start([unwelcome, after_head(&[go_ahead()])]);
    Caller::of(&server).upload(Package::sparse(100 * KIB)).ok();
    let seen = server.stop();
    assert_eq!(seen.requests[1].header("Expect"), None);
    assert!(seen.requests[1].has_closing_boundary());
}

#[test]
fn a_stray_line_break_before_an_answer_is_ignored() {
    for before in ["HTTP/1.1 100 Continue\r\n\r\n\r\n", "\r\n\r\n", "\nHTTP/1.1 100 Continue\r\n\r\n"] {
        let server = Server::start([vec![Step::Head, write(before), Step::RestOfBody, answer("200 OK", IDS)]]);
        let outcome = Caller::of(&server).upload(Package::sparse(3 * MIB));
        assert!(outcome.cpu.is_none_or(|cpu| cpu < Duration::from_millis(300)), "{outcome:?}");
        outcome.ok();
        assert_eq!(server.stop().connections, 1);
    }
}

#[test]
fn a_poll_ignores_interim_answers() {
    let interim = write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    let script = vec![Step::Head, interim, answer("200 OK", r#"{"Status":"Running"}"#)];
    assert_eq!(Caller::of(&Server::start([script])).status().ok().as_str(), "Running");
}

#[test]
fn an_early_acceptance_does_not_keep_the_rest_from_being_sent() {
    let steps = [go_ahead(), answer("200 OK", IDS), Step::Drain];
    let server = Server::start([[&[Step::Head], &steps[..]].concat()]);
    Caller::of(&server).upload(Package::sparse(16 * MIB)).ok();
    let seen = server.stop();
    assert_eq!(seen.requests[0].body_bytes, seen.requests[0].content_length());
}

/// Uploads to a server that accepts after some of the body, and then ends with `end`.
fn accepted_in_mid_body(end: &[Step]) {
    let script = [&[Step::Head, go_ahead(), Step::Body(MIB), answer("200 OK", IDS)], end].concat();
    let server = Server::start([script]);
    let caller = Caller::of(&server).with(|client| client.with_stall_timeout(Duration::from_secs(1)));
    let outcome = caller.upload(Package::sparse(64 * MIB));
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    assert!(error.may_have_been_accepted());
    assert!(error.to_string().contains("only a part"), "{error}");
    assert_eq!(error.job_id().map(mendix_deploy::JobId::as_str), Some("j-1"));
    assert_eq!(server.stop().connections, 1);
}

#[test]
fn an_acceptance_of_half_a_body_is_not_a_success() {
    accepted_in_mid_body(&[Step::Hold]);
}

#[cfg_attr(windows, ignore = "Winsock discards unread input when a reset arrives")]
#[test]
fn an_acceptance_of_half_a_body_before_a_reset_is_not_a_success() {
    accepted_in_mid_body(&[]);
}
