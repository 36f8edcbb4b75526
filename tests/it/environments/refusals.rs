//! In the middle of a deployment, a single refusal is not final.

use mendix_deploy::{Deploy, ErrorKind, Start};

use super::{acceptance, uploaded};
use crate::support::caller::{Outcome, app, often, once, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::server::side_by_side;

const UNAUTHORIZED: &str = r#"{"errorCode":"UNAUTHORIZED","errorMessage":"Please provide valid credentials"}"#;
const PAGE: &str = "<html><title>Access denied</title></html>";

const ONCE: [Then; 8] = [
    Then::Answer("401 No", UNAUTHORIZED),
    Then::Answer("403 No", UNAUTHORIZED),
    Then::Answer("401 No", ""),
    Then::Answer("403 No", PAGE),
    Then::Answer("404 No", "404 page not found"),
    Then::Answer("302 Found", ""),
    Then::Answer("451 No", "{}"),
    Then::Close,
];

/// Makes the request of this number end with `then`, and returns the number of requests.
fn deployed_with(number: usize, then: Then) -> (Outcome<mendix_deploy::Deployed>, usize) {
    let (emulator, caller) = start();
    let package = uploaded(&caller);
    let gateway = Gateway::to(&emulator, move |n, _| if n == number { then.clone() } else { Then::Pass });
    let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often());
    if outcome.result.is_ok() {
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
    }
    (outcome, gateway.passed().len())
}

#[test]
fn one_refusal_at_any_request_but_the_first_does_not_end_a_deployment() {
    let (outcome, requests) = deployed_with(usize::MAX, Then::Pass);
    outcome.ok();
    assert!(requests > 10, "{requests}");
    // Three of them at each request, others at the next one.
    let cases = (1..requests).flat_map(|number| [0, 3, 5].map(|then| (number, ONCE[(number + then) % 8].clone())));
    side_by_side(cases, |(number, then)| {
        let (outcome, _) = deployed_with(number, then.clone());
        assert!(outcome.result.is_ok(), "{number} {then:?}: {outcome:?}");
    });
}

#[test]
fn a_refusal_at_the_first_request_is_a_verdict_and_so_is_one_of_the_api_that_comes_twice() {
    for then in &ONCE[..7] {
        let (outcome, _) = deployed_with(0, then.clone());
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.to_string().contains("the app was not touched") && !error.app_may_be_down(), "{error}");
    }
    for from in [2, 6, 8] {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        let gateway = Gateway::to(
            &emulator,
            move |n, _| if n < from { Then::Pass } else { Then::Answer("401 No", UNAUTHORIZED) },
        );
        let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!((error.status(), error.app_may_be_down()), (Some(401), from > 2), "{error}");
    }
}

#[test]
fn what_is_documented_for_the_call_is_a_verdict_at_once_whatever_its_status() {
    const NO_RIGHTS: &str = r#"{"errorCode":"TRANSPORT_NOT_ALLOWED","errorMessage":"No access to transport"}"#;
    for status in ["200 OK", "403 No", "500 No", "503 No"] {
        let (emulator, caller) = start();
        let package = uploaded(&caller);
        let gateway = Gateway::to(&emulator, move |_, line| {
            if line.ends_with("/transport") { Then::Answer(status, NO_RIGHTS) } else { Then::Pass }
        });
        let outcome = gateway.caller(&emulator).deploy(&acceptance(), &package, &Deploy::default(), &often());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!(error.code(), Some("TRANSPORT_NOT_ALLOWED"), "{status}: {error}");
        assert_eq!(emulator.steps(), ["stop Acceptance"], "{status}");
    }
}

#[test]
fn one_refusal_in_the_middle_does_not_end_any_other_wait() {
    fn at_the_second(then: &Then) -> impl Fn(usize, &str) -> Then + Send + use<> {
        let then = then.clone();
        move |number, _| if number == 1 { then.clone() } else { Then::Pass }
    }
    side_by_side(ONCE, |then| {
        let (emulator, caller) = start();
        emulator.complete_after_polls(3);
        let uploaded = caller.upload(crate::support::package::Package::small()).ok();
        let gateway = |then| Gateway::to(&emulator, at_the_second(then));
        let at = gateway(&then);
        at.caller(&emulator).wait_for(&uploaded.job_id, &often()).ok();
        emulator.complete_after_polls(6);
        let package = super::uploaded(&caller);
        let at = gateway(&then);
        at.caller(&emulator).wait_for_package(&package, &often()).ok();
        for step in ["stop", "transport", "start"] {
            let at = gateway(&then);
            let through = at.caller(&emulator);
            let done = match step {
                "stop" => through.stop(&acceptance(), &often()),
                "transport" => through.transport(&acceptance(), &package, &often()),
                _ => through.start(&acceptance(), &Start::default(), &often()),
            };
            done.ok();
            assert!(at.passed().len() > 1, "{step}");
        }
        assert_eq!(emulator.running(&app(), "Acceptance"), Some(package));
        // At the very first request, it is final.
        if !matches!(then, Then::Close) {
            let answer = then.clone();
            let gateway = Gateway::to(&emulator, move |_, _| answer.clone());
            let outcome = gateway.caller(&emulator).stop(&acceptance(), &once());
            outcome.error(ErrorKind::Rejected);
        }
    });
}
