//! The calls that only read.

use std::time::Duration;

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{Deploy, EnvironmentStatus, ErrorKind};

use super::{acceptance, environment, name};
use crate::support::caller::{Caller, KEY, USER, often, start};
use crate::support::server::{Server, answered, side_by_side};

/// The example of Deploy API v1, "Retrieve Environment".
const DOCUMENTED: &str = r#"{
     "Status" :  "Stopped" ,
     "EnvironmentId" :  "cd5fc610-edb0-43c5-a374-0439a6411ace",
     "Mode" :  "Acceptance",
     "Url" :  "https://calc-accp.mendixcloud.com",
     "ModelVersion" :  "1.1.0.253",
     "MendixVersion" :  "6.10.10",
     "Production" :  false
}"#;

/// That of "Retrieve Environment Package".
const PACKAGE: &str = r#"{
    "Status" :  "Succeeded",
    "CreationDate" :  1404990271835,
    "ExpiryDate": null,
    "Description" :  "Add scientific mode" ,
    "Version" :  "2.5.4.63" ,
    "Size" :  15342295,
    "PackageId" :  "b3d14e53-2654-4534-b374-9179a69ef3cf" ,
    "Creator" :  "Richard Ford" ,
    "Name" :  "Main line-2.5.4.63.mda",
    "Url": { "Location": "https://url/to/download/the/package/file?sig=a1b2", "TTL": 900 }
}"#;

const UNKNOWN: &str = r#"{"errorCode":"ENVIRONMENT_NOT_FOUND","errorMessage":"Environment not found."}"#;
const NO_PACKAGE: &str = r#"{"errorCode":"PACKAGE_NOT_FOUND","errorMessage":"No package found for this environment"}"#;

#[test]
fn an_environment_is_requested_and_read_as_documented() {
    let server = Server::answering("200 OK", DOCUMENTED);
    let found = Caller::of(&server).environment(&name("Acceptance")).ok();
    assert_eq!(
        (found.name.as_str(), &found.status, found.production),
        ("Acceptance", &EnvironmentStatus::Stopped, false)
    );
    let texts = [found.url, found.model_version, found.mendix_version].map(Option::unwrap);
    assert_eq!(texts, ["https://calc-accp.mendixcloud.com", "1.1.0.253", "6.10.10"]);
    let request = server.only_request();
    assert!(request.head.starts_with("GET /api/1/apps/calc/environments/Acceptance HTTP/1.1\r\n"), "{}", request.head);
    let sent = ["Mendix-Username", "Mendix-ApiKey", "Content-Type", "Content-Length"].map(|name| request.header(name));
    assert_eq!(sent, [Some(USER), Some(KEY), Some("application/json"), None]);
}

#[test]
fn a_name_is_sent_as_it_was_given() {
    for (given, sent) in [("acceptance", "acceptance"), ("Café 1", "Caf%C3%A9%201"), ("a%2fb?#", "a%252fb%3F%23")] {
        let server = Server::answering("200 OK", r#"{"Status":"Running","Production":"false"}"#);
        let found = Caller::of(&server).environment(&name(given)).ok();
        assert_eq!((found.name.as_str(), found.production), (given, false), "an old spelling of false");
        let head = server.only_request().head;
        assert!(head.starts_with(&format!("GET /api/1/apps/calc/environments/{sent} ")), "{head}");
    }
}

#[test]
fn an_environment_that_does_not_say_so_counts_as_production() {
    for production in
        ["", r#","Production":null"#, r#","Production":"no""#, r#","Production":true"#, r#","Production":0"#]
    {
        let body = format!(r#"{{"Mode":"Test","Status":"Empty","ModelVersion":null{production}}}"#);
        let found = Caller::of(&Server::answering("200 OK", &body)).environment(&name("Test")).ok();
        assert!(found.production && found.model_version.is_none(), "{production}");
    }
}

#[test]
fn a_list_is_kept_in_order_and_entries_without_a_usable_name_are_left_out() {
    let list = format!(
        r###"[{DOCUMENTED},{{"Status":"Running"}},{{"Mode":"a/b"}},{{"Mode":"##vso[x]"}},{{"Mode":"\u001b[31m"}},{{"Mode":"Sandbox","Instances":1}}]"###
    );
    let found = Caller::of(&Server::answering("200 OK", &list)).environments().ok();
    let names: Vec<_> = found.iter().map(|found| (found.name.as_str(), found.status.as_str())).collect();
    assert_eq!(names, [("Acceptance", "Stopped"), ("Sandbox", "")]);
    assert!(found[1].production);
}

#[test]
fn an_unusable_response_is_an_error() {
    let other = DOCUMENTED.replace("Acceptance", "Production");
    let bodies = ["", "{}", "null", "<html><title>Log in</title>", r#"{"errorCode":"X","Status":"Running"}"#, &other];
    side_by_side(bodies, |body| {
        let outcome = Caller::of(&Server::answering("200 OK", body)).environment(&name("Acceptance"));
        let error = outcome.error(ErrorKind::NoAnswer);
        assert!(error.to_string().contains("environment Acceptance of app calc"), "{error}");
    });
    for body in ["", "{}", "null", r#"{"errorCode":"X","errorMessage":"no"}"#] {
        let outcome = Caller::of(&Server::answering("200 OK", body)).environments();
        outcome.error(ErrorKind::NoAnswer);
    }
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_names_that_exist() {
    let list = format!("[{DOCUMENTED},{}]", DOCUMENTED.replace("Acceptance", "Test"));
    let invalid = r#"{"errorCode":"INVALID_ENVIRONMENT","errorMessage":"Could not parse environment mode 'mode'."}"#;
    for (status, body) in [("404 No", UNKNOWN), ("400 No", invalid), ("404 No", "<html><title>Not Found</title>")] {
        let server = Server::start([answered(status, body), answered("200 OK", &list)]);
        let outcome = Caller::of(&server).environment(&name("accp"));
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.to_string().ends_with("; the environments of app calc are: Acceptance, Test"), "{error}");
        assert!(server.stop().requests[1].head.starts_with("GET /api/1/apps/calc/environments HTTP/1.1\r\n"));
    }
    let server = Server::start([answered("404 No", UNKNOWN), answered("200 OK", "[]")]);
    let outcome = Caller::of(&server).environment(&name("accp"));
    let error = outcome.error(ErrorKind::Rejected);
    assert!(error.to_string().ends_with("; no environment of app calc is listed for this user"), "{error}");
    // A gateway's page has no hint of the API, and is no refusal once the environment was seen.
    let page = || answered("404 No", "<html><title>Not Found</title>");
    let error = Caller::of(&Server::start([page()])).environment(&name("accp")).result.unwrap_err().to_string();
    assert!(error.ends_with("(not in the API's format: a proxy or gateway?)"), "{error}");
    let server = Server::start([environment("Running"), answered("200 OK", ""), page()]);
    let outcome = Caller::of(&server).stop(&acceptance(), &often().with_max_outage(Duration::ZERO));
    let error = outcome.error(ErrorKind::Rejected).to_string();
    assert!(error.starts_with("gave up stopping") && !error.contains("check"), "{error}");
    // Another case is another name.
    let (emulator, caller) = start();
    let outcome = caller.environment(&name("acceptance"));
    let error = outcome.error(ErrorKind::Rejected);
    assert!(error.to_string().ends_with("; is it Acceptance?"), "{error}");
    let package = Emulator::DEPLOYED_PACKAGE.parse().unwrap();
    caller.deploy(&name("TEST"), &package, &Deploy::default(), &often()).error(ErrorKind::Rejected);
    assert!(emulator.steps().is_empty());
    let many = format!("[{}]", vec![DOCUMENTED.replace("Acceptance", &"x".repeat(100)); 100].join(","));
    let server = Server::start([answered("404 No", UNKNOWN), answered("200 OK", &many)]);
    assert!(Caller::of(&server).environment(&name("accp")).error(ErrorKind::Rejected).to_string().ends_with('…'));
    // A 400 about something else gets no hint, and here the list cannot be read.
    let invalid = answered("400 No", r#"{"errorCode":"INVALID_PARAMETERS","errorMessage":"Not enough."}"#);
    let outcome = Caller::of(&Server::start([invalid])).environment(&name("Acceptance"));
    assert!(outcome.error(ErrorKind::Rejected).to_string().ends_with("Not enough."), "{outcome:?}");
    // Where a gateway blocks v1, there is no list either.
    let outcome = Caller::of(&Server::answering("404 No", UNKNOWN)).environment(&name("Acceptance"));
    let error = outcome.error(ErrorKind::Rejected);
    assert!(error.to_string().contains("calls of v1 (/api/1)") && !error.to_string().contains("are:"), "{error}");
    assert_eq!(error.code(), Some("ENVIRONMENT_NOT_FOUND"));
}

#[test]
fn the_package_on_an_environment_is_read_and_its_download_is_not() {
    let server = Server::answering("200 OK", PACKAGE);
    let found = Caller::of(&server).environment_package(&name("Acceptance")).ok().unwrap();
    assert_eq!(found.package_id.as_str(), "b3d14e53-2654-4534-b374-9179a69ef3cf");
    assert!(!format!("{found:?}").contains("a1b2"));
    let head = server.only_request().head;
    assert!(head.starts_with("GET /api/1/apps/calc/environments/Acceptance/package HTTP/1.1\r\n"), "{head}");

    for (status, body) in [("404 No", NO_PACKAGE), ("200 OK", "null"), ("200 OK", " {} ")] {
        let outcome = Caller::of(&Server::answering(status, body)).environment_package(&name("Test"));
        assert_eq!(outcome.ok(), None, "{body}");
    }
    for body in ["", "[]", "<html>a1b2</html>", r#"{"Url":{"Location":"https://h/p?sig=a1b2"}}"#] {
        let outcome = Caller::of(&Server::answering("200 OK", body)).environment_package(&name("Test"));
        assert!(!outcome.error(ErrorKind::NoAnswer).to_string().contains("sig="));
    }
}
