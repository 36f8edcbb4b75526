//! The package list of v1, against servers that answer as its documentation says, and otherwise.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use mendix_deploy::{ErrorKind, PackageStatus};

use crate::support::caller::{Caller, often, once, package};
use crate::support::server::{Server, answered, side_by_side};

/// The example on the Build API's page, and an entry as it may be during an upload.
const DOCUMENTED: &str = r#"[{
     "Name" :  "Main line-1.1.5.9.mda" ,
     "Status" :  "Succeeded" ,
     "Description" :  "Initial app" ,
     "Creator" :  "Richard Ford" ,
     "CreationDate" :  1404739654045 ,
     "Version" :  "1.1.5.9" ,
     "PackageId" :  "4ee10492-6cfc-4582-b825-a9040c0988ad" ,
     "Size" :  1999059
},{
     "Name" :  "Main line-2.5.4.63.mda" ,
     "Status" :  "Succeeded" ,
     "Description" :  "Add scientific mode" ,
     "Creator" :  "Richard Ford" ,
     "CreationDate" :  1404990271835 ,
     "Version" :  "2.5.4.63" ,
     "PackageId" :  "b3d14e53-2654-4534-b374-9179a69ef3cf" ,
     "Size" :  7731521
},{"PackageId":"p-3","Name":"calc.mda","Status":"Uploading","Url":{"Location":"https://h/p?sig=a1b2","TTL":900}}]"#;

#[test]
fn a_list_is_newest_first_and_may_lack_fields() {
    let server = Server::answering("200 OK", DOCUMENTED);
    let packages = Caller::of(&server).packages().ok();
    let ids: Vec<_> = packages.iter().map(|package| package.package_id.as_str()).collect();
    assert_eq!(ids, ["b3d14e53-2654-4534-b374-9179a69ef3cf", "4ee10492-6cfc-4582-b825-a9040c0988ad", "p-3"]);
    assert_eq!(packages[0].created, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_404_990_271_835)));
    assert_eq!((packages[2].status.clone(), packages[2].created), (PackageStatus::Uploading, None));
    assert!(!format!("{packages:?}").contains("a1b2"));
}

#[test]
fn a_long_list_is_read_whole_and_one_that_is_cut_short_not_at_all() {
    let entry = DOCUMENTED.trim_start_matches('[').split("},{").next().unwrap().to_owned() + "}";
    let entry = |number: usize| entry.replace("4ee10492", &format!("{number:08}"));
    let long = format!("[{}]", (0..1000).map(entry).collect::<Vec<_>>().join(","));
    let too_long = DOCUMENTED.replace("Initial app", &"x".repeat(13 << 20));
    assert!(long.len() > 256 << 10);
    let server = Server::start([answered("200 OK", &long), answered("200 OK", &too_long)]);
    let caller = Caller::of(&server).with(|client| client.with_retry(mendix_deploy::Retry::never()));
    assert_eq!(caller.packages().ok().len(), 1000);
    caller.packages().error(ErrorKind::NoAnswer);
}

#[test]
fn anything_but_a_list_is_an_error_and_not_an_empty_list() {
    let cut = &DOCUMENTED[..DOCUMENTED.len() - 30];
    side_by_side(
        ["", "null", "{}", "<html><title>Log in</title>", r#"{"errorCode":"X","errorMessage":"no"}"#, "[1]", cut],
        |body| {
            let outcome = Caller::of(&Server::answering("200 OK", body)).packages();
            let error = outcome.error(ErrorKind::NoAnswer);
            assert!(error.to_string().contains("packages of app calc") && outcome.retries() == 2, "{error}");
        },
    );
    assert_eq!(Caller::of(&Server::answering("200 OK", "[]")).packages().ok(), []);
}

#[test]
fn a_refusal_says_which_right_is_needed_and_that_v1_must_be_let_through() {
    for (status, says) in [
        ("401 No", "check the user name and the API key"),
        ("403 No", "API Rights"),
        ("404 No", "a gateway lets calls of v1 (/api/1) through"),
    ] {
        let outcome = Caller::of(&Server::answering(status, r#"{"errorCode":"NO","errorMessage":"no"}"#)).packages();
        let error = outcome.error(ErrorKind::Rejected);
        assert!(error.to_string().contains(says) && !error.may_have_been_accepted(), "{error}");
    }
}

#[test]
fn a_package_is_waited_for_until_it_can_be_deployed() {
    let status = |status: &str| answered("200 OK", &format!(r#"{{"PackageId":"p-1","Status":"{status}"}}"#));
    let not_found = answered("404 No", r#"{"errorCode":"PACKAGE_NOT_FOUND","errorMessage":"no"}"#);
    let busy = answered("502 No", "");
    let server = Server::start([not_found, status("Uploading"), busy, status("Polishing"), status("succeeded")]);
    let outcome = Caller::of(&server).wait_for_package(&package(), &often());
    assert_eq!((outcome.failed_polls(), outcome.pauses().len()), (2, 4));
    let lines: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("app calc, package p-1: no status for "), "{lines:?}");
    assert!(lines[4].starts_with("app calc, package p-1: ready to be deployed after"), "{lines:?}");
    assert_eq!(outcome.ok().status, PackageStatus::Succeeded);
}

#[test]
fn a_wait_for_a_package_ends_in_an_error_that_names_it() {
    for (status, body, kind, says) in [
        ("200 OK", r#"{"Status":"Failed"}"#, ErrorKind::JobFailed, "package p-1 of app calc failed"),
        ("200 OK", r#"{"Status":"Uploading"}"#, ErrorKind::StillRunning, "last status: Uploading"),
        ("200 OK", r#"{"Status":"Succeeded","PackageId":"p-2"}"#, ErrorKind::StillRunning, "without any status"),
        ("200 OK", r#"{"Status":"Succeeded","errorCode":"X"}"#, ErrorKind::StillRunning, "without any status"),
        ("401 No", r#"{"errorCode":"X","errorMessage":"no"}"#, ErrorKind::Rejected, "check the user name"),
    ] {
        let outcome = Caller::of(&Server::answering(status, body)).wait_for_package(&package(), &once());
        let error = outcome.error(kind);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.is_transient(), kind == ErrorKind::StillRunning, "resuming a wait is harmless: {error}");
    }
}

#[test]
fn a_list_that_is_too_long_is_an_error_and_requested_once() {
    let list = format!(r#"[{{"PackageId":"p-1","Name":"{}"}}]"#, "x".repeat(13 << 20));
    let server = Server::answering("200 OK", &list);
    let outcome = Caller::of(&server).packages();
    let error = outcome.error(ErrorKind::NoAnswer);
    assert!(error.to_string().ends_with("failed: the response is longer than 12.0 MiB"), "{error}");
    assert!(!error.is_transient() && server.stop().requests.len() == 1, "{error}");
}

#[test]
fn a_base_url_with_a_prefix_is_the_prefix_of_both_versions() {
    let server = Server::start([answered("200 OK", r#"{"Status":"Running"}"#), answered("200 OK", "[]")]);
    let caller = Caller::of(&server).with(|client| client.with_base_url(&format!("{}/a/b/", server.url())).unwrap());
    caller.status().ok();
    caller.packages().ok();
    let lines: Vec<_> =
        server.stop().requests.iter().map(|seen| seen.head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /a/b/api/v2/apps/calc/jobs/j-1 HTTP/1.1", "GET /a/b/api/1/apps/calc/packages HTTP/1.1"]);
}

#[test]
fn where_a_package_could_be_downloaded_is_in_no_text() {
    let url = r#""Url":{"Location":"https:\/\/h\/p?sig=a1b2c3","TTL":900}"#;
    for (status, body) in [
        ("200 OK", format!(r#"{{"PackageId":"p-1",{url}}}"#)),
        ("200 OK", format!(r#"{{"PackageId":"p-1","Status":"Uploading",{url}}}"#)),
        ("200 OK", format!(r#"[{{"PackageId":"p-1",{url}}},{{"#)),
        ("500 No", format!(r#"{{"PackageId":"p-1",{url}}}"#)),
        ("500 No", format!(r#"{{"errorCode":"X","details":{{{url}}}}}"#)),
        ("403 No", format!(r#"{{"PackageId":"p-1",{url}"#)),
    ] {
        let server = Server::answering(status, &body);
        let caller = Caller::of(&server);
        let (list, waited) = (caller.packages(), caller.wait_for_package(&package(), &once()));
        let source = waited.result.as_ref().unwrap_err().source().map(ToString::to_string);
        let all = format!("{list:?} {waited:?} {source:?}");
        assert!(!all.contains("a1b2c3"), "{all}");
    }
}

#[test]
fn text_of_packages_is_sanitized() {
    let hostile = "##vso[x]\u{1b}[31m a\r\nb\u{202e}c";
    let fields = ["Name", "Status", "Version", "Description", "Creator"];
    let entry = fields.map(|field| format!("{}:{}", serde_json::json!(field), serde_json::json!(hostile))).join(",");
    let server = Server::answering("200 OK", &format!(r#"[{{"PackageId":"p-1",{entry}}}]"#));
    let package = Caller::of(&server).packages().ok().remove(0);
    let texts =
        [Some(package.name), Some(package.status.to_string()), package.version, package.description, package.creator];
    assert_eq!(texts.map(Option::unwrap), [const { "# #vso[x] [31m a bc" }; 5]);
}

/// Eight times the length must not be sixty-four times the work.
#[test]
fn the_work_for_a_body_grows_with_its_length_and_not_with_its_square() {
    let entry = r#"{"PackageId":"p-1","Name":"calc &amp; more.mda","Status":"Succeeded"},"#;
    for (piece, ending) in [("[],", "[]]"), ("]", ""), (entry, "{}]")] {
        let work = |bytes: usize| {
            let server = Server::answering("200 OK", &format!("[{}{ending}", piece.repeat(bytes / piece.len())));
            Caller::of(&server).packages().cpu
        };
        let Some((small, large)) = work(64 << 10).zip(work(512 << 10)) else { return };
        assert!(large < small * 24, "{piece} {small:?} {large:?}");
    }
}
