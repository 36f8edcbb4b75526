//! `verify`: everything holds with the emulator, and where a server deviates, the row about it says so.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::verify::{Finding, Row, Verify};
use mendix_deploy::{Deploy, ErrorKind, Poll};
use serde_json::{Value, json};

use crate::support::caller::{at_least, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::package::Package;
use crate::support::server::side_by_side;

/// Everything that can be verified.
fn everything(file: &Package) -> Verify {
    let verify = Verify::default().with_upload(file.as_ref()).with_environment("Acceptance".parse().unwrap());
    verify.with_deploy(Deploy::default())
}

fn often() -> Poll {
    Poll::default().with_interval(Duration::from_millis(1)).with_timeout(at_least(Duration::from_secs(2)))
}

fn names(rows: &[Row], finding: Finding) -> Vec<&str> {
    rows.iter().filter(|row| row.finding == finding).map(|row| row.granted).collect()
}

#[track_caller]
fn seen<'a>(rows: &'a [Row], granted: &str) -> &'a str {
    let row = rows.iter().find(|row| row.granted.starts_with(granted));
    &row.unwrap_or_else(|| panic!("no row is about {granted}")).seen
}

#[test]
fn by_reading_nothing_differs_and_nothing_is_changed() {
    let (emulator, caller) = start();
    let empty = caller.verify(&Verify::default(), &often()).ok();
    assert_eq!(names(&empty.rows, Finding::Differs), [""; 0]);
    caller.upload(Package::small()).ok();
    caller.upload(Package::small()).ok();
    let verified = caller.verify(&Verify::default(), &often()).ok();
    assert_eq!(names(&verified.rows, Finding::Differs), [""; 0], "{verified:?}");
    assert_eq!(names(&verified.rows, Finding::Holds).len(), 10, "{verified:?}");
    assert_eq!(seen(&verified.rows, "one array"), "an array of 2");
    assert_eq!(
        seen(&verified.rows, "the name of an environment"),
        "Test answered; Acceptance answered; Production answered"
    );
    assert_eq!(seen(&verified.rows, "the status of an unknown job"), "HTTP 404, `NOT FOUND`");
    assert_eq!((emulator.uploads().len(), emulator.steps().len()), (2, 0));
    assert!(verified.deployed.is_none() && verified.error.is_none());
}

#[test]
fn with_an_upload_and_a_deployment_all_holds_and_the_statuses_are_shown() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(8);
    emulator.list_after_polls(2);
    emulator.fail_stops(1, Fault::Slow(3));
    emulator.fail_starts(1, Fault::Slow(3));
    let verified = caller.verify(&everything(&Package::small()), &often()).ok();
    let rows = &verified.rows;
    assert_eq!(names(rows, Finding::Differs), [""; 0], "{verified:?}");
    let not_seen = [
        "API Rights are enough",
        "packages may be listed in any order",
        "packages that are not deployed are deleted within 15 days",
        "no other build has the name",
        "an upload that was cut short leaves no package in the list",
        "a stop or a transport can be repeated",
        "a start fails with a 500 and a documented code; a 5xx with another or none is an outage",
        "a documented code means the same whatever the status",
        "a start job may hang, or be forgotten",
        "a package that appears on an environment and disappears again was not there yet",
        "`ALREADY_STARTED` after our own stop means that another package may be running",
    ];
    assert_eq!(names(rows, Finding::NotSeen), not_seen);
    assert!(seen(rows, "they may be listed late").starts_with("listed at poll "), "{verified:?}");
    let follows = seen(rows, "a package's status may change");
    assert!(follows.starts_with("the job: `Queued`, `Running`") && follows.ends_with("`Succeeded`"), "{follows}");
    assert!(seen(rows, "a stop may answer").starts_with("stopped "), "{verified:?}");
    assert!(seen(rows, "a start job may hang").ends_with("polled: `Running`, `Starting`"), "{verified:?}");
    let deployed = verified.deployed.unwrap();
    assert_eq!(deployed.previous.unwrap().as_str(), Emulator::DEPLOYED_PACKAGE);
    assert_eq!(emulator.running(&"calc".parse().unwrap(), "Acceptance"), Some(deployed.package));
}

/// Sets a field of every object in a list, or of the only one; `null` removes it.
fn set(value: &mut Value, field: &str, to: impl Fn(&Value) -> Value) {
    let objects = if value.is_array() { value.as_array_mut().unwrap().iter_mut().collect() } else { vec![value] };
    for object in objects {
        let to = to(&object[field]);
        let object = object.as_object_mut().unwrap();
        if to.is_null() { drop(object.remove(field)) } else { drop(object.insert(field.to_owned(), to)) }
    }
}

const LIST: &str = "GET /api/1/apps/calc/packages";
const ENVIRONMENTS: &str = "GET /api/1/apps/calc/environments";
const ACCEPTANCE: &str = "GET /api/1/apps/calc/environments/Acceptance";
const PACKAGE_ON_IT: &str = "GET /api/1/apps/calc/environments/Acceptance/package";
const UNKNOWN_JOB: &str = "GET /api/v2/apps/calc/jobs/00000000-0000-4000-8000-000000000000";
const START: &str = "POST /api/1/apps/calc/environments/Acceptance/start";

/// Beginning of the row, the request, the change to its response, and the beginning of the finding.
type Change = (&'static str, &'static str, fn(&mut Value), &'static str);

const CHANGES: [Change; 19] = [
    ("one array", LIST, |list| *list = json!({ "Packages": list, "Next": "/2" }), "HTTP 200, which is not an array"),
    ("one array", LIST, |list| set(list, "Status", |_| Value::Null), "1 of 1 lack `Status`"),
    ("one array", LIST, |list| set(list, "PackageId", |_| json!(7)), "1 of 1 lack `PackageId`"),
    ("`CreationDate`", LIST, |list| set(list, "CreationDate", |_| json!(1_790_000_000)), "1 of 1 are not dates"),
    ("`CreationDate`", LIST, |list| set(list, "CreationDate", |_| json!("2026-11-30")), "1 of 1 are not dates"),
    ("`Size`", LIST, |list| set(list, "Size", |_| json!(3.057)), "1 of 1 are not whole numbers"),
    ("`Size`", LIST, |list| set(list, "Size", |_| json!(3)), "of the upload: smaller than the file"),
    ("`Name`", LIST, |list| set(list, "Name", |_| json!("calc")), "another"),
    ("packages that v2 uploads", LIST, |list| *list = json!([]), "not listed; its job: `Completed`"),
    ("the id from v2", LIST, |list| set(list, "PackageId", |_| json!("p-2")), "the list has another"),
    (
        "`CreationDate` and",
        LIST,
        |list| set(list, "CreationDate", |at| json!(at.as_u64().unwrap() + 60_000)),
        "of the upload",
    ),
    (
        "`CreationDate` and",
        LIST,
        |list| set(list, "CreationDate", |at| json!(at.as_u64().unwrap() - 60_000)),
        "of the upload",
    ),
    ("a package with status", LIST, |list| set(list, "Status", |_| json!("Ready")), "`Ready`"),
    ("the name of an environment", ENVIRONMENTS, |list| set(list, "Mode", |_| Value::Null), "3 of 3 have no `Mode`"),
    (
        "the name of an environment",
        ACCEPTANCE,
        |one| set(one, "Mode", |_| json!("x")),
        "Acceptance answered as another",
    ),
    ("`Production`", ENVIRONMENTS, |list| set(list, "Production", |_| json!(0)), "3 of 3 are neither"),
    (
        "`Production`",
        ENVIRONMENTS,
        |list| set(list, "Production", |_| json!("true")),
        "a test or acceptance environment",
    ),
    ("`Empty`", ENVIRONMENTS, |list| set(list, "Status", |_| json!("Sleeping")), "`Sleeping`"),
    (
        "paths without a trailing slash; bodies",
        ENVIRONMENTS,
        |list| *list = json!({ "All": list }),
        "the list: HTTP 200, which is not an array",
    ),
];

/// Beginning of the row, beginning of the request, the response instead of the emulator's, and the beginning of the finding.
type Answer = (&'static str, &'static str, (&'static str, &'static str), &'static str);

const ANSWERS: [Answer; 6] = [
    (
        "paths without a trailing slash; both",
        LIST,
        ("400 Bad Request", r#"{"errorCode":"INVALID"}"#),
        "HTTP 400, `INVALID`",
    ),
    ("API Rights", LIST, ("403 Forbidden", r#"{"errorCode":"NO_ACCESS"}"#), "HTTP 403, `NO_ACCESS`"),
    ("the id from v2", "GET /api/1/apps/calc/packages/", ("404 Not Found", ""), "a request by that id: HTTP 404"),
    ("the status of an unknown job", UNKNOWN_JOB, ("200 OK", r#"{"Status":"Failed"}"#), "it has a status"),
    (
        "the status of an unknown job",
        UNKNOWN_JOB,
        ("500 Server Error", r#"{"errorCode":"NO_JOB"}"#),
        "HTTP 500, `NO_JOB`",
    ),
    (
        "paths without a trailing slash; bodies",
        PACKAGE_ON_IT,
        ("405 Method Not Allowed", ""),
        "the package on Acceptance: HTTP 405",
    ),
];

/// Verifies with an upload.
#[track_caller]
fn assert_reported(granted: &str, plan: impl Fn(&str) -> Then + Send + 'static, expected: &str) {
    let emulator = Emulator::start().unwrap();
    let gateway = Gateway::to(&emulator, move |_, line| plan(line));
    let file = Package::small();
    let verify = Verify::default().with_upload(file.as_ref());
    let verified = gateway.caller(&emulator).verify(&verify, &often()).ok();
    let row = verified.rows.iter().find(|row| row.granted.starts_with(granted)).unwrap();
    assert!(row.finding == Finding::Differs && row.seen.starts_with(expected), "{granted}: {row:?}");
}

#[test]
fn a_server_that_deviates_in_one_thing_is_reported_in_its_row() {
    side_by_side(CHANGES, |(granted, request, change, expected)| {
        let plan = move |line: &str| if line == request { Then::Change(change) } else { Then::Pass };
        assert_reported(granted, plan, expected);
    });
    side_by_side(ANSWERS, |(granted, request, (status, body), expected)| {
        let is_it = move |line: &str| line == request || request.ends_with('/') && line.starts_with(request);
        assert_reported(
            granted,
            move |line| if is_it(line) { Then::Answer(status, body) } else { Then::Pass },
            expected,
        );
    });
    let twice: fn(&mut Value) = |list| {
        let mut other = list[0].clone();
        set(&mut other, "PackageId", |_| json!("p-2"));
        list.as_array_mut().unwrap().push(other);
    };
    let plan = move |line: &str| if line == LIST { Then::Change(twice) } else { Then::Pass };
    assert_reported("nobody else", plan, "packages of its name: 2");
}

/// Beginning of the row, setup of the emulator and the gateway, the finding, and its beginning.
type Case = (&'static str, fn(&Emulator), fn(&str) -> Then, Finding, &'static str);

const PASS: fn(&str) -> Then = |_| Then::Pass;

fn changed(line: &str, request: &str, change: fn(&mut Value)) -> Then {
    if line == request { Then::Change(change) } else { Then::Pass }
}

const WHILE_IT_LASTS: [Case; 9] = [
    ("an uploaded package is listed", |emulator| emulator.list_after_polls(3), PASS, Finding::Differs, "listed "),
    (
        "a package that is still being made",
        |emulator| emulator.complete_after_polls(6),
        |line| changed(line, LIST, |list| set(list, "Size", |_| json!(23))),
        Finding::Differs,
        "larger than the file",
    ),
    (
        "a 2xx accepts",
        |emulator| emulator.fail_stops(1, Fault::Body("<html>")),
        PASS,
        Finding::Differs,
        "1 requests had no",
    ),
    (
        "a start fails",
        |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
        PASS,
        Finding::Holds,
        "HTTP 500, `MISSING_CONSTANT`",
    ),
    (
        "a start fails",
        |_| (),
        |line| {
            let failed = Then::Answer("400 Bad Request", r#"{"errorCode":"MISSING_CONSTANT"}"#);
            if line.contains("/start/") { failed } else { Then::Pass }
        },
        Finding::Differs,
        "HTTP 400, `MISSING_CONSTANT`",
    ),
    (
        "a package is transported by the id",
        |emulator| emulator.fail_transports(1, Fault::Code("PACKAGE_NOT_FOUND")),
        PASS,
        Finding::Differs,
        "HTTP 404, `PACKAGE_NOT_FOUND`",
    ),
    (
        "a package with status",
        |emulator| emulator.fail_transports(1, Fault::Code("PACKAGE_PARSE_FAILED")),
        PASS,
        Finding::Differs,
        "HTTP 500, `PACKAGE_PARSE_FAILED`",
    ),
    // It is the one that runs.
    (
        "the package on an environment",
        |_| (),
        |line| changed(line, PACKAGE_ON_IT, |on_it| set(on_it, "PackageId", |_| json!(Emulator::DEPLOYED_PACKAGE))),
        Finding::Differs,
        "the new one was not shown",
    ),
    (
        "starting a running app",
        |_| (),
        |line| {
            changed(line, START, |said| {
                if said.get("errorCode").is_some() {
                    *said = json!({ "JobId": "j-2" });
                }
            })
        },
        Finding::Differs,
        "it was accepted as a start",
    ),
];

#[test]
fn findings_from_the_making_and_deploying_of_a_package_are_reported() {
    side_by_side(WHILE_IT_LASTS, |(granted, prepare, plan, finding, expected)| {
        let emulator = Emulator::start().unwrap();
        prepare(&emulator);
        let gateway = Gateway::to(&emulator, move |_, line| plan(line));
        let verified = gateway.caller(&emulator).verify(&everything(&Package::small()), &often()).ok();
        let row = verified.rows.iter().find(|row| row.granted.starts_with(granted)).unwrap();
        assert!(row.finding == finding && row.seen.starts_with(expected), "{row:?}");
        let error = verified.error.map(|error| error.kind());
        assert!(error.is_none() || granted != "a start fails" || error == Some(ErrorKind::StartFailed), "{error:?}");
    });
}

#[test]
fn a_start_after_which_the_app_is_down_is_an_error_that_has_what_was_deployed() {
    let emulator = Emulator::start().unwrap();
    let started: fn(&mut Value) = |said| {
        if said.get("errorCode").is_some() {
            *said = json!({ "JobId": "j-2" });
        }
    };
    let gateway = Gateway::to(&emulator, move |_, line| match line {
        START => Then::Change(started),
        _ if line.ends_with("/start/j-2") => Then::Answer("500 Server Error", r#"{"errorCode":"MISSING_CONSTANT"}"#),
        _ => Then::Pass,
    });
    let verified = gateway.caller(&emulator).verify(&everything(&Package::small()), &often()).ok();
    let (error, deployed) = (verified.error.unwrap(), verified.deployed.unwrap());
    assert_eq!((error.kind(), error.package_id()), (ErrorKind::StartFailed, Some(&deployed.package)));
    assert!(error.app_may_be_down() && !error.is_transient(), "{error}");
}

#[test]
fn a_gateways_failure_or_missing_rights_contradict_nothing() {
    let emulator = Emulator::start().unwrap();
    let answers = [
        (LIST, "502 Bad Gateway", "<html><title>calc</title>"),
        (UNKNOWN_JOB, "404 Not Found", "<html><title>calc</title>"),
        (ENVIRONMENTS, "403 Forbidden", r#"{"errorCode":"NO_ACCESS"}"#),
    ];
    let gateway = Gateway::to(&emulator, move |_, line| {
        let answer = answers.iter().find(|(request, ..)| *request == line);
        answer.map_or(Then::Pass, |(_, status, body)| Then::Answer(status, body))
    });
    let verified = gateway.caller(&emulator).verify(&Verify::default(), &often()).ok();
    assert!(verified.rows.iter().all(|row| row.finding == Finding::NotSeen), "{verified:?}");
    assert_eq!(seen(&verified.rows, "paths without a trailing slash; both"), "HTTP 502");
    assert_eq!(seen(&verified.rows, "paths without a trailing slash; bodies"), "the list: HTTP 403, `NO_ACCESS`");
}

#[test]
fn what_cannot_be_verified_is_refused_before_anything_is_uploaded() {
    let (emulator, caller) = start();
    let file = Package::small();
    let kind = |verify: &Verify| caller.verify(verify, &often()).result.unwrap_err().kind();
    assert_eq!(kind(&Verify::default().with_upload("/no/such.mda")), ErrorKind::File);
    assert_eq!(kind(&Verify::default().with_upload(file.as_ref()).with_deploy(Deploy::default())), ErrorKind::Config);
    let without_upload = Verify::default().with_environment("Test".parse().unwrap()).with_deploy(Deploy::default());
    assert_eq!(kind(&without_upload), ErrorKind::Config);
    assert_eq!(emulator.requests(), 0);
    let production = everything(&file).with_environment("Production".parse().unwrap());
    assert_eq!(kind(&production), ErrorKind::NotAllowed);
    assert_eq!(kind(&Verify::default().with_environment("accp".parse().unwrap())), ErrorKind::Rejected);
    emulator.refuse_credentials();
    assert_eq!(kind(&everything(&file)), ErrorKind::Rejected);
    assert!(emulator.uploads().is_empty() && emulator.steps().is_empty());
}
