//! The messages of failed deployments, word for word: every failure at every step.

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
/// The setup, the plan of the gateway, and the error's kind and text.
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

/// The text without what differs between runs: ids (`known` ones become names), times, and the last status.
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
    match text.split_once(" (last status: ").and_then(|(before, rest)| Some((before, rest.split_once(')')?.1))) {
        Some((before, rest)) => format!("{before}{rest}"),
        None => text,
    }
}

const BEFORE_THE_STOP: &[Case] = &[
    (
        |_| (),
        |_, _| UNAUTHORIZED,
        Rejected,
        "the request for environment Acceptance of app calc was refused: 401, UNAUTHORIZED, Who are you?; check the \
         user name and the API key; the app was not touched; once fixed, deploy this package again (deploy_package) \
         [package NEW]",
    ),
    (
        |_| (),
        |_, _| Then::Close,
        NoAnswer,
        "the request for environment Acceptance of app calc failed: no usable response came (attempt 3 of 3); the app \
         was not touched; deploy this package again (deploy_package) [package NEW]",
    ),
    (
        |_| (),
        |n, _| if n == 0 { UNKNOWN } else { Then::Pass },
        Rejected,
        "the request for environment Acceptance of app calc was refused: 404, ENVIRONMENT_NOT_FOUND, Environment not \
         found.; check the name of the environment; the app was not touched; once fixed, deploy this package again \
         (deploy_package) [package NEW]",
    ),
    (
        |_| (),
        |n, _| if n == 0 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "gave up waiting for the package on environment Acceptance of app calc: no status for T s (HTTP 502); \
         the app was not touched, last seen Running; deploy this package again (deploy_package) [package NEW]",
    ),
    (
        |emulator| emulator.jobs_end(JobEnd::Never),
        PASS,
        StillRunning,
        "waiting for package NEW of app calc took over T s; the app was not touched, last seen Running; deploy it \
         again (deploy_package)",
    ),
    (
        |emulator| emulator.jobs_end(JobEnd::Failed),
        PASS,
        JobFailed,
        "package NEW of app calc failed, so it cannot be deployed; the app was not touched, last seen Running; see the \
         app's Environments page",
    ),
];

const STOPS: &[Case] = &[
    (
        |emulator| emulator.fail_stops(1, Fault::Code("STOP_FAILED")),
        PASS,
        Rejected,
        "environment Acceptance of app calc was not stopped: 500, STOP_FAILED, Cannot stop app: the emulator was set \
         to fail; is there maintenance, or a backup? See the Environments page of the app; the app was not touched, \
         last seen Running; once fixed, deploy this package again (deploy_package) [package NEW]",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/stop") { Then::Answer("502 No\r\nRetry-After: 60", "") } else { Then::Pass },
        StillRunning,
        "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Running with \
         OLD; the stop may have arrived; deploy it again (deploy_package)",
    ),
    (
        |emulator| emulator.fail_stops(1, Fault::NeverEnds),
        |n, _| if n < 6 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "the app may be down: gave up deploying package NEW to Acceptance of app calc: no status for T s (HTTP \
         502); last seen Running with OLD; the stop may still take effect; deploy it again (deploy_package)",
    ),
    (
        |emulator| emulator.fail_stops(1, Fault::NeverEnds),
        |n, _| if n < 6 { Then::Pass } else { UNAUTHORIZED },
        Rejected,
        "the app may be down: the request for the package on Acceptance of app calc was refused: 401, UNAUTHORIZED, \
         Who are you?; check the user name and the API key; last seen Running with OLD; the stop may still take \
         effect; once fixed, deploy this package again (deploy_package) [package NEW]",
    ),
];

const TRANSPORTS: &[Case] = &[
    (
        |emulator| emulator.fail_transports(1, Fault::Code("NO_ACCESS")),
        PASS,
        Rejected,
        "the app is down: package NEW was not transported to Acceptance of app calc: 403, NO_ACCESS, You do not have \
         access; the user needs Transport Rights (Permissions tab); last seen Stopped with OLD; once fixed, deploy \
         it again, or that package (deploy_package)",
    ),
    (
        |emulator| emulator.fail_transports(1, Fault::Code("PACKAGE_NOT_FOUND")),
        PASS,
        Rejected,
        "the app is down: package NEW was not transported to Acceptance of app calc: 404, PACKAGE_NOT_FOUND, Package \
         not found; did it expire (15 days), or is it of another app? Upload it, and use the new id; last seen \
         Stopped with OLD; deploy that package to go back (deploy_package)",
    ),
    (
        |emulator| emulator.fail_transports(1, Fault::NeverEnds),
        PASS,
        StillRunning,
        "the app is down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with OLD; \
         the transport may still take effect; deploy it again (Deploy::with_restart)",
    ),
    (
        |emulator| emulator.fail_transports(99, Fault::Code("SERVICE UNAVAILABLE")),
        PASS,
        StillRunning,
        "the app is down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with OLD; \
         deploy it again (deploy_package)",
    ),
    (
        |emulator| emulator.fail_transports(99, Fault::Code("APP_IS_RUNNING")),
        PASS,
        StillRunning,
        "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with \
         OLD; deploy it again (deploy_package)",
    ),
];

const STARTS: &[Case] = &[
    (
        |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
        PASS,
        StartFailed,
        "the app is DOWN: environment Acceptance of app calc did not start: 500, MISSING_CONSTANT, Cannot start app. \
         Missing one or more constant values; give its new constants a value; last seen Stopped with this package \
         (before: OLD); once fixed, deploy this package again, or the one before (deploy_package) \
         [package NEW] [start job JOB]",
    ),
    (
        |emulator| emulator.fail_starts(1, Fault::NeverEnds),
        PASS,
        StillRunning,
        "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with \
         it (before: OLD); the start may still take effect; deploy it again (deploy_package) [start job JOB]",
    ),
    (
        |emulator| emulator.fail_starts(99, Fault::Status(502)),
        PASS,
        StillRunning,
        "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with \
         it (before: OLD); the start may have arrived; deploy it again (Deploy::with_restart)",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { UNAUTHORIZED } else { Then::Pass },
        Rejected,
        "the app is down: the request to start Acceptance of app calc was refused: 401, UNAUTHORIZED, Who are you?; \
         check the user name and the API key; last seen Stopped with this package (before: OLD); once fixed, deploy \
         this package again, or the one before (Deploy::with_restart) [package NEW]",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { FORBIDDEN } else { Then::Pass },
        Rejected,
        "the app is down: gave up deploying package NEW to Acceptance of app calc: no status for T s (HTTP \
         403); last seen Stopped with it (before: OLD); once fixed, deploy it again, or the one before \
         (Deploy::with_restart)",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/transport") { MOVED } else { Then::Pass },
        Rejected,
        "the app is down: gave up deploying package NEW to Acceptance of app calc: no status for T s (HTTP \
         301); last seen Stopped with OLD; once fixed, deploy it again, or that package (deploy_package)",
    ),
    (
        |_| (),
        |_, line| if line.ends_with("/start") { LOCKED } else { Then::Pass },
        StillRunning,
        "the app is down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with it \
         (before: OLD); deploy it again (Deploy::with_restart)",
    ),
    (
        |emulator| emulator.fail_starts(99, Fault::Code("ALREADY_STARTED")),
        PASS,
        Rejected,
        "the app may be down: environment Acceptance of app calc did not start: 200, ALREADY_STARTED, Cannot start \
         app. App is already running; it was running already; last seen Stopped with this package (before: OLD); \
         deploy this package again, or the one before (Deploy::with_restart) [package NEW]",
    ),
];

const OTHER_DEPLOYMENTS: &[Case] = &[
    (
        |emulator| emulator.fail_starts(99, Fault::Code("APP_ALREADY_HAS_A_STARTING_JOB")),
        PASS,
        StillRunning,
        "the app may be down: deploying package NEW to Acceptance of app calc took over T s; last seen Stopped with \
         it (before: OLD); something else was starting it; deploy it again (Deploy::with_restart)",
    ),
    (
        |emulator| {
            emulator.fail_starts(1, Fault::Slow(30));
            emulator.meanwhile(11, Meanwhile::Transport(emulator.uploads()[0].package_id.clone()));
        },
        PASS,
        Overtaken,
        "the app may be down: another deployment has put package OTHER on Acceptance of app calc in place of NEW; \
         last seen Stopped; the start may still take effect; once it has ended, deploy it again (deploy_package)",
    ),
    (
        |_| (),
        |n, _| if n < 14 { Then::Pass } else { BAD_GATEWAY },
        NoAnswer,
        "the app may be down: gave up deploying package NEW to Acceptance of app calc: no status for T s (HTTP \
         502); last seen Stopped with it (before: OLD); the start may still take effect; deploy it again \
         (deploy_package)",
    ),
];

#[test]
fn every_failure_of_a_deployment_says_the_state_of_the_environment_and_how_to_resume() {
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
