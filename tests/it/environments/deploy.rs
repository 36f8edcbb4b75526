//! The chain: from a package to a running environment.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd, Meanwhile};
use mendix_deploy::{Deploy, DeployStep, Deployed, EnvironmentStatus, ErrorKind, Event, PackageId, Start};

use super::{acceptance, count, environment, name, uploaded};
use crate::support::caller::{Caller, Outcome, app, often, once, package, start};
use crate::support::server::{Server, answered, side_by_side};

const OLD: &str = Emulator::DEPLOYED_PACKAGE;

fn all_steps(package: &PackageId) -> [String; 3] {
    ["stop Acceptance".into(), format!("transport {package} to Acceptance"), "start Acceptance".into()]
}

#[test]
fn a_package_is_stopped_for_transported_and_started_and_the_second_time_nothing_is_done() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    let begun = outcome.events[0].to_string();
    let says = format!(
        "deploying package {package} in place of package {OLD}; if interrupted, call deploy_package again with the same package"
    );
    assert!(begun.contains(&says), "{begun}");
    let deployed = outcome.ok();
    assert_eq!(deployed.previous.unwrap().as_str(), OLD);
    assert_eq!(deployed.url.as_deref(), Some("https://calc-accp.mendixcloud.com"));
    assert_eq!(emulator.steps(), all_steps(&package));

    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    assert!(outcome.events[0].to_string().contains("already runs package"), "{outcome:?}");
    outcome.ok();
    assert_eq!(emulator.steps().len(), 3);
    caller.deploy(&acceptance(), &package, &Deploy::default().with_restart(true), &often()).ok();
    assert_eq!((count(&emulator, "stop"), count(&emulator, "transport"), count(&emulator, "start")), (2, 1, 2));
    // And back.
    let old = OLD.parse().unwrap();
    caller.deploy(&acceptance(), &old, &Deploy::default(), &often()).ok();
    assert_eq!(caller.environment_package(&acceptance()).ok().unwrap().package_id.as_str(), OLD);
    // What an earlier call has done is not in the log.
    caller.stop(&acceptance(), &often()).ok();
    let events = caller.deploy(&acceptance(), &old, &Deploy::default(), &often()).events;
    let steps: Vec<_> = steps(&events).collect();
    let [(DeployStep::Begun { .. }, _), (DeployStep::StartRequested { .. }, _), (DeployStep::Started, _)] = steps[..]
    else {
        panic!("{steps:?}")
    };
}

/// Each with its time.
fn steps(events: &[Event]) -> impl Iterator<Item = (&DeployStep, Duration)> {
    events.iter().filter_map(|event| match event {
        Event::Deploying { step, elapsed, .. } => Some((step, *elapsed)),
        _ => None,
    })
}

#[test]
fn the_times_in_the_log_are_those_since_the_stop_was_requested() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(5);
    let package = uploaded(&caller);
    let events = caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).events;
    let times: Vec<_> = steps(&events).skip(1).map(|(_, elapsed)| elapsed).collect();
    assert!(times.len() == 5 && times.is_sorted(), "{times:?}");
}

#[test]
fn an_empty_environment_is_deployed_to_as_well() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let deployed = caller.deploy(&name("Test"), &package, &Deploy::default(), &often()).ok();
    assert_eq!((deployed.previous, count(&emulator, "stop")), (None, 0));
    assert_eq!(caller.environment(&name("Test")).ok().status, EnvironmentStatus::Running);
}

#[test]
fn the_app_is_started_as_asked_for() {
    let said = |body| answered("200 OK", body);
    let (on_it, job) = (said(r#"{"PackageId":"p-1"}"#), said(r#"{"JobId":"j-1"}"#));
    for (sync, body) in [(true, r#"{"AutoSyncDb":true}"#), (false, r#"{"AutoSyncDb":false}"#)] {
        let before = [environment("Stopped"), on_it.clone(), on_it.clone(), environment("Stopped")];
        let after = [job.clone(), said(r#"{"Status":"Started"}"#), on_it.clone(), environment("Running")];
        let server = Server::start([before, after].concat());
        let deploy = Deploy::default().with_start(Start::default().with_database_sync(sync));
        Caller::of(&server).deploy(&acceptance(), &package(), &deploy, &often()).ok();
        let posted = &server.stop().requests[4];
        assert_eq!((posted.head.starts_with("POST"), std::str::from_utf8(&posted.body)), (true, Ok(body)));
    }
}

#[test]
fn production_and_an_environment_that_does_not_say_what_it_is_are_refused_unless_allowed() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let asked = emulator.requests();
    let outcome = caller.deploy(&name("Production"), &package, &Deploy::default(), &often());
    let error = outcome.error(ErrorKind::NotAllowed);
    assert!(error.to_string().contains("Deploy::allow_production") && !error.app_may_be_down(), "{error}");
    emulator.omit_fields(&["Production"]);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).error(ErrorKind::NotAllowed);
    assert_eq!((emulator.requests() - asked, emulator.steps().len()), (2, 0), "one poll each");
    caller.deploy(&name("Production"), &package, &Deploy::default().allow_production(), &often()).ok();
    assert_eq!(emulator.steps().len(), 3);
}

#[test]
fn nothing_is_stopped_for_a_package_that_is_not_ready_or_an_environment_that_is_unknown() {
    let (emulator, caller) = start();
    emulator.jobs_end(JobEnd::Never);
    let package = uploaded(&caller);
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &once());
    let text = outcome.error(ErrorKind::StillRunning).to_string();
    assert!(text.contains("the app was not touched, last seen Running"), "{text}");
    let unknown = caller.deploy(&name("Accp"), &package, &Deploy::default(), &often());
    assert!(unknown.error(ErrorKind::Rejected).to_string().contains("are: Test, Acceptance, Production"));
    emulator.jobs_end(JobEnd::Failed);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).error(ErrorKind::JobFailed);
    caller.deploy(&acceptance(), &"p-404".parse().unwrap(), &Deploy::default(), &once()).error(ErrorKind::StillRunning);
    assert_eq!(emulator.steps(), [""; 0]);
}

#[test]
fn a_package_that_is_not_ready_yet_is_waited_for_before_the_stop() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(3);
    let package = uploaded(&caller);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.steps(), all_steps(&package));
}

#[test]
fn lost_responses_at_every_step_are_resolved_by_polling() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_stops(1, Fault::NoAnswer);
    emulator.fail_transports(1, Fault::NoAnswer);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.steps(), all_steps(&package));
}

#[test]
fn a_start_whose_answer_was_lost_may_be_somebody_elses_so_the_app_is_started_once_more() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_starts(1, Fault::NoAnswer);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.steps()[3..], ["stop Acceptance", "start Acceptance"]);
    // Whatever ran before, it now runs with the package that is on it.
    emulator.fail_starts(1, Fault::NoAnswer);
    caller.stop(&acceptance(), &often()).ok();
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!((emulator.steps().len(), count(&emulator, "start")), (7, 3));
    // Only a request that did not arrive is repeated.
    let package = uploaded(&caller);
    emulator.fail_starts(1, Fault::Status(502));
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.steps()[7..], all_steps(&package));
}

#[test]
fn after_every_failure_the_same_call_resumes_and_repeats_only_what_was_not_seen() {
    type Fail = fn(&Emulator, u32, Fault);
    let cases: [(Fail, Fault, ErrorKind, &str); 6] = [
        (Emulator::fail_stops, Fault::Code("STOP_FAILED"), ErrorKind::Rejected, ""),
        (Emulator::fail_stops, Fault::Slow(40), ErrorKind::StillRunning, "stop"),
        (Emulator::fail_transports, Fault::Code("NO_ACCESS"), ErrorKind::Rejected, ""),
        (Emulator::fail_transports, Fault::Slow(40), ErrorKind::StillRunning, "transport"),
        (Emulator::fail_starts, Fault::Code("MISSING_CONSTANT"), ErrorKind::StartFailed, "start"),
        (Emulator::fail_starts, Fault::Slow(40), ErrorKind::StillRunning, ""),
    ];
    side_by_side(cases, |(fail, fault, kind, repeated)| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        fail(&emulator, 1, fault);
        let poll = often().with_timeout(Duration::from_millis(1500));
        let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &poll);
        let error = outcome.error(kind);
        let says = ["(deploy_package", "(Deploy::with_restart"];
        assert!(says.iter().any(|says| error.to_string().contains(says)), "{error}");
        assert_eq!(error.app_may_be_down(), fault != Fault::Code("STOP_FAILED"), "{error}");

        caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        for step in ["stop", "transport", "start"] {
            assert_eq!(count(&emulator, step), 1 + usize::from(step == repeated), "{fault:?}: {step}");
        }
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
    });
}

/// Deploys to the environment `Acceptance`, where an app runs, and returns the steps and what runs at the end.
fn deployed(prepare: impl FnOnce(&Emulator)) -> (Emulator, PackageId, Outcome<Deployed>) {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    prepare(&emulator);
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    if outcome.result.is_ok() {
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package.clone()), "{:?}", emulator.steps());
    }
    (emulator, package, outcome)
}

#[test]
fn an_app_that_turns_out_to_run_is_stopped_once_more() {
    // The stop may not have ended.
    let (emulator, package, outcome) = deployed(|emulator| emulator.fail_transports(1, Fault::Code("APP_IS_RUNNING")));
    outcome.ok();
    assert_eq!(emulator.steps(), all_steps(&package));
    let (emulator, package, outcome) = deployed(|emulator| {
        emulator.fail_transports(11, Fault::Code("APP_IS_RUNNING"));
    });
    outcome.ok();
    assert_eq!((count(&emulator, "stop"), emulator.steps()[2..].to_vec()), (2, all_steps(&package)[1..].to_vec()));
}

#[test]
fn a_stale_status_does_not_count() {
    type Fail = fn(&Emulator, u32, Fault);
    for fail in [Emulator::fail_stops as Fail, Emulator::fail_transports, Emulator::fail_starts] {
        for polls in [1, 2, 5] {
            let (emulator, package, outcome) = deployed(|emulator| fail(emulator, 1, Fault::StaleStatus(polls)));
            outcome.ok();
            assert_eq!(emulator.steps(), all_steps(&package), "{polls}");
        }
    }
    // It was shown as stopped, but ran.
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.transport_while_running();
    caller.stop(&acceptance(), &often()).ok();
    emulator.fail_starts(1, Fault::StaleStatus(4));
    caller.start(&acceptance(), &Start::default(), &often()).ok();
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
}

#[test]
fn the_package_is_read_last() {
    let other = |emulator: &Emulator| Meanwhile::Transport(emulator.uploads()[0].package_id.clone());
    // Somebody else transports after our transport, or while our app starts; or had a start under way.
    for requests in 0..16 {
        let (emulator, caller) = start();
        let (theirs, package) = (uploaded(&caller), uploaded(&caller));
        assert_eq!(other(&emulator), Meanwhile::Transport(theirs.clone()));
        emulator.transport_while_running();
        emulator.meanwhile(requests, other(&emulator));
        let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
        match &outcome.result {
            Ok(_) => assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{requests}"),
            Err(error) => {
                let text = error.to_string();
                assert_eq!(error.kind(), ErrorKind::Overtaken, "{text}");
                assert!(text.contains("another deployment has put package"), "{text}");
                assert!(text.contains(theirs.as_str()) && text.contains(package.as_str()), "{text}");
            }
        }
    }
    let (emulator, caller) = start();
    let (_, package) = (uploaded(&caller), uploaded(&caller));
    caller.stop(&acceptance(), &often()).ok();
    emulator.meanwhile(0, Meanwhile::Start(12));
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
}

#[test]
fn the_status_of_the_first_read_is_read_again_after_the_package() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    // Between the two requests of the first read.
    emulator.meanwhile(1, Meanwhile::Stop);
    emulator.meanwhile(1, Meanwhile::Transport(package.clone()));
    let deployed = caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
    assert!(deployed.changed, "{:?}", emulator.steps());
}

#[test]
fn once_the_environment_was_seen_one_refusal_is_not_final_and_the_error_has_what_was_seen() {
    // The first request is answered.
    for refusal in [Fault::StatusAtOnce(401), Fault::StatusAtOnce(403), Fault::Body("<html>Log in</html>")] {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        emulator.fail_polls(1, Fault::Slow(0));
        emulator.fail_polls(1, refusal);
        caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    }
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    for name in [acceptance(), name("Production")] {
        caller.stop(&name, &often()).ok();
    }
    emulator.fail_polls(1, Fault::Slow(0));
    emulator.fail_polls(2, Fault::StatusAtOnce(403));
    let refused = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    let not_allowed = caller.deploy(&name("Production"), &package, &Deploy::default(), &often());
    for error in [refused.error(ErrorKind::Rejected), not_allowed.error(ErrorKind::NotAllowed)] {
        assert!(error.app_may_be_down() && error.to_string().contains("the app was not touched"), "{error}");
    }
}
