//! The same for the single steps, a restart, and production.

use mendix_deploy::ErrorKind::StillRunning;
use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Deploy, PackageId, Result, Start};

use super::{Prepare, masked, poll};
use crate::environments::{acceptance, name, uploaded};
use crate::support::caller::{Caller, often, start};
use crate::support::server::side_by_side;

type Call = fn(&Caller, &PackageId) -> Result<()>;

const STOP: Call = |caller, _| caller.stop(&acceptance(), &poll(StillRunning)).result;
const TRANSPORT: Call = |caller, package| caller.transport(&acceptance(), package, &poll(StillRunning)).result;
const START: Call = |caller, _| {
    caller.stop(&acceptance(), &often()).ok();
    caller.start(&acceptance(), &Start::default(), &poll(StillRunning)).result
};

#[test]
fn every_failure_of_a_single_step_says_the_state_of_the_environment_and_how_to_resume() {
    let cases: [(Prepare, Call, &str); 9] = [
        (
            |emulator| emulator.fail_stops(1, Fault::Code("STOP_FAILED")),
            STOP,
            "environment Acceptance of app calc was not stopped: 500, STOP_FAILED, Cannot stop app: the emulator was \
             set to fail; is there maintenance, or a backup? See the Environments page of the app; the app was not \
             touched, last seen Running; once fixed, stop it again (stop_environment)",
        ),
        (
            |emulator| emulator.fail_stops(1, Fault::NeverEnds),
            STOP,
            "stopping Acceptance of app calc took over T s; last seen Running; the stop may still take effect; stop \
             it again (stop_environment)",
        ),
        (
            |_| (),
            TRANSPORT,
            "package NEW was not transported to Acceptance of app calc: 403, APP_IS_RUNNING, The environment of the \
             app must be stopped to do transport; stop it first; the app was not touched; once fixed, transport it \
             again (transport_package)",
        ),
        (
            |emulator| {
                emulator.transport_while_running();
                emulator.fail_transports(1, Fault::NeverEnds);
            },
            TRANSPORT,
            "transporting package NEW to Acceptance of app calc took over T s; last seen with OLD on it; the transport \
             may still take effect; transport it again (transport_package)",
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
            START,
            "the app is DOWN: environment Acceptance of app calc did not start: 500, MISSING_CONSTANT, Cannot start \
             app. Missing one or more constant values; give its new constants a value; last seen Stopped; once \
             fixed, start it again (start_environment) [start job JOB]",
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::NeverEnds),
            START,
            "the app may be down: starting Acceptance of app calc took over T s; last seen Stopped; the start may \
             still take effect; start it again (start_environment) [start job JOB]",
        ),
        (
            |emulator| emulator.fail_starts(2, Fault::StatusAtOnce(403)),
            START,
            "the request to start Acceptance of app calc was refused: 403, FORBIDDEN, the emulator was set to respond \
             with this; the user needs API and Transport Rights (Permissions tab); the app was not touched, last seen \
             Stopped; once fixed, start it again (start_environment)",
        ),
        (
            |_| (),
            |caller, package| {
                caller.deploy(&name("Production"), package, &Deploy::default(), &poll(StillRunning)).result.map(drop)
            },
            "environment Production of app calc is a production environment, or does not say otherwise, and production \
             was not allowed; the app was not touched, last seen Running (Deploy::allow_production) [package NEW]",
        ),
        (
            |emulator| emulator.fail_stops(1, Fault::NeverEnds),
            |caller, package| {
                let restart = Deploy::default().with_restart(true);
                caller.deploy(&acceptance(), package, &restart, &poll(StillRunning)).result.map(drop)
            },
            "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Running \
             with OLD; the stop may still take effect; deploy it again (Deploy::with_restart)",
        ),
    ];
    side_by_side(cases, |(prepare, call, expected)| {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        prepare(&emulator);
        let text = call(&caller, &package).unwrap_err().to_string();
        let known = [(Emulator::DEPLOYED_PACKAGE, "OLD"), (package.as_str(), "NEW")];
        assert_eq!(masked(&text, &known), expected);
    });
}
