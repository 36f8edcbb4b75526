//! `Upload::skip_existing`: the same call made again uploads nothing that exists.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{ErrorKind, Event, PackageId, Poll, Upload};

use crate::support::caller::{Caller, Outcome, often, once, start};
use crate::support::package::Package;
use crate::support::server::{Server, Step, answered};

const NAME: &str = "calc_1.0.0.45.mda";

fn skipping(upload: Upload) -> Upload {
    upload.with_name(NAME).skip_existing()
}

fn run(caller: &Caller, poll: &Poll) -> Outcome<PackageId> {
    caller.upload_and_wait_as(Package::small(), skipping, poll)
}

#[test]
fn an_existing_package_is_waited_for_and_not_uploaded() {
    let (emulator, caller) = start();
    let package = run(&caller, &often()).ok();
    let outcome = run(&caller, &often());
    let line = outcome.events[0].to_string();
    assert!(matches!(&outcome.events[0], Event::Existing { package_id, .. } if *package_id == package), "{line}");
    assert!(line.starts_with(&format!("app calc has \"{NAME}\" already, as package {package}, so ")), "{line}");
    assert_eq!((outcome.ok(), emulator.uploads().len()), (package, 1));
    // Another name is another build.
    caller.upload_and_wait_as(Package::small(), |upload| upload.with_name("x.mda").skip_existing(), &often()).ok();
    assert_eq!(emulator.uploads().len(), 2);
}

#[test]
fn what_is_still_being_made_is_waited_for_and_what_has_failed_is_uploaded_again() {
    let (emulator, caller) = start();
    emulator.jobs_end(JobEnd::Never);
    let outcome = run(&caller, &once());
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(error.is_transient() && error.may_have_been_accepted(), "{error}");
    assert!(error.to_string().ends_with("; the same call finds it and resumes (Poll::with_timeout)"), "{error}");
    let outcome = run(&caller, &once());
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(error.is_transient() && error.to_string().contains("was not uploaded, because it has its name"), "{error}");
    assert!(error.to_string().contains("if that is never ready, use another name (Upload::with_name"), "{error}");
    assert_eq!(emulator.uploads().len(), 1);
    emulator.jobs_end(JobEnd::Failed);
    let outcome = run(&caller, &often());
    assert!(!outcome.error(ErrorKind::JobFailed).is_transient(), "only another package helps");
    emulator.jobs_end(JobEnd::Completed);
    run(&caller, &often()).ok();
    assert_eq!(emulator.uploads().len(), 3, "two of them have failed");
}

#[test]
fn a_name_with_another_size_belongs_to_another_build() {
    let (emulator, caller) = start();
    run(&caller, &often()).ok();
    let larger = Package::named("calc.mda", &[&[0; 10][..], &Emulator::SMALLEST_PACKAGE].concat());
    let outcome = caller.upload_and_wait_as(&larger, skipping, &often());
    let error = outcome.error(ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains("has 22 bytes, and the file has 32: upload what was built first"), "{text}");
    assert!(!error.may_have_been_accepted() && !error.is_transient(), "{text}");
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn the_size_is_compared_once_it_is_known() {
    let listed = |fields: &str| answered("200 OK", &format!(r#"[{{"PackageId":"p-9","Name":"{NAME}",{fields}}}]"#));
    let one = |fields: &str| answered("200 OK", &format!(r#"{{"PackageId":"p-9","Status":"Succeeded"{fields}}}"#));
    for (list, package, is_ours) in [
        (r#""Status":"Uploading","Size":7"#, r#","Size":22"#, true),
        (r#""Status":"Uploading""#, r#","Size":23"#, false),
        (r#""Status":"Succeeded""#, "", true),
        (r#""Status":"Succeeded","Size":0"#, r#","Size":0"#, true),
    ] {
        let server = Server::start([listed(list), one(package)]);
        let outcome = run(&Caller::of(&server), &often());
        if is_ours {
            assert_eq!(outcome.ok().as_str(), "p-9");
        } else {
            assert!(
                outcome.error(ErrorKind::Config).to_string().contains("upload what was built first"),
                "{outcome:?}"
            );
        }
        assert_eq!(server.stop().requests.len(), 2, "{list}");
    }
}

#[test]
fn an_existing_package_that_fails_while_it_is_waited_for_is_uploaded_by_the_same_call() {
    let listed = format!(r#"[{{"PackageId":"p-9","Name":"{NAME}","Status":"Uploading"}}]"#);
    let failed = r#"{"PackageId":"p-9","Status":"Failed"}"#;
    let server = Server::start([answered("200 OK", &listed), answered("200 OK", failed)]);
    let outcome = run(&Caller::of(&server), &often());
    let text = outcome.error(ErrorKind::JobFailed).to_string();
    assert!(text.contains("package p-9 of app calc failed") && text.ends_with("; the same call uploads it"), "{text}");
}

#[test]
fn without_a_list_nothing_is_uploaded() {
    let (emulator, caller) = start();
    for (fault, times, kind, is_transient) in [
        (Fault::StatusAtOnce(403), 1, ErrorKind::Rejected, false),
        (Fault::StatusAtOnce(503), 3, ErrorKind::Rejected, true),
        (Fault::Status(502), 3, ErrorKind::NoAnswer, true),
        (Fault::Body("<html>"), 3, ErrorKind::NoAnswer, true),
    ] {
        emulator.fail_polls(times, fault);
        let outcome = run(&caller, &often());
        let error = outcome.error(kind);
        let says = "the request for the packages of app calc";
        assert!(error.to_string().starts_with(says) && error.to_string().contains("no package was made"), "{error}");
        assert_eq!((error.is_transient(), error.may_have_been_accepted()), (is_transient, false), "{error}");
    }
    emulator.fail_polls(2, Fault::Status(502));
    run(&caller, &often()).ok();
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn a_name_shared_by_builds_is_refused_and_so_is_the_single_step() {
    let (emulator, caller) = start();
    let refused = |set: fn(Upload) -> Upload| {
        let outcome = caller.upload_and_wait_as(Package::small(), set, &often());
        outcome.error(ErrorKind::Config).to_string()
    };
    assert!(refused(Upload::skip_existing).contains("(Upload::skip_existing, Upload::with_name)"));
    assert!(refused(|upload| upload.without_name().skip_existing()).contains("found by a name that was set"));
    assert!(refused(|upload| upload.with_name(" ").skip_existing()).contains("is blank"));
    let outcome = caller.upload_as(Package::small(), skipping);
    assert!(outcome.error(ErrorKind::Config).to_string().contains("this call does not wait"));
    assert_eq!(emulator.requests(), 0);
}

#[test]
fn only_an_error_after_which_the_same_call_would_find_the_package_is_transient() {
    let says = "; the same call uploads it again unless it is listed by then";
    // It is listed late.
    let (emulator, caller) = start();
    emulator.jobs_end(JobEnd::Never);
    emulator.list_after_polls(u32::MAX);
    let outcome = run(&caller, &once());
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(!error.is_transient() && error.to_string().contains(says), "{error}");
    // Or the list cannot be read, as during an outage.
    let (emulator, caller) = start();
    emulator.fail_polls(1, Fault::Slow(0));
    emulator.fail_polls(100, Fault::Status(502));
    let outcome = run(&caller, &often().with_max_outage(Duration::ZERO));
    let error = outcome.error(ErrorKind::NoAnswer);
    assert!(!error.is_transient() && error.to_string().contains(says), "{error}");
    assert_eq!(emulator.uploads().len(), 1);
    // Of an upload of unknown outcome, it never is.
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::Status(502));
    let outcome = run(&caller, &often().with_timeout(Duration::from_millis(300)));
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    let says = "; the same call uploads it again unless it is listed by then";
    assert!(!error.is_transient() && error.to_string().contains(says), "{error}");
    assert_eq!(emulator.uploads().len(), 0);
}

#[test]
fn a_package_that_turns_out_to_have_another_size_is_not_taken_for_the_one_whose_response_was_lost() {
    let now = 784_111_777_000_u64;
    let entry = |id: &str, status: &str, size: &str| {
        format!(r#"{{"PackageId":"{id}","Name":"{NAME}","Status":"{status}","CreationDate":{now}{size}}}"#)
    };
    let list = |entries: &[String]| {
        let body = format!("[{}]", entries.join(","));
        answered("200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT", &body)
    };
    let theirs = answered("200 OK", &entry("p-1", "Succeeded", r#","Size":99"#));
    let made = || entry("p-1", "Uploading", "");
    let two = [made(), entry("p-2", "Succeeded", r#","Size":99"#)];
    // One of two, or the only one.
    for (skips, lists) in [
        (true, vec![list(&[]), list(&two), list(&two)]),
        (false, vec![list(&[entry("p-1", "Succeeded", r#","Size":0"#)])]),
    ] {
        let (upload, rest) = (vec![Step::Request], [theirs.clone()]);
        let scripts = if skips {
            [lists[..1].to_vec(), vec![upload], lists[1..].to_vec()].concat()
        } else {
            [vec![upload], lists].concat()
        };
        let server = Server::start([scripts, rest.to_vec()].concat());
        let set = |upload: Upload| if skips { skipping(upload) } else { upload.with_name(NAME) };
        let outcome =
            Caller::of(&server).upload_and_wait_as(Package::small(), set, &often().with_timeout(Duration::ZERO));
        let error = outcome.error(ErrorKind::OutcomeUnknown);
        let source = std::error::Error::source(error).unwrap().to_string();
        assert!(source.starts_with("package p-1 is called") && source.contains("has 99 bytes"), "{error:?}");
    }
}

#[test]
fn after_a_lost_response_the_package_is_found_and_of_two_the_newest_is_taken() {
    for fault in [Fault::NoAnswer, Fault::NoAnswerButTwice] {
        let (emulator, caller) = start();
        emulator.fail_uploads(1, fault);
        let package = run(&caller, &often()).ok();
        assert_eq!(run(&caller, &often()).ok(), package);
        let uploads = emulator.uploads();
        assert!(uploads.iter().any(|received| received.package_id == package), "{fault:?}");
        assert_eq!(uploads.len(), 1 + usize::from(fault == Fault::NoAnswerButTwice));
    }
}
