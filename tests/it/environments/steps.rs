//! Stop, transport, start: what is sent, and what is reported.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{DeployStep, EnvironmentStatus, ErrorKind, Event, Poll, Start};

use super::{acceptance, environment, name, uploaded};
use crate::support::caller::{Caller, KEY, USER, often, once, package, start};
use crate::support::server::{Seen, Server, answered};

/// The first lines of all requests, without what they have in common.
fn lines(seen: &Seen) -> Vec<String> {
    let line = |head: &str| head.lines().next().unwrap().replace("/api/1/apps/calc/environments/Acceptance", "…");
    seen.requests.iter().map(|request| line(&request.head).replace(" HTTP/1.1", "")).collect()
}

#[test]
fn each_step_has_its_effect_and_the_second_time_does_nothing() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    for _ in 0..2 {
        caller.stop(&acceptance(), &often()).ok();
    }
    assert_eq!(caller.environment(&acceptance()).ok().status, EnvironmentStatus::Stopped);
    caller.transport(&acceptance(), &package, &often()).ok();
    let again = caller.transport(&acceptance(), &package, &often());
    assert_eq!(again.events, [], "nothing was done");
    again.ok();
    assert_eq!(caller.environment_package(&acceptance()).ok().unwrap().package_id, package);
    for _ in 0..2 {
        caller.start(&acceptance(), &Start::default(), &often()).ok();
    }
    assert_eq!(caller.environment(&acceptance()).ok().status, EnvironmentStatus::Running);
    let transport = format!("transport {package} to Acceptance");
    assert_eq!(emulator.steps(), ["stop Acceptance", &transport, "start Acceptance"]);
}

#[test]
fn the_requests_are_those_of_the_documentation() {
    let transported = answered("200 OK", r#"{"PackageId":"p-1"}"#);
    let server = Server::start([
        environment("Running"),
        answered("200 OK", ""),
        environment("Stopped"),
        answered("404 No", r#"{"errorCode":"PACKAGE_NOT_FOUND","errorMessage":"No package"}"#),
        answered("200 OK", ""),
        transported,
        environment("Stopped"),
        answered("200 OK", r#"{"JobId":"02df2e50-0e79"}"#),
        answered("200 OK", r#"{"Status":"Started"}"#),
        environment("Running"),
    ]);
    let caller = Caller::of(&server);
    caller.stop(&acceptance(), &once()).ok();
    caller.transport(&acceptance(), &package(), &once()).ok();
    caller.start(&acceptance(), &Start::default().with_database_sync(false), &once()).ok();
    let seen = server.stop();
    assert_eq!(
        lines(&seen),
        [
            "GET …", "POST …/stop", "GET …", "GET …/package", "POST …/transport", "GET …/package", "GET …",
            "POST …/start", "GET …/start/02df2e50-0e79", "GET …",
        ]
    );
    for request in &seen.requests {
        let sent = ["Mendix-Username", "Mendix-ApiKey", "Content-Type"].map(|name| request.header(name));
        assert_eq!(sent, [Some(USER), Some(KEY), Some("application/json")], "{}", request.head);
        assert_eq!((request.header("Expect"), request.header("Transfer-Encoding")), (None, None));
        let is_post = request.head.starts_with("POST");
        assert_eq!(request.header("Content-Length").is_some(), is_post, "{}", request.head);
    }
    let bodies = seen.requests.iter().map(|request| std::str::from_utf8(&request.body).unwrap());
    let bodies: Vec<_> = bodies.filter(|body| !body.is_empty()).collect();
    assert_eq!(bodies, [r#"{"PackageId":"p-1"}"#, r#"{"AutoSyncDb":false}"#]);
}

#[test]
fn the_log_has_each_step_and_what_is_waited_for() {
    let (emulator, caller) = start();
    emulator.fail_stops(1, Fault::Slow(2));
    emulator.fail_transports(1, Fault::Slow(2));
    emulator.fail_starts(1, Fault::Slow(1));
    let package = uploaded(&caller);
    let mut said = Vec::new();
    let mut note = |events: Vec<Event>| {
        said.extend(events.iter().filter(|event| !event.is_routine()).map(|event| {
            let text = event.to_string().replace("app calc, environment Acceptance: ", "");
            let text = text.split(" after ").next().unwrap();
            text.split(" as job ").next().unwrap().to_owned()
        }));
    };
    note(caller.stop(&acceptance(), &often()).events);
    note(caller.transport(&acceptance(), &package, &often()).events);
    note(caller.start(&acceptance(), &Start::default(), &often()).events);
    let short = format!("package {}…", &package.as_str()[..8]);
    let (not_yet, on_it) = (format!("{short} is not transported yet"), format!("transported {short}"));
    let start = ["start requested", "Starting", "started"];
    assert_eq!(said, [&["stop requested", "Running", "stopped", &not_yet, &on_it][..], &start].concat());
}

#[test]
fn the_start_job_is_in_the_log_and_in_the_error() {
    let (emulator, caller) = start();
    emulator.fail_starts(1, Fault::NeverEnds);
    caller.stop(&acceptance(), &often()).ok();
    let outcome = caller.start(&acceptance(), &Start::default(), &once());
    let error = outcome.error(ErrorKind::StillRunning).to_string();
    assert!(error.contains("last status: Starting") && error.contains("start it again (start_environment)"), "{error}");
    let job = outcome.events.iter().find_map(|event| match event {
        Event::Deploying { step: DeployStep::StartRequested { job, .. }, .. } => job.clone(),
        _ => None,
    });
    assert!(error.contains(job.unwrap().as_str()), "{error}");
    // Resuming does not start it again.
    let outcome = caller.start(&acceptance(), &Start::default(), &once());
    outcome.error(ErrorKind::StillRunning);
    assert_eq!(emulator.steps(), ["stop Acceptance", "start Acceptance"]);
}

#[test]
fn an_unknown_environment_and_missing_rights_are_named() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let unknown = name("Accp");
    for error in [
        caller.stop(&unknown, &often()).result.unwrap_err(),
        caller.transport(&unknown, &package, &often()).result.unwrap_err(),
        caller.start(&unknown, &Start::default(), &often()).result.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        assert!(error.to_string().contains("environments of app calc are: Test, Acceptance, Production"), "{error}");
    }
    emulator.fail_stops(2, Fault::StatusAtOnce(403));
    let outcome = caller.stop(&acceptance(), &often());
    let error = outcome.error(ErrorKind::Rejected).to_string();
    assert!(error.contains("API and Transport Rights"), "{error}");
    assert_eq!(emulator.steps(), [""; 0]);
}

#[test]
fn every_step_has_an_end_even_if_the_poll_has_none() {
    let server = Server::start([environment("Running")]);
    let poll = Poll::default().with_timeout(Duration::from_millis(300));
    let outcome = Caller::of(&server).stop(&acceptance(), &poll);
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(error.is_transient() && error.to_string().contains("last status: Running"), "{error}");
    assert!(error.to_string().contains("stop it again (stop_environment)"), "{error}");
    // Without a timeout, it would be 30 min.
    let emulator = Emulator::start().unwrap();
    Caller::of_emulator(&emulator).stop(&acceptance(), &often().without_timeout()).ok();
}
