//! Deployments with somebody else's stops, transports and starts in between, lost responses and stale statuses, at random.

use std::time::Duration;

use mendix_deploy::emulator::{Fault, Meanwhile};
use mendix_deploy::{Deploy, Error, ErrorKind, PackageId};

use super::{acceptance, count, uploaded};
use crate::support::caller::{app, at_least, often, start};
use crate::support::gateway::{Gateway, Passed, Then};
use crate::support::random::{Random, seeds};
use crate::support::server::side_by_side;

fn fault(random: &mut Random) -> Option<Fault> {
    match random.below(8) {
        0 => Some(Fault::NoAnswer),
        1 => Some(Fault::Status(502)),
        2 => Some(Fault::StaleStatus(1 + random.few())),
        3 => Some(Fault::Slow(random.few() * 2)),
        4 => Some(Fault::StatusAtOnce(401)),
        _ => None,
    }
}

/// What an error says about the environment that differs from the last response.
fn words_that_are_not_as_last_seen(error: &Error, passed: &[Passed], package: &PackageId) -> Option<String> {
    let (mut status, mut on_it, mut before, mut started) = (None, None, None, false);
    // Unless it was refused.
    let may_be_done = |exchange: &Passed| matches!(exchange.status(), None | Some(200 | 502));
    for exchange in passed {
        let line = exchange.request.as_str();
        if line.ends_with("/Acceptance") {
            status = exchange.field("Status").or(status);
        } else if line.ends_with("/package") {
            on_it = exchange.field("PackageId").or(on_it);
        } else if line.ends_with("/transport") && may_be_done(exchange) {
            before = before.or(on_it);
        } else if line.ends_with("/start") {
            started |= exchange.field("JobId").is_some() && status != Some("Running");
        }
    }
    let (status, on_it, text) = (status?, on_it?, error.to_string());
    let is_overtaken = error.kind() == ErrorKind::Overtaken;
    let is_untouched = text.contains("the app was not touched");
    let on_it = if on_it == package.as_str() && !is_overtaken { "with" } else { on_it };
    let mut wanted = vec![format!("last seen {status}")];
    wanted.extend((!is_untouched).then(|| on_it.to_owned()));
    if before.is_some_and(|before| before != on_it) && !is_overtaken && !is_untouched {
        wanted.push(before?.to_owned());
    }
    if error.app_may_be_down() && !is_untouched {
        let is_sure = status != "Running" && !started && text.starts_with("the app is down: ");
        let begins = text.starts_with("the app may be down: ") || text.starts_with("the app is DOWN: ") || is_sure;
        wanted.extend((!begins).then(|| "may be down".to_owned()));
    }
    if !is_overtaken {
        let again = if text.contains("(deploy_package") { "(deploy_package" } else { "(Deploy::with_restart" };
        wanted.extend([again.to_owned(), package.to_string()]);
    }
    wanted.retain(|words| !text.contains(words));
    (!wanted.is_empty()).then(|| format!("it does not say {wanted:?}"))
}

/// Returns what is wrong, if anything.
fn play(seed: u64) -> Option<String> {
    let mut random = Random(seed);
    let (emulator, caller) = start();
    let (theirs, package) = (uploaded(&caller), uploaded(&caller));
    if random.below(2) == 0 {
        emulator.transport_while_running();
    }
    if random.below(3) == 0 {
        caller.stop(&acceptance(), &often()).ok();
    }
    let mut played = Vec::new();
    let deeds = usize::try_from(random.below(4)).unwrap();
    for _ in 0..deeds {
        let deed = match random.below(3) {
            0 => Meanwhile::Stop,
            1 => Meanwhile::Transport(theirs.clone()),
            _ => Meanwhile::Start(random.few() * 4),
        };
        let requests = usize::try_from(random.below(20)).unwrap();
        played.push(format!("{deed:?} after {requests}"));
        emulator.meanwhile(requests, deed);
    }
    for fail in [
        mendix_deploy::emulator::Emulator::fail_stops,
        mendix_deploy::emulator::Emulator::fail_transports,
        mendix_deploy::emulator::Emulator::fail_starts,
    ] {
        if let Some(fault) = fault(&mut random) {
            played.push(format!("{fault:?}"));
            fail(&emulator, 1, fault);
        }
    }
    let before = emulator.steps().len();
    let poll = often().with_timeout(at_least(Duration::from_secs(8)));
    let gateway = Gateway::to(&emulator, |_, _| Then::Pass);
    let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &poll);
    let (running, steps) = (emulator.running(&app(), "Acceptance"), emulator.steps()[before..].to_vec());
    let ours = |step: &str| count(&emulator, step) - usize::from(before > 0 && step == "stop");
    let counts = [ours("stop"), ours("transport"), ours("start")];
    let is_stale = played.iter().any(|fault| fault.starts_with("Stale"));
    let problem = match &outcome.result {
        Ok(_) if running.as_ref() == Some(&package) => None,
        // A stale status cannot show that somebody has stopped the app.
        Ok(_) if running.is_none() && is_stale && steps.iter().any(|step| step.contains("else: stop")) => None,
        Ok(_) => Some("it says ok".to_owned()),
        Err(error) => {
            let text = error.to_string();
            let is_untouched = text.contains("the app was not touched");
            let is_true = !is_untouched || steps.iter().all(|step| step.starts_with("somebody"));
            // Unless somebody else stopped it.
            let is_ours = !steps.iter().any(|step| step.contains("else: stop"));
            let is_reported = running.is_some() || error.app_may_be_down() || !is_ours;
            let lie = words_that_are_not_as_last_seen(error, &gateway.passed(), &package);
            let problem = (!is_true || !is_reported).then(|| format!("may be down: {}", error.app_may_be_down()));
            problem.or(lie)
        }
    };
    let problem = problem.or_else(|| (counts > [3, 2, 3]).then(|| format!("too many: {counts:?}")));
    // If nobody else does anything more, the call that the error names succeeds.
    let others = steps.iter().filter(|step| step.starts_with("somebody")).count();
    let again = outcome.result.as_ref().err().filter(|_| others == deeds).map(|error| {
        let restart = Deploy::default().with_restart(error.needs_restart());
        caller.deploy(&acceptance(), &package, &restart, &poll)
    });
    let is_well = again
        .as_ref()
        .is_none_or(|again| again.result.is_ok() && emulator.running(&app(), "Acceptance").as_ref() == Some(&package));
    let problem = problem.or_else(|| (!is_well).then(|| format!("then: {again:?} {:?}", emulator.steps())));
    let result = outcome.result.map(|_| "ok").map_err(|error| error.to_string());
    problem.map(|problem| format!("seed {seed}: {problem}; runs {running:?}; {played:?}; {steps:?}; {result:?}"))
}

#[test]
fn ok_means_that_the_package_runs_whatever_somebody_else_does() {
    let seeds = seeds(24);
    let problems = std::sync::Mutex::new(Vec::new());
    for chunk in seeds.chunks(96) {
        side_by_side(chunk.iter().copied(), |seed| {
            let problem = play(seed);
            problems.lock().unwrap().extend(problem);
        });
    }
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), seeds.len(), problems.join("\n"));
}
