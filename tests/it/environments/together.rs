//! Two processes that deploy to one environment at the same time.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Deploy, Deployed, ErrorKind, PackageId};

use super::{acceptance, uploaded};
use crate::support::caller::{Caller, Outcome, app, often, start};
use crate::support::server::side_by_side;

/// Deploys both, the second one `later`.
fn deploy(emulator: &Emulator, packages: [&PackageId; 2], later: Duration) -> [Outcome<Deployed>; 2] {
    let deploy = |package| Caller::of_emulator(emulator).deploy(&acceptance(), package, &Deploy::default(), &often());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| deploy(packages[0]));
        std::thread::sleep(later);
        let second = deploy(packages[1]);
        [first.join().unwrap(), second]
    })
}

/// Stops and starts that take their time, in every second case.
fn emulator(n: u32) -> (Emulator, PackageId, PackageId) {
    let (emulator, caller) = start();
    if n % 2 == 1 {
        emulator.fail_stops(2, Fault::Slow(3));
        emulator.fail_starts(3, Fault::Slow(4));
    }
    let (one, other) = (uploaded(&caller), uploaded(&caller));
    (emulator, one, other)
}

#[test]
fn the_same_package_deployed_twice_at_once_runs_and_both_say_so() {
    side_by_side(0..8, |n| {
        let (emulator, package, _) = emulator(n);
        for outcome in deploy(&emulator, [&package, &package], Duration::from_millis(90) * n) {
            outcome.ok();
        }
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package), "{n}: {:?}", emulator.steps());
    });
}

#[test]
fn of_two_packages_deployed_at_once_one_runs_and_the_other_is_overtaken() {
    side_by_side(0..8, |n| {
        let (emulator, one, other) = emulator(n);
        let outcomes = deploy(&emulator, [&one, &other], Duration::from_millis(90) * n);
        let case = format!("{n}: {outcomes:?} {:?}", emulator.steps());
        for error in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::Overtaken, "{case}");
            assert!([&one, &other].iter().all(|package| error.to_string().contains(package.as_str())), "{case}");
        }
        let running = emulator.running(&app(), "Acceptance");
        let is_reported = outcomes.iter().any(|outcome| match &outcome.result {
            Ok(deployed) => Some(&deployed.package) == running.as_ref(),
            // Both may give way; then one error says that the app may be down.
            Err(error) => error.app_may_be_down(),
        });
        assert!(is_reported && (running.is_none() || running == Some(one) || running == Some(other)), "{case}");
    });
}
