//! A dry run: everything about an upload that can be checked without it.

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{ErrorKind, Upload};

use crate::support::caller::{Caller, KEY, USER, app};
use crate::support::package::Package;
use crate::support::server::{Server, answered};

#[test]
fn a_good_file_passes_and_nothing_is_uploaded() {
    let emulator = Emulator::start().unwrap();
    let caller = Caller::of_emulator(&emulator);
    caller.check(Package::small()).ok();
    emulator.fail_polls(2, Fault::Status(503));
    caller.check(Package::small()).ok();
    assert_eq!((emulator.uploads().len(), emulator.requests()), (0, 4));

    emulator.refuse_credentials();
    let refused = caller.check(Package::small());
    assert_eq!(refused.error(ErrorKind::Rejected).status(), Some(401));
    emulator.fail_polls(1, Fault::StatusAtOnce(404));
    let unknown = caller.check(Package::small());
    let text = unknown.error(ErrorKind::Rejected).to_string();
    assert!(text.contains("\"calc\" is the subdomain") && text.contains("calls of v1 (/api/1) through"), "{text}");
    for (id, of_production) in [
        ("calc-accp", "calc"),
        ("calc-test", "calc"),
        ("my-calc-ACCEPTANCE", "my-calc"),
        ("calc-test-accp", "calc-test"),
    ] {
        emulator.fail_polls(1, Fault::StatusAtOnce(404));
        let file = Package::small();
        let error =
            mendix_deploy::check(&emulator.client(), &id.parse().unwrap(), &Upload::new(file.as_ref())).unwrap_err();
        let hint =
            format!("whether the AppId is \"{of_production}\", as in the URL of the app's production environment");
        assert!(error.to_string().contains(&hint), "{error}");
    }
}

#[test]
fn the_call_is_retrieve_app_as_v1_documents_it() {
    let body = r#"{"Name":"Calculation App","Url":"https://calc.mendixcloud.com","ProjectId":"p","AppId":"calc"}"#;
    let server = Server::answering("200 OK", body);
    Caller::of(&server).check(Package::small()).ok();
    let seen = server.stop();
    let request = &seen.requests[0];
    assert!(request.head.starts_with("GET /api/1/apps/calc HTTP/1.1\r\n"), "{}", request.head);
    let sent = ["Mendix-Username", "Mendix-ApiKey", "Content-Type", "Content-Length"].map(|name| request.header(name));
    assert_eq!(sent, [Some(USER), Some(KEY), Some("application/json"), None]);
}

#[test]
fn a_success_that_describes_no_app_is_not_a_success() {
    for body in ["", "{}", "<html><title>Log in</title></html>", r#"{"errorCode":"X","AppId":"calc"}"#, "[]"] {
        let server = Server::start([answered("200 OK", body)]);
        Caller::of(&server).check(Package::small()).error(ErrorKind::NoAnswer);
    }
}

#[test]
fn a_file_that_cannot_be_uploaded_or_deployed_is_refused_without_a_request() {
    let (archive, entry) = (Emulator::SMALLEST_PACKAGE, |size: u32| {
        let size = size.to_le_bytes();
        [&b"PK\x01\x02"[..], &[0; 20], &size, &[1, 0], &[0; 16], b"a"].concat()
    });
    let zip = |entries: &[u8]| {
        let mut end = archive.to_vec();
        end[12..16].copy_from_slice(&u32::try_from(entries.len()).unwrap().to_le_bytes());
        [entries, &end].concat()
    };
    let emulator = Emulator::start().unwrap();
    let caller = Caller::of_emulator(&emulator);
    let check = |content: &[u8]| caller.check(Package::named("calc.mda", content));
    check(&zip(&[entry(1 << 30), entry(0)].concat())).ok();
    check(&zip(&entry(7).repeat(64_000))).ok();
    let mut folder = entry(0);
    folder[46] = b'/';
    check(&zip(&[entry(7).repeat(64_000), folder.repeat(100)].concat())).ok();
    let asked = emulator.requests();
    for (content, says) in [
        (zip(&[entry(1 << 30), entry(1)].concat()), "it has 1.0 GiB (1,073,741,825 bytes) when unpacked"),
        (zip(&entry(7).repeat(64_001)), "it has 64,001 files, and Mendix Cloud takes up to 64,000"),
        (zip(&[entry(7), vec![0; 47]].concat()), "its central directory is damaged"),
        (b"<html>".to_vec(), "web page"),
    ] {
        let outcome = check(&content);
        let text = outcome.error(ErrorKind::File).to_string();
        assert!(text.contains(says) && text.contains("calc.mda") && text.contains("app calc"), "{text}");
    }
    caller.check(Package::missing("calc.mda")).error(ErrorKind::File);
    assert_eq!(emulator.requests(), asked);

    let package = Package::named("calc.mda", b"x");
    let anything = Upload::new(package.as_ref()).without_content_check();
    mendix_deploy::check(&emulator.client(), &app(), &anything).unwrap();
}
