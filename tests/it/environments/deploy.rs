//! The chain: from a package to a running environment.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{Deploy, EnvironmentStatus, ErrorKind, PackageId};

use super::{acceptance, count, name, uploaded};
use crate::support::caller::{often, once, start};
use crate::support::server::side_by_side;

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
    let says = format!("package {package} is to replace package {OLD}; if this is interrupted, deploy_package");
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
    caller.deploy(&acceptance(), &OLD.parse().unwrap(), &Deploy::default(), &often()).ok();
    assert_eq!(caller.environment_package(&acceptance()).ok().unwrap().package_id.as_str(), OLD);
}

#[test]
fn an_empty_environment_is_deployed_to_as_well() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let deployed = caller.deploy(&name("test"), &package, &Deploy::default(), &often()).ok();
    assert_eq!((deployed.previous, count(&emulator, "stop")), (None, 0));
    assert_eq!(caller.environment(&name("Test")).ok().status, EnvironmentStatus::Running);
}

#[test]
fn production_is_refused_unless_it_is_allowed_and_so_is_what_does_not_say_what_it_is() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let asked = emulator.requests();
    let outcome = caller.deploy(&name("Production"), &package, &Deploy::default(), &often());
    assert!(outcome.error(ErrorKind::Config).to_string().contains("Deploy::allow_production"), "{outcome:?}");
    emulator.omit_fields(&["Production"]);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).error(ErrorKind::Config);
    assert_eq!((emulator.requests() - asked, emulator.steps().len()), (2, 0), "one look each");
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
    let stands = format!("nothing was changed: environment Acceptance of app calc is Running with package {OLD} on it");
    assert!(text.ends_with(&stands), "{text}");
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
fn lost_answers_at_every_step_are_cleared_up() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_stops(1, Fault::NoAnswer);
    emulator.fail_transports(1, Fault::NoAnswer);
    emulator.fail_starts(1, Fault::NoAnswer);
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.steps(), all_steps(&package));
}

#[test]
fn each_failure_says_where_the_environment_stands_and_the_same_call_goes_on() {
    type Fail = fn(&Emulator, u32, Fault);
    let cases: [(Fail, Fault, ErrorKind, &str, &str); 7] = [
        (
            Emulator::fail_stops,
            Fault::Code("STOP_FAILED"),
            ErrorKind::Rejected,
            "environment Acceptance of app calc was not stopped",
            "is Running with package OLD on it, unless it has stopped since",
        ),
        (
            Emulator::fail_stops,
            Fault::Slow(20),
            ErrorKind::StillRunning,
            "the stop of environment",
            "is Running with package OLD on it, unless it has stopped since",
        ),
        (
            Emulator::fail_transports,
            Fault::Code("NO_ACCESS"),
            ErrorKind::Rejected,
            "the app is down",
            "has package OLD on it",
        ),
        (
            Emulator::fail_transports,
            Fault::Slow(20),
            ErrorKind::StillRunning,
            "the app is down",
            "has package OLD on it",
        ),
        (
            Emulator::fail_starts,
            Fault::Code("MISSING_CONSTANT"),
            ErrorKind::StartFailed,
            "the app is DOWN: ",
            "has package NEW on it (before: package OLD); when that is mended",
        ),
        (
            Emulator::fail_starts,
            Fault::Slow(20),
            ErrorKind::StillRunning,
            "the app is down, unless it has started since",
            "has package NEW on it (before: package OLD)",
        ),
        (
            Emulator::fail_starts,
            Fault::Status(502),
            ErrorKind::StillRunning,
            "the app is down, unless it has started since",
            "has package NEW on it (before: package OLD)",
        ),
    ];
    side_by_side(cases, |(fail, fault, kind, begins, stands)| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        fail(&emulator, 1, fault);
        let poll = often().with_timeout(Duration::from_millis(1500));
        let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &poll);
        let text = outcome.error(kind).to_string();
        let text = text.replace(OLD, "OLD").replace(package.as_str(), "NEW");
        assert!(text.starts_with(begins) && text.contains(stands), "{text}");
        assert!(text.contains("deploy_package with package NEW goes on from there"), "{text}");
        assert!(!text.contains("_environment") && !text.contains("transport_package"), "one call goes on: {text}");

        caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        // Nobody can know that a stop or a transport is still going on, and they may be repeated.
        let repeated = match fault {
            Fault::Slow(_) if text.contains("the stop of") => "stop",
            Fault::Slow(_) if text.contains("the transport of") => "transport",
            Fault::Code("MISSING_CONSTANT") => "start",
            _ => "",
        };
        for step in ["stop", "transport", "start"] {
            assert_eq!(count(&emulator, step), 1 + usize::from(step == repeated), "{fault:?}: {step}");
        }
        assert_eq!(caller.environment_package(&acceptance()).ok().unwrap().package_id, package);
    });
}

#[test]
fn an_app_that_turns_out_to_run_is_stopped_once_more_and_its_start_is_no_success() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_transports(1, Fault::Code("APP_IS_RUNNING"));
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!((count(&emulator, "stop"), count(&emulator, "transport")), (2, 1));

    let package = uploaded(&caller);
    emulator.fail_transports(2, Fault::Code("APP_IS_RUNNING"));
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    assert!(outcome.error(ErrorKind::Rejected).to_string().contains("may still run"), "{outcome:?}");

    let (emulator, caller) = start();
    emulator.fail_starts(1, Fault::Code("ALREADY_STARTED"));
    let package = uploaded(&caller);
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    let error = outcome.error(ErrorKind::Rejected);
    let text = error.to_string();
    assert!(text.contains("the app that ran before still runs") && text.contains("with_restart(true)"), "{text}");
    assert_eq!((error.status(), error.code()), (Some(200), Some("ALREADY_STARTED")));
}
