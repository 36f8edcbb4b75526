//! The connection breaks while the body is being sent: an upload that is cut short cannot have been accepted, and is
//! retried.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mendix_deploy::{ErrorKind, Event, Retry, UploadedPackage};

use crate::support::caller::{Caller, Outcome};
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{
    BUFFERED, IDS, PLAIN_AND_TLS, Server, Step, accepted, answer, go_ahead, interim_flood, side_by_side, write,
};

/// Uploads to a server that at some point reads no more; fails because of the stall timeout.
#[track_caller]
fn stalls(server: &Server, timeout: Duration) -> Outcome<UploadedPackage> {
    let caller = Caller::of(server).with(|client| client.with_stall_timeout(timeout).with_retry(Retry::never()));
    let outcome = caller.upload(Package::sparse(64 * MIB));
    let error = outcome.error(ErrorKind::Interrupted);
    let cause = format!("for {:.1} s (Client::with_stall_timeout)", timeout.as_secs_f64());
    assert!(outcome.took >= timeout && format!("{error:?}").contains(&cause), "{outcome:?}");
    assert!(!error.may_have_been_accepted());
    outcome
}

#[test]
fn a_reset_mid_body_is_retried_with_a_whole_body() {
    for start in PLAIN_AND_TLS {
        let server = start(vec![vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Reset], accepted()]);
        let outcome = Caller::of(&server).upload(Package::sparse(32 * MIB));
        assert_eq!(outcome.retries(), 1);
        outcome.ok();
        let seen = server.stop();
        let (first, second) = (&seen.requests[0], &seen.requests[1]);
        assert!(first.body_bytes < first.content_length());
        assert_eq!(second.body_bytes, second.content_length());
        assert_eq!(first.header("Mendix-ApiKey"), second.header("Mendix-ApiKey"));
        assert_ne!(first.header("Content-Type"), second.header("Content-Type"), "a boundary is for one body");
    }
}

#[test]
fn a_connection_that_always_breaks_is_interrupted_and_nothing_was_accepted() {
    for script in [
        vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Reset],
        vec![Step::Head, go_ahead(), Step::Body(MIB)],
        vec![Step::Head, go_ahead(), Step::Reset],
        vec![Step::Reset],
        // An orderly close while the client waits for `100 Continue`.
        vec![Step::Head, Step::Finish, Step::Drain],
    ] {
        let server = Server::start([script.clone()]);
        let outcome = Caller::of(&server).upload(Package::sparse(32 * MIB));
        let error = outcome.error(ErrorKind::Interrupted);
        assert!(!error.may_have_been_accepted() && error.is_transient(), "{script:?}");
        assert!(error.to_string().contains("attempt 3 of 3") && error.to_string().contains("calc.mda"), "{error}");
        assert_eq!(server.stop().connections, 3, "{script:?}");
    }
}

/// A peer that has closed its side cannot respond any more: the client neither waits nor sends the rest.
#[test]
fn a_server_that_closes_its_side_in_mid_body_interrupts_the_upload_at_once() {
    let cases = PLAIN_AND_TLS.iter().flat_map(|start| [(start, Step::Hold), (start, Step::Drain)]);
    side_by_side(cases, |(start, then)| {
        let server = start(vec![vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Finish, then]]);
        let caller = Caller::of(&server).with(|client| client.with_retry(Retry::never()));
        let outcome = caller.upload(Package::sparse(512 * MIB));
        let error = outcome.error(ErrorKind::Interrupted);
        assert!(error.is_transient() && error.to_string().contains("the connection broke"), "{error}");
        assert!(server.stop().body_bytes() < 256 * MIB);
    });
}

#[test]
fn a_server_that_stops_reading_hits_the_stall_timeout_and_costs_no_cpu() {
    side_by_side(PLAIN_AND_TLS, |start| {
        let server = start(vec![vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Hold]]);
        let timeout = Duration::from_secs(1);
        // The buffers may accept a little more before the upload stalls, but it stalls only once.
        stalls(&server, timeout).assert_idle();
    });
}

#[test]
fn a_peer_that_writes_but_never_reads_hits_the_stall_timeout() {
    let sign = [write("HTTP/1.1 102 Processing\r\n\r\n"), Step::Pause(Duration::from_millis(30))];
    let mut script = vec![Step::Head, go_ahead(), Step::Body(MIB)];
    script.extend(sign.iter().cycle().take(400).cloned());
    let server = Server::start([script]);
    let timeout = Duration::from_millis(300);
    stalls(&server, timeout);
}

#[test]
fn a_flood_of_interim_responses_hits_the_stall_timeout() {
    let flood = interim_flood();
    let timeout = Duration::from_millis(300);
    for before in [vec![Step::Head], vec![Step::Head, go_ahead(), Step::Body(MIB)]] {
        side_by_side(PLAIN_AND_TLS, |start| {
            let server = start(vec![[&before[..], std::slice::from_ref(&flood)].concat()]);
            stalls(&server, timeout);
        });
    }
}

/// Interim responses may never end, and come faster than they can be parsed. Without pauses, several times the size of
/// the buffers would be read.
#[test]
fn a_flood_of_interim_responses_is_read_at_a_bounded_rate() {
    let flood = interim_flood();
    let timeout = Duration::from_millis(1500);
    let awaited = vec![Step::Head, flood.clone()];
    let while_sending = vec![Step::Head, go_ahead(), Step::Body(MIB), flood.clone()];
    let after_the_body = vec![Step::Request, flood];
    let cases = [
        (awaited, 64 * MIB, ErrorKind::Interrupted),
        (while_sending, 64 * MIB, ErrorKind::Interrupted),
        (after_the_body, KIB, ErrorKind::OutcomeUnknown),
    ];
    side_by_side(cases, |(script, size, kind)| {
        let server = Server::start([script]);
        let caller = Caller::of(&server).with(|client| {
            client.with_stall_timeout(timeout).with_response_timeout(timeout).with_retry(Retry::never())
        });
        let outcome = caller.upload(Package::sparse(size));
        outcome.error(kind);
        assert!(outcome.took >= timeout, "{outcome:?}");
        let flooded = server.stop().flooded;
        assert!(flooded < BUFFERED, "{flooded} bytes: {outcome:?}");
    });
}

#[test]
fn the_stall_timeout_does_not_run_while_the_response_is_awaited() {
    for start in PLAIN_AND_TLS {
        let server = start(vec![vec![Step::Request, Step::Pause(Duration::from_millis(400)), answer("200 OK", IDS)]]);
        let timeout = Duration::from_millis(100);
        let caller = Caller::of(&server).with(|client| client.with_stall_timeout(timeout));
        caller.upload(Package::sparse(2 * MIB)).ok();
    }
}

#[test]
fn a_server_that_is_busy_before_it_has_the_body_gets_a_whole_one_later() {
    // An early response other than a 2xx does not accept anything, so it allows another attempt.
    for busy in ["503 Later", "429 Slow Down\nRetry-After: 0", "408 Too Slow", "500 Oops", "502 Bad Gateway"] {
        for before in [vec![Step::Head], vec![Step::Head, go_ahead(), Step::Body(MIB)]] {
            let script = [&before[..], &[answer(busy, "<html>"), Step::Drain]].concat();
            let server = Server::start([script, accepted()]);
            let outcome = Caller::of(&server).upload(Package::sparse(32 * MIB));
            assert_eq!(outcome.retries(), 1, "{busy}: {outcome:?}");
            outcome.ok();
            let seen = server.stop();
            assert!(seen.requests[0].body_bytes < seen.requests[0].content_length(), "{busy}");
            assert_eq!(seen.requests[1].body_bytes, seen.requests[1].content_length());
        }
    }
}

#[test]
fn a_slow_but_steady_upload_outlasts_the_stall_timeout() {
    let slow = Step::SlowBody(256 * KIB, Duration::from_millis(20));
    let server = Server::start([vec![Step::Head, go_ahead(), slow, answer("200 OK", IDS)]]);
    let stall_timeout = Duration::from_millis(400);
    let caller = Caller::of(&server).with(|client| client.with_stall_timeout(stall_timeout));
    let outcome = caller.upload(Package::sparse(16 * MIB));
    assert!(outcome.took > stall_timeout * 2, "the test proves nothing: {outcome:?}");
    assert_eq!(outcome.retries(), 0);
    outcome.ok();
}

#[test]
fn a_panic_of_the_observer_propagates_and_nothing_hangs() {
    let package = Package::sparse(8 * MIB);
    let is_first = |event: &Event| matches!(event, Event::Uploading { sent: 0, .. });
    let is_last = |event: &Event| matches!(event, Event::Uploading { sent, total, .. } if sent == total);
    let is_accepted = |event: &Event| matches!(event, Event::Accepted { .. });
    let moments: [fn(&Event) -> bool; 3] = [is_first, is_last, is_accepted];
    for moment in moments {
        let server = Server::start([accepted()]);
        let caller = Caller::watched(&server.url(), move |event| assert!(!moment(event), "the observer's own panic"));
        let panic = catch_unwind(AssertUnwindSafe(|| caller.upload(&package))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the observer's own panic"));
        // The client still works.
        assert!(caller.status().result.is_err());
        server.stop();
    }
}

#[test]
fn progress_starts_at_zero_and_ends_at_the_total_on_every_attempt() {
    let server = Server::start([vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Reset], accepted()]);
    let outcome = Caller::of(&server).upload(Package::sparse(32 * MIB));
    let sent = |event: &Event| match event {
        Event::Uploading { sent, total, .. } => Some((*sent, *total)),
        _ => None,
    };
    let progress: Vec<_> = outcome.events.iter().filter_map(sent).collect();
    assert_eq!(progress.iter().filter(|(sent, _)| *sent == 0).count(), 2, "{progress:?}");
    assert_eq!(progress.last(), Some(&(32 * MIB, 32 * MIB)));
    assert!(matches!(outcome.events.last(), Some(Event::Accepted { .. })));
    outcome.ok();
}
