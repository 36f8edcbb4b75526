//! A deployment that is killed at any request, and called again.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Deploy, Poll};

use super::{acceptance, uploaded};
use crate::support::caller::{app, often, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::server::side_by_side;

/// Gives up as soon as the gateway is down.
fn hasty() -> Poll {
    often().with_max_outage(Duration::ZERO)
}

/// From the request of this number on, nothing gets through. If `arrives`, that request itself does, but not its response.
fn killed_at(number: usize, arrives: bool) -> impl Fn(usize, &str) -> Then + Send + 'static {
    move |n, _| match n.cmp(&number) {
        std::cmp::Ordering::Less => Then::Pass,
        std::cmp::Ordering::Equal if arrives => Then::Lose,
        _ => Then::Close,
    }
}

#[test]
fn a_deployment_that_is_killed_at_any_request_and_called_again_ends_with_the_package_running() {
    // Slow or not, each way once for each request.
    let cases = (0..17).flat_map(|number| [(number, false, number % 2 * 2), (number, true, (number + 1) % 2 * 2)]);
    side_by_side(cases, |case| {
        let (number, arrives, slow) = case;
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        for fail in
            [Emulator::fail_stops as fn(&Emulator, u32, Fault), Emulator::fail_transports, Emulator::fail_starts]
        {
            fail(&emulator, 4, Fault::Slow(u32::try_from(slow).unwrap()));
        }
        let gateway = Gateway::to(&emulator, killed_at(number, arrives));
        let killed = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &hasty());
        drop(gateway);
        let outcome = caller.deploy(&acceptance(), &package, &Deploy::default(), &often());
        assert!(outcome.result.is_ok(), "{case:?}: {killed:?}, then {outcome:?}");
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{case:?}: {:?}", emulator.steps());
    });
}

#[test]
fn a_restart_that_is_killed_at_any_request_is_a_restart_when_called_again_as_its_error_says() {
    side_by_side((0..11).flat_map(|number| [(number, false), (number, true)]), |(number, arrives)| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        caller.stop(&acceptance(), &often()).ok();
        caller.deploy(&acceptance(), &package, &Deploy::default(), &often()).ok();
        emulator.fail_stops(1, Fault::Slow(2));
        let before = emulator.steps().len();
        let restart = Deploy::default().with_restart(true);
        let gateway = Gateway::to(&emulator, killed_at(number, arrives));
        let killed = gateway.caller(&emulator).deploy(&acceptance(), &package, &restart, &hasty());
        drop(gateway);
        if let Err(error) = &killed.result {
            let again = Deploy::default().with_restart(error.needs_restart());
            caller.deploy(&acceptance(), &package, &again, &often()).ok();
        }
        let steps = emulator.steps()[before..].to_vec();
        let was_stopped = steps.iter().any(|step| step.starts_with("stop"));
        let is_started = steps.last().unwrap().starts_with("start");
        assert!(was_stopped && is_started, "{number} {arrives}: {killed:?} {steps:?}");
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{number} {arrives}");
    });
}
