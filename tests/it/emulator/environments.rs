//! How the emulator validates calls about environments, and in which order it allows them.

use mendix_deploy::emulator::{Emulator, Fault, Meanwhile};
use serde_json::json;

use super::raw::{Answer, ask, form, of_environment, upload};

const DEPLOYED: &str = Emulator::DEPLOYED_PACKAGE;

fn call(emulator: &Emulator, method: &str, path: &str, body: &str) -> Answer {
    ask(emulator, &of_environment(method, path, body))
}

#[test]
fn every_app_has_three_environments_and_unknown_ones_are_documented_errors() {
    let emulator = Emulator::start().unwrap();
    let all = call(&emulator, "GET", "", "").json;
    let all: Vec<_> =
        all.as_array().unwrap().iter().map(|one| (&one["Mode"], &one["Status"], &one["Production"])).collect();
    let expected = [("Test", "Empty", false), ("Acceptance", "Running", false), ("Production", "Running", true)];
    let expected = expected.map(|(mode, status, production)| (json!(mode), json!(status), json!(production)));
    assert_eq!(all, expected.iter().map(|(mode, status, production)| (mode, status, production)).collect::<Vec<_>>());
    assert_eq!(call(&emulator, "GET", "/Acceptance/package", "").json["PackageId"], DEPLOYED);
    for (path, code) in [
        ("/Accp", "ENVIRONMENT_NOT_FOUND"),
        ("/acceptance", "ENVIRONMENT_NOT_FOUND"),
        ("/Test/package", "PACKAGE_NOT_FOUND"),
    ] {
        let refused = call(&emulator, "GET", path, "");
        assert_eq!((refused.status, &refused.json["errorCode"]), (404, &json!(code)));
    }
}

#[test]
fn only_what_is_documented_is_accepted() {
    let emulator = Emulator::start().unwrap();
    let package = format!(r#"{{"PackageId":"{DEPLOYED}"}}"#);
    for (method, path, body, status) in [
        ("GET", "/", "", 404),
        ("GET", "/Acceptance/", "", 404),
        ("POST", "/Acceptance/stop/", "", 404),
        ("POST", "/Acceptance/Stop", "", 404),
        ("POST", "/Acceptance/restart", "", 404),
        ("POST", "/Acceptance/clean", "", 404),
        ("GET", "/Acceptance/stop", "", 405),
        ("POST", "/Acceptance", "", 405),
        ("GET", "/Acceptance?x=y", "", 400),
        ("GET", "/Acceptance", "{}", 400),
        ("POST", "/Acceptance/stop", "{}", 400),
        ("POST", "/Acceptance/start", "", 400),
        ("POST", "/Acceptance/start", "{}", 400),
        ("POST", "/Acceptance/start", r#"{"AutoSyncDb":"true"}"#, 400),
        ("POST", "/Acceptance/start", r#"{"AutoSyncDb":true,"x":1}"#, 400),
        ("POST", "/Acceptance/start", "{'AutoSyncDb':true}", 400),
        ("POST", "/Acceptance/transport", r#"{"packageId":"p"}"#, 400),
        ("POST", "/Acceptance/transport", r#"{"PackageId":"p"}"#, 404),
        ("POST", "/Acceptance/transport", &package, 403),
        ("POST", "/Acceptance/start", r#"{"AutoSyncDb":true}"#, 200),
        ("POST", "/Test/start", r#"{"AutoSyncDb":true}"#, 500),
        ("GET", "/Acceptance/start/j-1", "", 404),
    ] {
        let refused = call(&emulator, method, path, body);
        assert_eq!(refused.status, status, "{method} {path} {body}: {}", refused.text);
        assert!(refused.json["errorCode"].is_string(), "{}", refused.text);
    }
    let without_type = of_environment("GET", "/Acceptance", "").replace("Content-Type: application/json\r\n", "");
    assert_eq!(ask(&emulator, &without_type).status, 400);
    assert_eq!(emulator.steps(), [""; 0]);
}

#[test]
fn a_deployment_goes_as_documented() {
    let emulator = Emulator::start().unwrap();
    let package = ask(&emulator, &upload("", &form("x"))).json["PackageId"].as_str().unwrap().to_owned();
    let body = format!(r#"{{"PackageId":"{package}"}}"#);
    assert_eq!(call(&emulator, "POST", "/Acceptance/stop", "").status, 200);
    assert_eq!(call(&emulator, "GET", "/Acceptance", "").json["Status"], "Stopped");
    assert_eq!(call(&emulator, "POST", "/Acceptance/transport", &body).status, 200);
    assert_eq!(call(&emulator, "GET", "/Acceptance/package?url=false", "").json["PackageId"], package);
    let started = call(&emulator, "POST", "/Acceptance/start", r#"{"AutoSyncDb":true}"#);
    let again = call(&emulator, "POST", "/Acceptance/start", r#"{"AutoSyncDb":true}"#);
    assert!(["APP_ALREADY_HAS_A_STARTING_JOB", "ALREADY_STARTED"].contains(&again.json["errorCode"].as_str().unwrap()));
    let path = format!("/Acceptance/start/{}", started.json["JobId"].as_str().unwrap());
    assert_eq!(call(&emulator, "GET", &path, "").json, json!({ "Status": "Started" }));
    assert_eq!(call(&emulator, "GET", "/Acceptance", "").json["Status"], "Running");
}

/// The status, the package on it, and the one that runs.
fn state(emulator: &Emulator) -> (String, String, Option<String>) {
    let text = |path: &str, field: &str| call(emulator, "GET", path, "").json[field].as_str().unwrap().to_owned();
    let running = emulator.running(&"calc".parse().unwrap(), "Acceptance").map(|package| package.to_string());
    (text("/Acceptance", "Status"), text("/Acceptance/package", "PackageId"), running)
}

#[test]
fn what_runs_is_what_was_on_it_when_its_start_was_requested() {
    const START: &str = r#"{"AutoSyncDb":true}"#;
    let emulator = Emulator::start().unwrap();
    let package = ask(&emulator, &upload("", &form("x"))).json["PackageId"].as_str().unwrap().to_owned();
    let transport = format!(r#"{{"PackageId":"{package}"}}"#);
    assert_eq!(call(&emulator, "POST", "/Acceptance/transport", &transport).json["errorCode"], "APP_IS_RUNNING");
    emulator.transport_while_running();
    assert_eq!(call(&emulator, "POST", "/Acceptance/transport", &transport).status, 200);
    assert_eq!(state(&emulator), ("Running".into(), package.clone(), Some(DEPLOYED.into())));
    // A transport does not interrupt a start in progress.
    call(&emulator, "POST", "/Acceptance/stop", "");
    emulator.fail_starts(1, Fault::Slow(3));
    let started = call(&emulator, "POST", "/Acceptance/start", START).json["JobId"].as_str().unwrap().to_owned();
    emulator.meanwhile(0, Meanwhile::Transport(DEPLOYED.parse().unwrap()));
    assert_eq!(state(&emulator), ("Stopped".into(), DEPLOYED.into(), None));
    let again = call(&emulator, "POST", "/Acceptance/start", START);
    assert_eq!(again.json["errorCode"], "APP_ALREADY_HAS_A_STARTING_JOB");
    assert_eq!(call(&emulator, "GET", &format!("/Acceptance/start/{started}"), "").json["Status"], "Starting");
    assert_eq!(state(&emulator), ("Running".into(), DEPLOYED.into(), Some(package)));
}

#[test]
fn somebody_else_acts_before_the_request_that_was_named() {
    let emulator = Emulator::start().unwrap();
    emulator.meanwhile(1, Meanwhile::Stop);
    emulator.meanwhile(2, Meanwhile::Start(0));
    let status = || call(&emulator, "GET", "/Acceptance", "").json["Status"].as_str().unwrap().to_owned();
    assert_eq!([status(), status(), status()], ["Running", "Stopped", "Running"]);
    assert_eq!(emulator.steps(), ["somebody else: stop Acceptance", "somebody else: start Acceptance"]);
}

#[test]
fn a_status_may_lag_behind() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_stops(1, Fault::StaleStatus(2));
    call(&emulator, "POST", "/Acceptance/stop", "");
    let shown = [(); 3].map(|()| state(&emulator));
    assert_eq!(shown.map(|(status, ..)| status), ["Running", "Running", "Stopped"]);
    let shown = emulator.running(&"calc".parse().unwrap(), "Acceptance");
    assert_eq!(shown, None);
}

#[test]
fn a_server_that_hangs_lets_go_when_it_is_dropped() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_polls(1, Fault::Hang);
    let (client, app) = (emulator.client(), "calc".parse().unwrap());
    let waiting = std::thread::spawn(move || mendix_deploy::list_environments(&client, &app).is_ok());
    while emulator.requests() == 0 {
        std::thread::yield_now();
    }
    drop(emulator);
    assert!(!waiting.join().unwrap());
}
