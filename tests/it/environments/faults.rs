//! What goes wrong with a stop, a transport or a start.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{DeployStep, EnvironmentStatus, ErrorKind, Event, PackageId, Poll, Start};

use super::{acceptance, count, environment, name, uploaded};
use crate::support::caller::{Caller, often, once, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::server::{Server, answered, side_by_side};

/// An emulator whose environment is stopped.
fn stopped() -> (Emulator, Caller) {
    let (emulator, caller) = start();
    caller.stop(&acceptance(), &often()).ok();
    (emulator, caller)
}

#[test]
fn a_success_is_one_whatever_its_body() {
    side_by_side(["", "<html>OK</html>", "{}", "null", "[]", r#"{"errorCode":null}"#, r#"{"errorCode":""}"#], |body| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        emulator.fail_stops(1, Fault::Body(body));
        emulator.fail_transports(1, Fault::Body(body));
        emulator.fail_starts(1, Fault::Body(body));
        caller.stop(&acceptance(), &often()).ok();
        caller.transport(&acceptance(), &package, &often()).ok();
        // Without the id of its job, a start is followed by the status.
        caller.start(&acceptance(), &Start::default(), &often()).ok();
        assert_eq!(emulator.steps().len(), 3, "{body}");
    });
}

#[test]
fn a_2xx_with_an_error_code_is_not_a_success() {
    for (status, code) in [("200 OK", "STOP_FAILED"), ("200 OK", "X"), ("500 No", "STOP_FAILED")] {
        let refusal = format!(r#"{{"errorCode":"{code}","errorMessage":"Cannot stop app: reason"}}"#);
        let server = Server::start([environment("Running"), answered(status, &refusal)]);
        let outcome = Caller::of(&server).stop(&acceptance(), &often());
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.to_string().starts_with("environment Acceptance of app calc was not stopped: "), "{error}");
        assert!(error.to_string().contains("Cannot stop app: reason"), "{error}");
        assert_eq!((error.code(), server.stop().connections), (Some(code), 2));
    }
}

#[test]
fn a_step_that_takes_its_time_is_waited_for_and_not_repeated() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_stops(1, Fault::Slow(4));
    emulator.fail_transports(1, Fault::Slow(4));
    emulator.fail_starts(1, Fault::Slow(4));
    caller.stop(&acceptance(), &often()).ok();
    caller.transport(&acceptance(), &package, &often()).ok();
    caller.start(&acceptance(), &Start::default(), &often()).ok();
    assert_eq!(emulator.steps().len(), 3);
    for (fail, step) in [(Emulator::fail_stops as fn(&Emulator, u32, Fault), "stop"), (Emulator::fail_starts, "start")]
    {
        let (emulator, caller) = if step == "stop" { start() } else { stopped() };
        fail(&emulator, 1, Fault::NeverEnds);
        let poll = often().with_timeout(Duration::from_millis(1500));
        let outcome = match step {
            "stop" => caller.stop(&acceptance(), &poll),
            _ => caller.start(&acceptance(), &Start::default(), &poll),
        };
        outcome.error(ErrorKind::StillRunning);
        assert_eq!(count(&emulator, step), 1, "an answered request is not repeated");
    }
}

#[test]
fn a_lost_response_is_resolved_by_polling() {
    side_by_side([Fault::NoAnswer, Fault::Status(502), Fault::DisconnectAfter(0)], |fault| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        emulator.fail_stops(1, fault);
        emulator.fail_transports(1, fault);
        let outcomes = [caller.stop(&acceptance(), &often()), caller.transport(&acceptance(), &package, &often())];
        for outcome in outcomes {
            let said: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|line| line.contains("checking whether it took effect")), "{said:?}");
            outcome.ok();
        }
        assert_eq!((count(&emulator, "stop"), count(&emulator, "transport")), (1, 1), "{fault:?}");

        emulator.fail_starts(1, fault);
        caller.start(&acceptance(), &Start::default(), &often()).ok();
        assert_eq!(count(&emulator, "start"), 1, "{fault:?}: refused, if it is already under way");
    });
}

#[test]
fn what_was_not_accepted_is_repeated() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    for fail in [Emulator::fail_stops, Emulator::fail_transports, Emulator::fail_starts] {
        fail(&emulator, 2, Fault::StatusAtOnce(429));
    }
    let stop = caller.stop(&acceptance(), &often());
    assert_eq!(stop.failed_polls(), 0, "it is not an outage");
    stop.ok();
    caller.transport(&acceptance(), &package, &often()).ok();
    caller.start(&acceptance(), &Start::default(), &often()).ok();
    assert_eq!(emulator.steps().len(), 3);
}

#[test]
fn a_request_that_failed_is_in_the_log_by_its_code_and_one_that_got_no_usable_response_by_the_status() {
    let said = |code: &str| format!(r#"{{"errorCode":"{code}","errorMessage":"no"}}"#);
    for (status, body, shown, is_unanswered) in [
        ("429 No", said("BUSY"), "BUSY", false),
        ("500 No", said("ALREADY_LOCKED"), "ALREADY_LOCKED", false),
        ("500 No", said("INTERNAL"), "INTERNAL", true),
        ("502 No", "<html>".to_owned(), "Running", true),
    ] {
        let server = Server::start([environment("Running"), answered(status, &body), environment("Stopped")]);
        let outcome = Caller::of(&server).stop(&acceptance(), &often());
        let polled = outcome.events.iter().filter_map(|event| match event {
            Event::Polled { status, .. } => Some(status.as_str()),
            _ => None,
        });
        let polled: Vec<_> = polled.collect();
        let is_lost = |event: &Event| matches!(event, Event::Deploying { step: DeployStep::Unanswered { .. }, .. });
        assert_eq!((&polled[..], outcome.events.iter().any(is_lost)), (&[shown][..], is_unanswered), "{status} {body}");
    }
    let (emulator, caller) = stopped();
    let package = uploaded(&caller);
    emulator.fail_transports(1, Fault::StatusAtOnce(429));
    let outcome = caller.transport(&acceptance(), &package, &often());
    let first = outcome.events[0].to_string();
    assert!(first.contains(": TOO MANY REQUESTS after "), "not that it is being processed: {first}");
}

#[test]
fn a_stop_is_not_repeated_before_the_time_that_the_server_asks_for() {
    let (running, busy) = (environment("Running"), answered("503 Later\nRetry-After: 3", "<html>"));
    let server = Server::start([running.clone(), busy.clone(), environment("Stopped")]);
    Caller::of(&server).stop(&acceptance(), &often()).ok();
    assert_eq!(server.stop().connections, 3, "it was carried out");

    let server = Server::start([running.clone(), busy, running]);
    let outcome = Caller::of(&server).stop(&acceptance(), &often().with_timeout(Duration::from_secs(2)));
    outcome.error(ErrorKind::StillRunning);
    let requests = server.stop().requests;
    let posts = requests.iter().filter(|request| request.head.starts_with("POST")).count();
    assert!(posts == 1 && requests.len() > 2, "{posts} of {}", requests.len());
}

#[test]
fn a_package_that_is_being_processed_is_waited_for_and_one_that_failed_is_not() {
    let (emulator, caller) = stopped();
    let package = uploaded(&caller);
    emulator.fail_transports(3, Fault::Code("SERVICE UNAVAILABLE"));
    // This does not count as an outage.
    let outcome = caller.transport(&acceptance(), &package, &often().with_max_outage(Duration::ZERO));
    let said: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("is still being processed"), "{said:?}");
    outcome.ok();

    emulator.jobs_end(JobEnd::Never);
    let waiting = uploaded(&caller);
    let outcome = caller.transport(&acceptance(), &waiting, &once());
    assert!(outcome.error(ErrorKind::StillRunning).to_string().contains("still being processed"), "{outcome:?}");
    emulator.jobs_end(JobEnd::Failed);
    let outcome = caller.transport(&acceptance(), &waiting, &often());
    let error = outcome.error(ErrorKind::Rejected);
    assert!(error.to_string().contains("MDA processing failed") && !error.to_string().contains("Rights"), "{error}");
}

#[test]
fn each_refusal_of_a_transport_says_what_helps() {
    for (code, says) in [
        ("INVALID_RUNTIME_VERSION", "version of Mendix"),
        ("NO_ACCESS", "Transport Rights"),
        ("TRANSPORT_NOT_ALLOWED", "Transport Rights"),
        ("APP_IS_RUNNING", "stop it first"),
        ("NOT ALLOWED", "upload a new one"),
        ("PACKAGE_NOT_FOUND", "did it expire"),
        ("PACKAGE_PARSE_FAILED", "upload a new one"),
        ("INVALID_PARAMETERS", "Not enough parameters"),
    ] {
        let (emulator, caller) = stopped();
        let package = uploaded(&caller);
        // Whatever has been seen before.
        emulator.fail_transports(1, Fault::Code("SERVICE UNAVAILABLE"));
        emulator.fail_transports(1, Fault::Code(code));
        let asked = emulator.requests();
        let outcome = caller.transport(&acceptance(), &package, &often());
        let error = outcome.error(ErrorKind::Rejected);
        // Two polls and two requests; the names are only listed if the name may be wrong.
        assert!(emulator.requests() - asked <= 4 + usize::from(code == "INVALID_PARAMETERS"), "{code}");
        assert!(error.to_string().contains(says) && error.code() == Some(code), "{error}");
        assert!(error.to_string().contains("the app was not touched"), "{error}");
    }
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let outcome = caller.transport(&acceptance(), &package, &often());
    assert_eq!(outcome.error(ErrorKind::Rejected).code(), Some("APP_IS_RUNNING"));
    assert_eq!(emulator.steps(), [""; 0]);
}

#[test]
fn every_failed_start_says_that_the_app_is_down_and_what_helps() {
    for (code, says) in [
        ("NO_PACKAGE", "transport one first"),
        ("DB_SYNC_FAILED", "log of the app"),
        ("INVALID_DB_STRUCTURE", "database sync"),
        ("MISSING_CONSTANT", "constants"),
        ("INSECURE_ADMIN_PASSWORD", "Change Admin Password"),
        ("STARTUP_ACTION_FAILED", "after-startup microflow"),
        ("START_FAILED", "log of the app"),
    ] {
        let (emulator, caller) = stopped();
        emulator.fail_starts(1, Fault::Slow(1));
        emulator.fail_starts(1, Fault::Code(code));
        caller.start(&acceptance(), &Start::default(), &often()).ok();
        caller.stop(&acceptance(), &often()).ok();
        let outcome = caller.start(&acceptance(), &Start::default(), &often());
        let error = outcome.error(ErrorKind::StartFailed);
        let text = error.to_string();
        assert!(
            text.starts_with("the app is DOWN: environment Acceptance of app calc did not start: 500")
                && text.contains(" [start job "),
            "{text}"
        );
        assert!(!text.contains(".;") && text.contains("Cannot start app"), "{text}");
        assert!(text.contains(says) && error.code() == Some(code), "{text}");
        assert_eq!((error.status(), error.is_transient()), (Some(500), false), "{text}");
        assert_eq!(count(&emulator, "start"), 2);
    }
}

#[test]
fn a_start_that_is_refused_says_why() {
    let (emulator, caller) = start();
    let outcome = caller.start(&name("Test"), &Start::default(), &often());
    let error = outcome.error(ErrorKind::Rejected);
    assert!(error.to_string().contains("transport one first"), "{error}");
    assert_eq!(error.code(), Some("NO_MDA_HAS_BEEN_DEPLOYED"));
    emulator.fail_starts(2, Fault::StatusAtOnce(403));
    let outcome = caller.start(&name("Test"), &Start::default(), &often());
    assert!(outcome.error(ErrorKind::Rejected).to_string().contains("Transport Rights"), "{outcome:?}");
}

#[test]
fn an_app_that_is_starting_or_running_already_is_polled() {
    let (emulator, caller) = stopped();
    emulator.fail_starts(1, Fault::Slow(5));
    caller.start(&acceptance(), &Start::default(), &once()).error(ErrorKind::StillRunning);
    caller.start(&acceptance(), &Start::default(), &often()).ok();
    assert_eq!(count(&emulator, "start"), 1);

    // The status may be stale.
    let code =
        |code: &str| format!(r#"{{"errorMessage":"Cannot start app. App is already running.","errorCode":"{code}"}}"#);
    let server = Server::start([
        environment("Stopped"),
        answered("200 OK", &code("ALREADY_STARTED")),
        environment("Stopped"),
        environment("Running"),
    ]);
    Caller::of(&server).start(&acceptance(), &Start::default(), &often()).ok();
    let server = Server::start([
        environment("Stopped"),
        answered("200 OK", r#"{"JobId":"j-1",}"#),
        answered("500 No", &code("ALREADY_STARTED")),
        environment("Running"),
    ]);
    Caller::of(&server).start(&acceptance(), &Start::default(), &often()).ok();
    assert_eq!(server.stop().connections, 4);
}

#[test]
fn a_forgotten_start_job_is_replaced_by_the_status() {
    let (emulator, caller) = stopped();
    emulator.fail_starts(1, Fault::Forgotten);
    caller.start(&acceptance(), &Start::default(), &often()).ok();
    assert_eq!(caller.environment(&acceptance()).ok().status, EnvironmentStatus::Running);

    let gone = answered("404 No", r#"{"errorCode":"NO_SUCH_STARTJOB","errorMessage":"Job not found."}"#);
    let started = answered("200 OK", r#"{"JobId":"j-1"}"#);
    let server = Server::start([environment("Stopped"), started, gone, environment("Stopped")]);
    let poll = often().with_timeout(Duration::from_millis(500));
    let outcome = Caller::of(&server).start(&acceptance(), &Start::default(), &poll);
    let text = outcome.error(ErrorKind::StillRunning).to_string();
    assert!(
        !text.contains("DOWN") && text.contains("last status: Stopped") && text.contains("[start job j-1]"),
        "{text}"
    );
}

#[test]
fn an_outage_does_not_end_the_wait_for_a_start() {
    let server = Server::start([
        environment("Stopped"),
        answered("200 OK", r#"{"JobId":"j-1"}"#),
        answered("504 Gateway Timeout", "<html><title>504</title></html>"),
        answered("500 No", r#"{"errorCode":"SOMETHING_ELSE","errorMessage":"no"}"#),
        answered("200 OK", r#"{"Status":"Starting"}"#),
        answered("404 No", "<html><title>404</title></html>"),
        environment("Stopped"),
        answered("200 OK", r#"{"Status":"Started"}"#),
        environment("Running"),
    ]);
    let outcome = Caller::of(&server).start(&acceptance(), &Start::default(), &often());
    assert_eq!(outcome.failed_polls(), 3);
    outcome.ok();

    let server =
        Server::start([environment("Stopped"), answered("200 OK", r#"{"JobId":"j-1"}"#), answered("502 No", "")]);
    let poll = Poll::default().with_interval(Duration::ZERO).with_max_outage(Duration::from_millis(300));
    let outcome = Caller::of(&server).start(&acceptance(), &Start::default(), &poll);
    let error = outcome.error(ErrorKind::NoAnswer).to_string();
    assert!(error.contains("gave up starting Acceptance of app calc: no status for "), "{error}");
    assert!(
        error.contains("the app may be down: ") && error.ends_with("; start it again (start_environment)"),
        "{error}"
    );
}

#[test]
fn a_web_page_in_response_to_a_stop_or_transport_proves_nothing() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let steps: [fn(&Caller, &PackageId); 2] = [
        |caller, _| caller.stop(&acceptance(), &often()).ok(),
        |caller, package| caller.transport(&acceptance(), package, &often()).ok(),
    ];
    for step in steps {
        let mut is_repeated = false;
        // The first request does not arrive.
        let gateway = Gateway::to(&emulator, move |_, line| {
            let is_first = line.starts_with("POST") && !std::mem::replace(&mut is_repeated, true);
            if is_first { Then::Answer("200 OK", "<html><title>Log in</title></html>") } else { Then::Pass }
        });
        step(&gateway.caller(&emulator), &package);
    }
    assert_eq!(emulator.steps().len(), 2, "each was repeated");
}

#[test]
fn a_start_that_fails_at_once_is_a_failed_start() {
    let failed = answered("500 No", r#"{"errorCode":"START_FAILED","errorMessage":"Cannot start app: 1"}"#);
    let server = Server::start([environment("Stopped"), failed]);
    let outcome = Caller::of(&server).start(&acceptance(), &Start::default(), &often());
    let error = outcome.error(ErrorKind::StartFailed);
    assert!(error.app_may_be_down() && error.to_string().starts_with("the app is DOWN: "), "{error}");
    // It was already down, but that is not worth saying after a failed start.
    assert!(!error.to_string().contains("was not touched"), "{error}");
}
