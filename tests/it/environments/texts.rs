//! What an error says to somebody whose deployment has failed: each way to fail at each step, word for word.

mod steps;

use std::time::Duration;

use mendix_deploy::ErrorKind::{JobFailed, NoAnswer, Overtaken, Rejected, StartFailed, StillRunning};
use mendix_deploy::emulator::{Emulator, Fault, JobEnd, Meanwhile};
use mendix_deploy::{Deploy, ErrorKind, Poll};

use super::{acceptance, uploaded};
use crate::support::caller::{at_least, often, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::server::side_by_side;

type Prepare = fn(&Emulator);
type Plan = fn(usize, &str) -> Then;
/// What is prepared and what the gateway does, and the error's kind and text.
type Case = (Prepare, Plan, ErrorKind, &'static str);

const UNAUTHORIZED: Then = Then::Answer("401 No", r#"{"errorCode":"UNAUTHORIZED","errorMessage":"Who are you?"}"#);
const UNKNOWN: Then =
    Then::Answer("404 No", r#"{"errorCode":"ENVIRONMENT_NOT_FOUND","errorMessage":"Environment not found."}"#);
const LOCKED: Then = Then::Answer("500 No", r#"{"errorCode":"ALREADY_LOCKED","errorMessage":"Cannot start app."}"#);
const BAD_GATEWAY: Then = Then::Answer("502 No", "<html><title>Bad gateway</title></html>");

const FORBIDDEN: Then = Then::Answer("403 No", "<html><title>Access denied</title></html>");
const MOVED: Then = Then::Answer("301 No", "");

const PASS: Plan = |_, _| Then::Pass;

/// Outages are short, and what never ends takes no longer than this.
fn poll(kind: ErrorKind) -> Poll {
    let poll = often().with_max_outage(Duration::from_millis(300));
    if kind == StillRunning { poll.with_timeout(at_least(Duration::from_secs(5))) } else { poll }
}

/// Without what differs from one run to the next: ids, of which `known` are shown by name, times, and the last status.
fn masked(text: &str, known: &[(&str, &str)]) -> String {
    let known = known
        .iter()
        .fold(text.to_owned(), |text, (id, name)| text.replace(id, name).replace(&format!("{}…", &id[..8]), name));
    let words: Vec<_> = known.split(' ').collect();
    let units = words.iter().skip(1).chain(&[""]);
    let masked = words.iter().zip(units).map(|(word, unit)| {
        let is_time = word.parse::<f64>().is_ok() && unit.starts_with('s');
        let is_job = word.len() >= 36 && word.matches('-').count() == 4;
        match *word {
            _ if is_time => "T".to_owned(),
            word if is_job => format!("JOB{}", &word[36..]),
            word => word.to_owned(),
        }
    });
    let text = masked.collect::<Vec<_>>().join(" ");
    match text.split_once("; last status: ").and_then(|(before, rest)| Some((before, rest.split_once("; ")?.1))) {
        Some((before, rest)) => format!("{before}; {rest}"),
        None => text,
    }
}

const BEFORE_THE_STOP: &[Case] = &[
    (
        |_| (),
        |_, _| UNAUTHORIZED,
        Rejected,
        "the request for environment Acceptance of app calc was refused: 401, UNAUTHORIZED, Who are \
             you?; check the user name and the API key; the app was not touched; once the cause is fixed, \
             call deploy_package with package NEW again",
    ),
    (
        |_| (),
        |_, _| Then::Close,
        NoAnswer,
        "the request for environment Acceptance of app calc failed: no usable answer came (attempt 3 \
             of 3); the app was not touched; call deploy_package with package NEW again",
    ),
    (
        |_| (),
        |n, _| if n == 0 { UNKNOWN } else { Then::Pass },
        Rejected,
        "the request for environment Acceptance of app calc was refused: 404, ENVIRONMENT_NOT_FOUND, \
             Environment not found.; check the name of the environment; the app was not touched; once the \
             cause is fixed, call deploy_package with package NEW again",
    ),
    (
        |_| (),
        |n, _| if n == 0 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "gave up waiting for the package on environment Acceptance of app calc: every attempt failed for T s \
         (Poll::with_max_outage), the last one because the server answered 502 to the request for the package \
         on environment Acceptance of app calc; the app was not touched: environment Acceptance was Running; call \
         deploy_package with package NEW again",
    ),
    (
        |emulator| emulator.jobs_end(JobEnd::Never),
        PASS,
        StillRunning,
        "package NEW of app calc had not ended after T s (Poll::with_timeout); the app was not touched: environment Acceptance was Running with package OLD on it; \
             call deploy_package with package NEW again",
    ),
    (
        |emulator| emulator.jobs_end(JobEnd::Failed),
        PASS,
        JobFailed,
        "package NEW failed, so it cannot be deployed; see the Environments page of app calc; the app \
             was not touched: environment Acceptance was Running with package OLD on it",
    ),
];

const STOPS: &[Case] = &[
    (
        |emulator| emulator.fail_stops(1, Fault::Code("STOP_FAILED")),
        PASS,
        Rejected,
        "environment Acceptance of app calc was not stopped: 500, STOP_FAILED, Cannot stop app: the \
             emulator was told so; it cannot be stopped during maintenance, or while a backup is made or \
             restored; see the Environments page of the app; the app was not touched: environment Acceptance \
             was Running with package OLD on it; once the cause is fixed, call deploy_package with \
             package NEW again",
    ),
    (
        |emulator| emulator.fail_stops(9, Fault::Status(502)),
        PASS,
        StillRunning,
        "the app may be down: the deployment of package NEW to environment Acceptance of app calc had not \
         ended after T s (Poll::with_timeout); when last polled, environment Acceptance was Running with \
         package OLD on it; whether the request to stop arrived is unknown (the server answered 502); call \
         deploy_package with package NEW again to resume",
    ),
    (
        |emulator| emulator.fail_stops(1, Fault::NeverEnds),
        |n, _| if n < 6 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "the app may be down: gave up waiting for the deployment of package NEW to environment Acceptance of \
         app calc: every attempt failed for T s (Poll::with_max_outage), the last one because the server \
         answered 502 to the request for the package on environment Acceptance of app calc; when last polled, \
         environment Acceptance was Running with package OLD on it; the stop that was requested may still \
         take effect; call deploy_package with package NEW again to resume",
    ),
    (
        |emulator| emulator.fail_stops(1, Fault::NeverEnds),
        |n, _| if n < 6 { Then::Pass } else { UNAUTHORIZED },
        Rejected,
        "the app may be down: the request for the package on environment Acceptance of app calc was \
             refused: 401, UNAUTHORIZED, Who are you?; check the user name and the API key; when last \
             polled, environment Acceptance was Running with package OLD on it; the stop that was \
             requested may still take effect; once the cause is fixed, call deploy_package with package \
             NEW again",
    ),
];

const TRANSPORTS: &[Case] = &[
    (
        |emulator| emulator.fail_transports(1, Fault::Code("NO_ACCESS")),
        PASS,
        Rejected,
        "the app is down: package NEW was not transported to environment Acceptance of app calc: 403, \
             NO_ACCESS, You do not have access; the user needs Transport Rights for this environment \
             (Permissions tab of the Environments page); when last polled, environment Acceptance was \
             Stopped with package OLD on it; once the cause is fixed, call deploy_package with package \
             NEW again; to go back, call deploy_package with package OLD",
    ),
    (
        |emulator| emulator.fail_transports(1, Fault::Code("PACKAGE_NOT_FOUND")),
        PASS,
        Rejected,
        "the app is down: package NEW was not transported to environment Acceptance of app calc: 404, \
             PACKAGE_NOT_FOUND, Package not found; it may have expired (after 15 days, unless deployed), \
             or belong to another app: upload it again, and use the new id; when last polled, environment \
             Acceptance was Stopped with package OLD on it; to go back, call deploy_package with package \
             OLD",
    ),
    (
        |emulator| emulator.fail_transports(1, Fault::NeverEnds),
        PASS,
        StillRunning,
        "the app is down: the deployment of package NEW to environment Acceptance of app calc had not ended \
         after T s (Poll::with_timeout); when last polled, environment Acceptance was Stopped with package \
         OLD on it; the transport that was requested may still take effect; call deploy_package with package \
         NEW and Deploy::with_restart(true) again to resume",
    ),
    (
        |emulator| emulator.fail_transports(99, Fault::Code("SERVICE UNAVAILABLE")),
        PASS,
        StillRunning,
        "the app is down: the deployment of package NEW to environment Acceptance of app calc had not \
             ended after T s (Poll::with_timeout); \
             when last polled, environment Acceptance was Stopped with package OLD on it; call \
             deploy_package with package NEW again to resume",
    ),
    (
        |emulator| emulator.fail_transports(99, Fault::Code("APP_IS_RUNNING")),
        PASS,
        StillRunning,
        "the app may be down: the deployment of package NEW to environment Acceptance of app calc had not \
         ended after T s (Poll::with_timeout); when last polled, environment Acceptance was Stopped with \
         package OLD on it; call deploy_package with package NEW again to resume",
    ),
];

const STARTS: &[Case] = &[
    (
        |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
        PASS,
        StartFailed,
        "the app is DOWN: environment Acceptance of app calc did not start (start job JOB): 500, \
             MISSING_CONSTANT, Cannot start app. Missing one or more constant values; give the constants \
             that are new in the package a value, on the Environments page of the app; when last polled, \
             environment Acceptance was Stopped with package NEW on it (before: package OLD); once the \
             cause is fixed, call deploy_package with package NEW again; to go back, call deploy_package \
             with package OLD",
    ),
    (
        |emulator| emulator.fail_starts(1, Fault::NeverEnds),
        PASS,
        StillRunning,
        "the app may be down: the deployment of package NEW to environment Acceptance of app calc had \
             not ended after T s (Poll::with_timeout); when last polled, \
             environment Acceptance was Stopped with package NEW on it (before: package OLD); the start \
             that was requested may still take effect; call deploy_package with package NEW again to \
             resume [start job JOB]",
    ),
    (
        |emulator| emulator.fail_starts(99, Fault::Status(502)),
        PASS,
        StillRunning,
        "the app may be down: the deployment of package NEW to environment Acceptance of app calc had not \
         ended after T s (Poll::with_timeout); when last polled, environment Acceptance was Stopped with \
         package NEW on it (before: package OLD); whether the request to start arrived is unknown (the server \
         answered 502); call deploy_package with package NEW and Deploy::with_restart(true) again to resume",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { UNAUTHORIZED } else { Then::Pass },
        Rejected,
        "the app is down: the request to start environment Acceptance of app calc was refused: 401, \
         UNAUTHORIZED, Who are you?; check the user name and the API key; when last polled, environment \
         Acceptance was Stopped with package NEW on it (before: package OLD); once the cause is fixed, call \
         deploy_package with package NEW and Deploy::with_restart(true) again; to go back, call \
         deploy_package with package OLD",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { FORBIDDEN } else { Then::Pass },
        Rejected,
        "the app is down: gave up waiting for the deployment of package NEW to environment Acceptance of app \
         calc: every attempt failed for T s (Poll::with_max_outage), the last one because the server answered \
         403 to the request to start environment Acceptance of app calc; when last polled, environment \
         Acceptance was Stopped with package NEW on it (before: package OLD); once the cause is fixed, call \
         deploy_package with package NEW and Deploy::with_restart(true) again; to go back, call \
         deploy_package with package OLD",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/transport") { MOVED } else { Then::Pass },
        Rejected,
        "the app is down: gave up waiting for the deployment of package NEW to environment Acceptance of app \
         calc: every attempt failed for T s (Poll::with_max_outage), the last one because the server answered \
         301 to the request to transport package NEW to environment Acceptance of app calc; when last polled, \
         environment Acceptance was Stopped with package OLD on it; once the cause is fixed, call \
         deploy_package with package NEW again; to go back, call deploy_package with package OLD",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { LOCKED } else { Then::Pass },
        StillRunning,
        "the app is down: the deployment of package NEW to environment Acceptance of app calc had not ended \
         after T s (Poll::with_timeout); when last polled, environment Acceptance was Stopped with package \
         NEW on it (before: package OLD); call deploy_package with package NEW and Deploy::with_restart(true) \
         again to resume",
    ),
    (
        |emulator| emulator.fail_starts(99, Fault::Code("ALREADY_STARTED")),
        PASS,
        Rejected,
        "the app may be down: environment Acceptance of app calc did not start: 200, ALREADY_STARTED, Cannot start app. \
         App is already running; it was running already; when last polled, environment Acceptance was Stopped with \
         package NEW on it (before: package OLD); call deploy_package with package NEW and Deploy::with_restart(true) \
         again; to go back, call deploy_package with package OLD",
    ),
];

const OTHER_DEPLOYMENTS: &[Case] = &[
    (
        |emulator| emulator.fail_starts(99, Fault::Code("APP_ALREADY_HAS_A_STARTING_JOB")),
        PASS,
        StillRunning,
        "the app may be down: the deployment of package NEW to environment Acceptance of app calc had \
             not ended after T s (Poll::with_timeout); when last polled, \
             environment Acceptance was Stopped with package NEW on it (before: package OLD); something \
             else was starting the app, perhaps with another package; call deploy_package with package \
             NEW and Deploy::with_restart(true) again to resume",
    ),
    (
        |emulator| {
            emulator.fail_starts(1, Fault::Slow(30));
            emulator.meanwhile(11, Meanwhile::Transport(emulator.uploads()[0].package_id.clone()));
        },
        PASS,
        Overtaken,
        "the app may be down: another deployment is under way: environment Acceptance of app calc has \
             package OTHER on it in place of package NEW; when last polled, environment Acceptance was \
             Stopped with package OTHER on it (before: package OLD); the start that was requested may \
             still take effect; once that has ended, call deploy_package with package NEW again [start \
             job JOB]",
    ),
    (
        |_| (),
        |n, _| if n < 14 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "the app may be down: gave up waiting for the deployment of package NEW to environment Acceptance of \
         app calc: every attempt failed for T s (Poll::with_max_outage), the last one because the server \
         answered 502 to the request for the package on environment Acceptance of app calc; when last polled, \
         environment Acceptance was Stopped with package NEW on it (before: package OLD); the start that was \
         requested may still take effect; call deploy_package with package NEW again to resume [start job \
         JOB]",
    ),
];

#[test]
fn each_way_to_fail_at_each_step_says_where_the_environment_stood_and_what_the_way_on_is() {
    let cases = [BEFORE_THE_STOP, STOPS, TRANSPORTS, STARTS, OTHER_DEPLOYMENTS].concat();
    side_by_side(cases, |(prepare, plan, kind, expected)| {
        let (emulator, caller) = start();
        let (other, package) = (uploaded(&caller), uploaded(&caller));
        prepare(&emulator);
        let gateway = Gateway::to(&emulator, plan);
        let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &poll(kind));
        let text = outcome.error(kind).to_string();
        let known = [(Emulator::DEPLOYED_PACKAGE, "OLD"), (package.as_str(), "NEW"), (other.as_str(), "OTHER")];
        assert_eq!(masked(&text, &known), expected);
    });
}
