//! Success is what was seen after its cause, and the package is read last.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, Meanwhile};
use mendix_deploy::{Deploy, DeployStep, EnvironmentStatus, ErrorKind, Event, Start, Subject};

use super::{acceptance, count, uploaded};
use crate::support::caller::{app, at_least, often, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::server::side_by_side;

const RUNNING: &str = r#"{"Mode":"Acceptance","Status":"Running","Production":false}"#;
const LOCKED: &str = r#"{"errorCode":"ALREADY_LOCKED","errorMessage":"Cannot start app. There is already a lock."}"#;
const STARTING: &str = r#"{"Status":"Starting"}"#;
const SECOND: Duration = Duration::from_secs(1);

fn is_start(line: &str) -> bool {
    line.starts_with("POST") && line.ends_with("/start")
}

fn is_start_job(line: &str) -> bool {
    line.contains("/start/")
}

fn is_status(line: &str) -> bool {
    line.ends_with("/environments/Acceptance")
}

#[test]
fn an_app_that_was_stopped_step_by_step_is_started_although_its_status_is_still_running() {
    for polls in [1, 3] {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        emulator.fail_transports(1, Fault::StaleStatus(polls));
        caller.stop(&acceptance(), &often()).ok();
        caller.transport(&acceptance(), &package, &often()).ok();
        caller.start(&acceptance(), &Start::default(), &often()).ok();
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{polls}");
    }
}

#[test]
fn an_app_that_runs_already_is_confirmed_by_the_answer_to_the_start_and_left_alone() {
    let (emulator, _) = start();
    let gateway = Gateway::to(&emulator, |_, _| Then::Pass);
    gateway.caller(&emulator).start(&acceptance(), &Start::default(), &often()).ok();
    let lines: Vec<_> = gateway.passed().into_iter().map(|passed| passed.request).collect();
    assert!(lines.len() == 2 && is_status(&lines[0]) && is_start(&lines[1]), "{lines:?}");
    assert_eq!(gateway.passed()[0].field("Status"), Some("Running"));
    assert_eq!(emulator.steps(), [""; 0]);
}

#[test]
fn an_app_that_was_started_while_the_package_was_made_is_stopped_first() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(4);
    let package = uploaded(&caller);
    caller.stop(&acceptance(), &often()).ok();
    // The call reads the status and the package on it, and then waits for its own package.
    emulator.meanwhile(2, Meanwhile::Start(0));
    caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
    let steps = emulator.steps();
    assert_eq!(steps[1..3], ["somebody else: start Acceptance", "stop Acceptance"], "{steps:?}");
}

#[test]
fn a_third_package_after_the_transport_ends_the_call_at_once_and_the_previous_one_after_the_patience() {
    for is_roll_back in [false, true] {
        let (emulator, caller) = start();
        let (theirs, package) = (uploaded(&caller), uploaded(&caller));
        let theirs = if is_roll_back { Emulator::DEPLOYED_PACKAGE.parse().unwrap() } else { theirs };
        emulator.fail_starts(1, Fault::Slow(30));
        // Two polls of two requests, a stop, a poll, a transport, a poll, a start.
        emulator.meanwhile(11, Meanwhile::Transport(theirs.clone()));
        let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
        let text = outcome.error(ErrorKind::Overtaken).to_string();
        assert!(text.contains("another deployment has put package"), "{text}");
        assert!(text.contains(theirs.as_str()) && text.contains(package.as_str()), "{text}");
        // At the fourth poll of the start job, the environment is polled, too; the patience is ten.
        let is_poll = |event: &&Event| matches!(event, Event::Polled { subject: Subject::Environment(_), .. });
        let polls = outcome.events.iter().filter(is_poll).count();
        assert_eq!(polls > 4, is_roll_back, "{outcome:?}");
    }
}

#[test]
fn a_transport_alone_is_overtaken_as_well() {
    let (emulator, caller) = start();
    let (theirs, package) = (uploaded(&caller), uploaded(&caller));
    emulator.transport_while_running();
    // A poll, and the transport.
    emulator.meanwhile(2, Meanwhile::Transport(theirs.clone()));
    let outcome = caller.transport(&acceptance(), &package, &often());
    let text = outcome.error(ErrorKind::Overtaken).to_string();
    let says = format!("another deployment has put package {theirs} on Acceptance of app calc in place of {package}");
    assert!(text.starts_with(&says) && text.contains("; last seen with that package on it; "), "{text}");
}

#[test]
fn a_start_is_requested_again_while_something_else_has_locked_the_environment() {
    for times in [1, 4] {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        let mut starts = 0;
        let gateway = Gateway::to(&emulator, move |_, line| {
            starts += u32::from(is_start(line));
            if is_start(line) && starts <= times { Then::Answer("500 Locked", LOCKED) } else { Then::Pass }
        });
        gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{times}");

        // The same as the end of its job.
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        emulator.fail_starts(times, Fault::Code("ALREADY_LOCKED"));
        caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{times}");
        assert_eq!(count(&emulator, "start"), 1 + times as usize);
    }
}

#[test]
fn a_lost_start_is_requested_again_and_if_it_fails_the_error_has_the_reason() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_starts(1, Fault::Status(502));
    emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT"));
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    assert_eq!(outcome.error(ErrorKind::StartFailed).code(), Some("MISSING_CONSTANT"));
    assert!(outcome.took < 15 * SECOND, "{outcome:?}");
}

#[test]
fn a_web_page_in_response_to_the_start_does_not_accept_it() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    // Somebody's start of the previous package is in progress; the transport does not end it.
    emulator.meanwhile(7, Meanwhile::Start(8));
    let mut starts = 0;
    let gateway = Gateway::to(&emulator, move |_, line| {
        starts += u32::from(is_start(line));
        if is_start(line) && starts == 1 {
            Then::Answer("200 OK", "<html><title>Welcome</title></html>")
        } else {
            Then::Pass
        }
    });
    gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{:?}", emulator.steps());
    assert!(emulator.steps().iter().any(|step| step == "somebody else: start Acceptance"));
}

#[test]
fn a_start_job_reported_as_failed_while_the_app_runs_is_a_failed_start() {
    const FAILED: &str = r#"{"errorCode":"START_FAILED","errorMessage":"Cannot start app: 1"}"#;
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let mut polls = 0;
    let gateway = Gateway::to(&emulator, move |_, line| {
        if !is_start_job(line) {
            return Then::Pass;
        }
        polls += 1;
        if polls <= 2 { Then::Answer("200 OK", STARTING) } else { Then::Answer("500 No", FAILED) }
    });
    let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often());
    let text = outcome.error(ErrorKind::StartFailed).to_string();
    let was = "last seen Running with this package";
    assert!(text.starts_with("the app may be down: ") && text.contains(was), "{text}");
}

#[test]
fn a_start_job_that_hangs_or_cannot_be_polled_is_overruled_by_the_environment() {
    type Plan = fn(&str) -> Then;
    const INTERNAL: &str = r#"{"errorCode":"INTERNAL","errorMessage":"no"}"#;
    let plans: [Plan; 4] = [
        |line| if is_start_job(line) { Then::Answer("200 OK", INTERNAL) } else { Then::Pass },
        |line| if is_start_job(line) { Then::Answer("200 OK", STARTING) } else { Then::Pass },
        |line| if is_start_job(line) { Then::Answer("404 No", "<html>nginx</html>") } else { Then::Pass },
        |line| if is_start_job(line) { Then::Answer("502 No", "") } else { Then::Pass },
    ];
    side_by_side(plans, |plan| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        let gateway = Gateway::to(&emulator, move |_, line| plan(line));
        gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
        caller.stop(&acceptance(), &often()).ok();
        gateway.caller(&emulator).start(&acceptance(), &Start::default(), &often()).ok();
        assert_eq!(caller.environment(&acceptance()).ok().status, EnvironmentStatus::Running);
    });
}

#[test]
fn while_a_start_job_is_polled_the_environment_is_polled_every_fourth_time() {
    let (emulator, caller) = start();
    caller.stop(&acceptance(), &often()).ok();
    emulator.fail_starts(1, Fault::NeverEnds);
    let gateway = Gateway::to(&emulator, |_, _| Then::Pass);
    let poll = often().with_timeout(at_least(3 * SECOND));
    let outcome = gateway.caller(&emulator).start(&acceptance(), &Start::default(), &poll);
    outcome.error(ErrorKind::StillRunning);
    let is_starting = |event: &Event| !matches!(event, Event::Polled { status, .. } if status != "Starting");
    assert!(outcome.events.iter().all(is_starting), "the log has the status of the job: {outcome:?}");
    let lines: Vec<_> = gateway.passed().into_iter().map(|passed| passed.request).collect();
    let after: Vec<_> = lines.iter().skip_while(|line| !is_start(line)).collect();
    let count = |is: fn(&str) -> bool| after.iter().filter(|line| is(line)).count();
    let (jobs, statuses) = (count(is_start_job), count(is_status));
    assert!(jobs >= 4 && statuses == jobs / 4, "{statuses} of {jobs}");
}

#[test]
fn a_forgotten_start_job_is_not_reported_as_a_failed_start() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let gone = r#"{"errorCode":"NO_SUCH_STARTJOB","errorMessage":"Job not found."}"#;
    emulator.fail_starts(1, Fault::NeverEnds);
    let gateway = Gateway::to(
        &emulator,
        move |_, line| {
            if is_start_job(line) { Then::Answer("404 No", gone) } else { Then::Pass }
        },
    );
    let poll = often().with_timeout(at_least(5 * SECOND));
    let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &poll);
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(!error.to_string().contains("DOWN") && error.app_may_be_down(), "{error}");
}

/// Deploys through a gateway, and checks that the package runs. The start has this fault, and the plan depends on how often the
/// status was polled since the start was requested.
fn deploy_through(fault: Fault, plan: fn(u32, &str) -> Then) {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_starts(1, fault);
    let (mut is_started, mut polls) = (false, 0);
    let gateway = Gateway::to(&emulator, move |_, line| {
        is_started |= is_start(line);
        polls += u32::from(is_started && is_status(line));
        plan(polls, line)
    });
    gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
}

#[test]
fn running_that_is_shown_only_once_after_the_start_is_not_a_success() {
    // The job hangs, and a cache shows the environment as running, while the app is starting.
    deploy_through(Fault::Slow(6), |polls, line| match line {
        line if is_start_job(line) => Then::Answer("200 OK", STARTING),
        line if is_status(line) && (1..=2).contains(&polls) => Then::Answer("200 OK", RUNNING),
        _ => Then::Pass,
    });
}

#[test]
fn running_that_is_shown_once_between_two_other_statuses_is_not_a_success() {
    // Two servers take turns, and one of them lags behind. The API names no start job.
    deploy_through(Fault::Slow(12), |polls, line| match line {
        line if is_start(line) => Then::Change(|answer| *answer = serde_json::json!({})),
        line if is_status(line) && polls == 2 => Then::Answer("200 OK", RUNNING),
        _ => Then::Pass,
    });
}

#[test]
fn pauses_are_short_again_after_a_request() {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    emulator.fail_stops(1, Fault::Slow(40));
    emulator.fail_transports(1, Fault::Slow(4));
    let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
    let is_stopped = |event: &Event| matches!(event, Event::Deploying { step: DeployStep::Stopped, .. });
    let stopped = outcome.events.iter().position(is_stopped).unwrap();
    let (before, after) = outcome.events.split_at(stopped);
    let pause = |event: &Event| if let Event::Polled { next_poll, .. } = event { *next_poll } else { None };
    let (long, short) = (before.iter().rev().find_map(pause).unwrap(), after.iter().find_map(pause).unwrap());
    assert!(long > SECOND / 5 && short < SECOND / 5, "{long:?} {short:?}");
    outcome.ok();
}
