//! Waiting for a job: temporary failures are survived and the ids are never lost. The schedule has unit tests with a
//! clock of their own; these tests check the polls that the server sees.

use std::error::Error as _;
use std::time::Duration;

use mendix_deploy::{ErrorKind, Event, JobId, PackageId, Poll, Subject};

use crate::support::caller::{Caller, Outcome, often, once};
use crate::support::package::Package;
use crate::support::server::{Seen, Server, Step, accepted, answered, write};

const SHORTEST: Duration = Duration::from_millis(100);

fn status(status: &str) -> Vec<Step> {
    answered("200 OK", &format!(r#"{{"Status":"{status}"}}"#))
}

/// Waits on a server that handles poll `n` by `scripts[n]`, and checks that each poll is a plain GET.
fn wait_on(scripts: Vec<Vec<Step>>, poll: &Poll) -> (Outcome<()>, Seen) {
    wait_with(Duration::from_secs(20), scripts, poll)
}

/// The same with another response timeout.
fn wait_with(response_timeout: Duration, scripts: Vec<Vec<Step>>, poll: &Poll) -> (Outcome<()>, Seen) {
    let server = Server::start(scripts);
    let outcome = Caller::of(&server).with(|client| client.with_response_timeout(response_timeout)).wait(poll);
    if let Err(error) = &outcome.result {
        assert_eq!(error.job_id().map(JobId::as_str), Some("j-1"), "{error:?}");
    }
    let seen = server.stop();
    for request in &seen.requests {
        assert!(request.head.starts_with("GET /api/v2/apps/calc/jobs/j-1 HTTP/1.1\r\n"), "{}", request.head);
    }
    (outcome, seen)
}

#[test]
fn a_job_is_polled_until_it_has_completed() {
    let (outcome, seen) = wait_on(["Queued", "Running", "Running", "Completed"].map(status).into(), &often());
    let polled = |event: &Event| match event {
        Event::Polled { subject, status, next_poll, .. } => (subject.clone(), status.clone(), *next_poll),
        other => panic!("{other:?}"),
    };
    let events: Vec<_> = outcome.events.iter().map(polled).collect();
    let expected =
        [("Queued", Some(SHORTEST)), ("Running", Some(SHORTEST)), ("Running", Some(SHORTEST)), ("Completed", None)];
    let subject = || Subject::Job("j-1".parse().unwrap());
    assert_eq!(events, expected.map(|(status, next)| (subject(), status.to_owned(), next)));
    assert!(outcome.took >= SHORTEST * 3);
    outcome.ok();
    assert_eq!(seen.requests.len(), 4);
}

#[test]
fn a_job_that_is_done_at_once_costs_one_poll_and_no_sleep() {
    // On a stalled machine a poll may fail and be repeated.
    let poll = Poll::default().with_interval(Duration::from_secs(20)).with_timeout(Duration::from_secs(60));
    let (outcome, seen) = wait_on(vec![status("Completed")], &poll);
    assert!(outcome.pauses().is_empty(), "{outcome:?}");
    outcome.ok();
    assert_eq!(seen.requests.len(), 1);
}

#[test]
fn a_failed_job_ends_the_wait_with_its_ids() {
    let server = Server::start([accepted(), status("Running"), status("Failed")]);
    let outcome = Caller::of(&server).upload_and_wait(Package::small(), &often());
    let error = outcome.error(ErrorKind::JobFailed);
    assert_eq!(error.job_id().map(JobId::as_str), Some("j-1"));
    assert_eq!(error.package_id().map(PackageId::as_str), Some("p-1"));
    assert!(error.may_have_been_accepted() && !error.is_transient());
    assert!(!error.to_string().contains("do not upload it again"), "{error}");
    assert_eq!(server.stop().requests.len(), 3);
}

#[test]
fn the_ids_are_reported_before_the_first_poll() {
    let server = Server::start([accepted(), status("Queued"), status("Completed")]);
    let outcome = Caller::of(&server).upload_and_wait(Package::small(), &often());
    let kinds = |event: &Event| match event {
        Event::Uploading { .. } => 'u',
        Event::Accepted { package_id, job_id, .. } if (package_id.as_str(), job_id.as_str()) == ("p-1", "j-1") => 'a',
        Event::Polled { .. } => 'p',
        Event::Done { .. } => 'd',
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome.events.iter().map(kinds).collect::<String>(), "uuappd");
    assert_eq!(outcome.ok().as_str(), "p-1");
}

#[test]
fn a_job_that_is_not_visible_yet_is_waited_for() {
    let unseen = || answered("404 Not Found", r#"{"errorCode":"JOB_NOT_FOUND"}"#);
    let scripts = vec![unseen(), unseen(), status("Running"), status("Completed")];
    let (outcome, seen) = wait_on(scripts, &often().with_max_outage(Duration::ZERO));
    assert_eq!(outcome.failed_polls(), 2);
    outcome.ok();
    assert_eq!(seen.requests.len(), 4);
}

#[test]
fn a_wait_survives_every_kind_of_temporary_failure() {
    let scripts = vec![
        status("Queued"),
        answered("500 Oops", ""),
        vec![Step::Reset],
        status("Running"),
        vec![Step::Head, Step::Hold],
        answered("503 Later", "<html>"),
        status("Running"),
        answered("429 Slow Down", ""),
        answered("499 Client Closed Request", ""),
        vec![Step::Head, write("BANANA\r\n\r\n")],
        status("Completed"),
    ];
    let (outcome, seen) = wait_with(Duration::from_secs(1), scripts, &often());
    assert_eq!(outcome.failed_polls(), 7);
    outcome.ok();
    assert_eq!(seen.connections, 11);
}

#[test]
fn an_outage_ends_the_wait_with_the_last_cause_but_not_at_its_first_failure() {
    let impatient = often().with_max_outage(SHORTEST);
    let scripts = vec![status("Running"), answered("500 Oops", ""), answered("502 Bad Gateway", "<b>down</b>")];
    let (outcome, seen) = wait_on(scripts, &impatient);
    let error = outcome.error(ErrorKind::NoAnswer);
    assert_eq!((error.status(), seen.requests.len()), (Some(502), 3));
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("502") && cause.contains("down"), "{cause}");
    assert!(error.to_string().contains("gave up waiting for job j-1 of app calc: no status for"), "{error}");
    assert!(error.is_transient());

    let (outcome, _) = wait_on(vec![status("Running"), vec![Step::Reset]], &impatient);
    assert!(outcome.error(ErrorKind::NoAnswer).source().is_some());
    let gone = Caller::at("http://127.0.0.1:1").wait(&impatient);
    assert!(gone.error(ErrorKind::Connect).is_transient());
}

#[test]
fn a_job_that_is_lost_after_it_was_seen_is_an_outage() {
    let lost = || answered("404 Not Found", "");
    let (outcome, seen) = wait_on(vec![status("Running"), lost(), lost(), status("Completed")], &often());
    assert_eq!((outcome.failed_polls(), seen.requests.len()), (2, 4));
    outcome.ok();
    let (outcome, _) = wait_on(vec![status("Running"), lost()], &often().with_max_outage(SHORTEST * 2));
    assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(404));
}

#[test]
fn a_refusal_of_the_credentials_ends_the_wait_and_keeps_the_ids() {
    for refusal in ["401 Unauthorized", "403 Forbidden"] {
        let server = Server::start([accepted(), answered(refusal, r#"{"errorCode":"NO"}"#)]);
        let outcome = Caller::of(&server).upload_and_wait(Package::small(), &often());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!(error.code(), Some("NO"));
        assert_eq!(error.package_id().map(PackageId::as_str), Some("p-1"));
        assert_eq!(error.job_id().map(JobId::as_str), Some("j-1"));
        assert!(error.to_string().contains("resume the wait without another upload (wait_for_job)"), "{error}");
        // The upload was accepted with them, so it takes two.
        assert_eq!(server.stop().requests.len(), 3);
        let (outcome, seen) = wait_on(vec![answered(refusal, r#"{"errorCode":"NO"}"#)], &often());
        outcome.error(ErrorKind::Rejected);
        assert_eq!(seen.requests.len(), 1, "a wait of its own ends at once");
    }
}

#[test]
fn retry_after_makes_a_pause_longer() {
    let running = r#"{"Status":"Running"}"#;
    for (answer, body) in [("503 Later", ""), ("200 OK", running), ("202 Accepted", running)] {
        let scripts = vec![answered(&format!("{answer}\nRetry-After: 1"), body), status("Completed")];
        let (outcome, seen) = wait_on(scripts, &often());
        assert_eq!(outcome.pauses(), [Duration::from_secs(1)], "{answer}");
        assert!(outcome.took >= Duration::from_secs(1));
        outcome.ok();
        assert_eq!(seen.requests.len(), 2);
    }
    // A longer one is cut to the time left.
    let scripts = vec![answered("429 Later\nRetry-After: 7", ""), status("Completed")];
    let (outcome, _) = wait_on(scripts, &often().with_timeout(Duration::from_secs(2)));
    let pause = outcome.pauses()[0];
    assert!(pause > SHORTEST && pause <= Duration::from_secs(2), "{pause:?}");
    outcome.ok();
}

#[test]
fn a_wait_that_times_out_is_still_running() {
    let timeout = Duration::from_secs(1);
    let (outcome, seen) = wait_on(vec![status("Queued"), status("Running")], &often().with_timeout(timeout));
    let error = outcome.error(ErrorKind::StillRunning);
    let text = error.to_string();
    assert!(text.contains("Running") && text.contains("wait_for_job") && text.contains("calc"), "{text}");
    assert!(outcome.took >= timeout && outcome.took < timeout + Duration::from_secs(9), "{outcome:?}");
    // Their number depends on the machine, but one follows each pause.
    assert_eq!(seen.requests.len(), outcome.pauses().len() + 1);
    assert!((2..=11).contains(&seen.requests.len()), "{outcome:?}");
}

#[test]
fn a_server_that_hangs_extends_a_wait_by_one_request_at_most() {
    let timeout = Duration::from_millis(250);
    let scripts = vec![status("Running"), vec![Step::Head, Step::Hold]];
    let (outcome, _) = wait_with(timeout, scripts, &often().with_timeout(timeout));
    assert!(outcome.error(ErrorKind::StillRunning).source().is_some());
    assert!(outcome.took < timeout + Duration::from_secs(9), "{outcome:?}");
}

#[test]
fn no_extreme_of_the_settings_spins_or_overflows() {
    let (queued, seen) = wait_on(vec![status("Queued")], &once());
    queued.error(ErrorKind::StillRunning);
    assert_eq!(seen.requests.len(), 1);
    let (never_shown, seen) = wait_on(vec![answered("404 No", "")], &once());
    assert!(never_shown.error(ErrorKind::StillRunning).source().is_some());
    assert_eq!(seen.requests.len(), 1);
    let zero = often().with_max_interval(Duration::ZERO).with_max_outage(Duration::ZERO);
    let (quick, seen) = wait_on(vec![status("Queued")], &zero.with_timeout(SHORTEST * 3));
    quick.error(ErrorKind::StillRunning);
    assert_eq!(seen.requests.len(), quick.pauses().len() + 1);
    assert!(seen.requests.len() <= 4, "{quick:?}");
    let endless = Poll::default().with_timeout(Duration::MAX).with_max_interval(Duration::MAX);
    wait_on(vec![status("Completed")], &endless).0.ok();
    wait_on(vec![status("Completed")], &endless.without_timeout().with_max_outage(Duration::MAX)).0.ok();
}

#[test]
fn an_unknown_status_is_waited_on_and_case_is_ignored() {
    let scripts = vec![status("Paused"), status("queued"), status(" RUNNING "), status("completed")];
    let (outcome, seen) = wait_on(scripts, &often());
    let text: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    for (line, status) in text.iter().zip(["Paused", "Queued", "Running", "Completed"]) {
        assert!(line.contains(status), "{line}");
    }
    outcome.ok();
    assert_eq!(seen.requests.len(), 4);
}

#[test]
fn a_body_without_a_status_is_a_failed_poll() {
    for body in ["", "{}", "null", "[]", r#"{"Status":null}"#, r#"{"Status":""}"#, r#"{"Status":7}"#, "Completed"] {
        let (outcome, _) = wait_on(vec![answered("200 OK", body)], &often().with_max_outage(SHORTEST));
        let error = outcome.error(ErrorKind::NoAnswer);
        assert_eq!(error.status(), Some(200), "{body}");
    }
    let (redirected, seen) = wait_on(vec![answered("302 Found\nLocation: https://login.example.com/x", "")], &often());
    redirected.error(ErrorKind::Rejected);
    assert_eq!(seen.requests.len(), 1);
}
