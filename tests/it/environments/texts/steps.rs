//! The same of the single steps, of a restart, and of production.

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
fn each_way_to_fail_of_the_single_steps_says_where_the_environment_stood_and_what_the_way_on_is() {
    let cases: [(Prepare, Call, &str); 9] = [
        (
            |emulator| emulator.fail_stops(1, Fault::Code("STOP_FAILED")),
            STOP,
            "environment Acceptance of app calc was not stopped: 500, STOP_FAILED, Cannot stop app: the \
             emulator was told so; it cannot be stopped during maintenance, or while a backup is made or \
             restored; see the Environments page of the app; the app was not touched: environment Acceptance \
             was Running; once the cause is fixed, call stop_environment again",
        ),
        (
            |emulator| emulator.fail_stops(1, Fault::NeverEnds),
            STOP,
            "the stop of environment Acceptance of app calc had not ended after T s (Poll::with_timeout); when last polled, environment Acceptance was Running; the stop that \
             was requested may still take effect; call stop_environment again to resume",
        ),
        (
            |_| (),
            TRANSPORT,
            "package NEW was not transported to environment Acceptance of app calc: 403, APP_IS_RUNNING, \
             The environment of the app must be stopped to do transport; stop it first \
             (stop_environment); the app was not touched: environment Acceptance had package OLD on it; once \
             the cause is fixed, call transport_package with package NEW again",
        ),
        (
            |emulator| {
                emulator.transport_while_running();
                emulator.fail_transports(1, Fault::NeverEnds);
            },
            TRANSPORT,
            "the transport of package NEW to environment Acceptance of app calc had not ended after T s \
             (Poll::with_timeout); when last polled, \
             environment Acceptance had package OLD on it; the transport that was requested may still \
             take effect; call transport_package with package NEW again to resume",
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
            START,
            "the app is DOWN: environment Acceptance of app calc did not start (start job JOB): 500, \
             MISSING_CONSTANT, Cannot start app. Missing one or more constant values; give the constants \
             that are new in the package a value, on the Environments page of the app; when last polled, \
             environment Acceptance was Stopped; once the cause is fixed, call start_environment again",
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::NeverEnds),
            START,
            "the app may be down: the start of environment Acceptance of app calc had not ended after T s \
             (Poll::with_timeout); when last polled, environment Acceptance was \
             Stopped; the start that was requested may still take effect; call start_environment again to \
             resume [start job JOB]",
        ),
        (
            |emulator| emulator.fail_starts(2, Fault::StatusAtOnce(403)),
            START,
            "the request to start environment Acceptance of app calc was refused: 403, FORBIDDEN, the \
             emulator was told to answer so; the user needs API Rights and Transport Rights for this \
             environment (Permissions tab of the Environments page); the app was not touched: environment \
             Acceptance was Stopped; once the cause is fixed, call start_environment again",
        ),
        (
            |_| (),
            |caller, package| {
                caller.deploy(&name("Production"), package, &Deploy::default(), &poll(StillRunning)).result.map(drop)
            },
            "environment Production of app calc is for production, or does not say that it is not, which takes \
             Deploy::allow_production; the app was not touched: environment Production was Running [package NEW]",
        ),
        (
            |emulator| emulator.fail_stops(1, Fault::NeverEnds),
            |caller, package| {
                let restart = Deploy::default().with_restart(true);
                caller.deploy(&acceptance(), package, &restart, &poll(StillRunning)).result.map(drop)
            },
            "the app may be down: the deployment of package NEW to environment Acceptance of app calc had \
             not ended after T s (Poll::with_timeout); when last polled, \
             environment Acceptance was Running with package OLD on it; the stop that was requested may \
             still take effect; call deploy_package with package NEW and Deploy::with_restart(true) again \
             to resume",
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
