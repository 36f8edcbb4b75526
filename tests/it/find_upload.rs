//! An upload of unknown outcome is searched for in the package list of v1, and never sent again.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{Error, ErrorKind, Event, JobId, PackageId, PackageStatus, Subject, Upload};

use crate::support::caller::{Caller, app, often, once, start};
use crate::support::package::Package;
use crate::support::server::{Server, Step, answered, side_by_side, write};

const MINUTE: Duration = Duration::from_secs(60);

/// The error of an upload that was accepted, but got no response.
fn unknown(emulator: &Emulator, caller: &Caller) -> Error {
    emulator.fail_uploads(1, Fault::NoAnswer);
    let outcome = caller.upload(Package::small());
    outcome.error(ErrorKind::OutcomeUnknown);
    outcome.result.unwrap_err()
}

#[test]
fn an_upload_without_an_answer_is_found_again_and_can_be_waited_for() {
    let (emulator, caller) = start();
    let error = unknown(&emulator, &caller);
    let outcome = caller.find_upload(&error, &often());
    let [Event::Searching { .. }, Event::Polled { subject: Subject::Upload(_), next_poll: None, .. }] =
        &outcome.events[..]
    else {
        panic!("{outcome:?}")
    };
    let line = outcome.events[0].to_string();
    // Of its 30 s, some have passed on a slow machine.
    let start = "app calc, searching for \"calc.mda\" for up to ";
    assert!(
        line.starts_with(start)
            && line.contains(" s: cannot tell whether \"")
            && line.contains("calc.mda\" was uploaded to app calc: all of it was sent"),
        "{line}"
    );
    let line = outcome.events[1].to_string();
    let [received] = &emulator.uploads()[..] else { panic!("one upload") };
    let start = format!("app calc, searching for \"calc.mda\": found as package {} after", received.package_id);
    assert!(line.starts_with(&start), "{line}");
    let found = outcome.ok();
    assert_eq!((&found.package_id, found.name.as_str(), found.size), (&received.package_id, "calc.mda", Some(22)));
    let ready = caller.wait_for_package(&found.package_id, &often()).ok();
    assert_eq!((ready.status, emulator.requests()), (PackageStatus::Succeeded, 3));
}

#[test]
fn a_package_whose_job_failed_is_found_and_the_wait_says_so() {
    let (emulator, caller) = start();
    emulator.jobs_end(JobEnd::Failed);
    let found = caller.find_upload(&unknown(&emulator, &caller), &often()).ok();
    assert_eq!(found.status, PackageStatus::Failed);
    caller.wait_for_package(&found.package_id, &often()).error(ErrorKind::JobFailed);
}

#[test]
fn a_package_may_be_listed_late() {
    let (emulator, caller) = start();
    emulator.list_after_polls(2);
    emulator.fail_polls(1, Fault::Status(502));
    emulator.complete_after_polls(2);
    let outcome = caller.find_upload(&unknown(&emulator, &caller), &often());
    let lines: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    assert!(lines[1].starts_with("app calc, searching for \"calc.mda\": no status for "), "{lines:?}");
    assert!(lines[2].starts_with("app calc, searching for \"calc.mda\": not listed after "), "{lines:?}");
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(outcome.ok().status, PackageStatus::Queued);
}

#[test]
fn a_package_that_is_never_listed_is_an_error_that_says_how_long_it_was_searched_for_and_that_this_proves_nothing() {
    let (emulator, caller) = start();
    emulator.list_after_polls(u32::MAX);
    let error = unknown(&emulator, &caller);
    let outcome = caller.find_upload(&error, &often().with_timeout(Duration::from_secs(1)));
    assert!(outcome.events.len() >= 3, "{outcome:?}");
    let text = outcome.error(ErrorKind::OutcomeUnknown).to_string();
    assert!(
        text.starts_with("cannot tell whether \"") && text.contains("calc.mda\" was uploaded to app calc: all"),
        "{text}"
    );
    assert!(text.contains("; a package may exist: \"calc.mda\" was not listed within 1."), "{text}");
    // It can be called again with that error, and still finds nothing.
    let again = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &once());
    assert!(again.error(ErrorKind::OutcomeUnknown).to_string().starts_with("cannot tell whether"), "{again:?}");
    emulator.fail_uploads(1, Fault::Status(500));
    let outcome = caller.upload_as(Package::small(), |upload| upload.with_name("calc_2.mda"));
    let not_made = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &once());
    assert!(not_made.error(ErrorKind::OutcomeUnknown).to_string().contains("\"calc_2.mda\" was not listed"));
    assert_eq!(emulator.uploads().len(), 1);
}

/// The error that names the candidates.
#[track_caller]
fn refusal(caller: &Caller, error: &Error) -> String {
    let outcome = caller.find_upload(error, &often().with_timeout(Duration::from_millis(300)));
    let text = outcome.error(ErrorKind::OutcomeUnknown).to_string();
    assert!(text.contains("a name of its own"), "{text}");
    text
}

#[test]
fn two_packages_are_an_error_that_names_both() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::NoAnswerButTwice);
    let outcome = caller.upload(Package::small());
    let unknown = outcome.error(ErrorKind::OutcomeUnknown);
    let text = refusal(&caller, unknown);
    assert_eq!(caller.find_upload(unknown, &often()).pauses(), [], "nothing would tell them apart later");
    let uploads = emulator.uploads();
    assert_eq!(uploads.len(), 2);
    for received in uploads {
        assert!(text.contains(&format!("package {} (Succeeded, 22 bytes, made ", received.package_id)), "{text}");
    }
}

#[test]
fn an_older_package_of_the_same_name_is_never_ours_no_obstacle_and_named_at_the_timeout() {
    let (emulator, caller) = start();
    for age in [50, 5] {
        caller.upload(Package::small()).ok();
        emulator.age_packages(MINUTE * age);
    }
    // Whatever the server's clock says.
    for behind in [Duration::ZERO, MINUTE * 100_000] {
        emulator.set_clock_behind(behind);
        emulator.fail_uploads(1, Fault::Status(500));
        let failed = caller.upload(Package::small());
        let text = refusal(&caller, failed.error(ErrorKind::OutcomeUnknown));
        let youngest = emulator.uploads().last().unwrap().package_id.clone();
        let named =
            format!("every package of that name is older, the youngest one is: package {youngest} (Succeeded, 22");
        assert!(text.contains(&named) && text.contains(" before the upload began"), "{text}");
        let found = caller.find_upload(&unknown(&emulator, &caller), &once()).ok();
        assert_eq!(found.package_id, emulator.uploads().last().unwrap().package_id);
        emulator.age_packages(MINUTE * 5);
    }
    emulator.fail_uploads(1, Fault::Status(500));
    let failed = caller.upload(Package::small());

    caller.upload(Package::small()).ok();
    for n in 0..5 {
        caller.upload(Package::small()).ok();
        let text = refusal(&caller, failed.error(ErrorKind::OutcomeUnknown));
        assert!(text.contains("several packages have that name") && text.contains(", and more") == (n >= 4), "{text}");
    }
}

#[test]
fn an_upload_without_a_name_is_not_searched_for() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::NoAnswer);
    let outcome = caller.upload_as(Package::small(), Upload::without_name);
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    assert!(!error.to_string().contains("find_upload") && error.to_string().contains("\"default.mda\""), "{error}");
    assert!(refusal(&caller, error).contains("default.mda"));
    assert_eq!(emulator.requests(), 1);
}

#[test]
fn what_the_clocks_here_and_there_say_does_not_matter_but_what_passes_between() {
    // The server believes that it is 1994.
    for (age, is_found) in [(0, true), (1_000, true), (5_000, false), (300_000, false)] {
        let server = Server::start([vec![Step::Request], list(&listed("calc.mda", NOW - age, 22))]);
        let caller = Caller::of(&server);
        let outcome = caller.upload(Package::small());
        let found = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &once());
        match &found.result {
            Ok(_) => assert!(is_found, "{age}"),
            Err(error) => {
                assert!(!is_found && error.to_string().contains("every package of that name is older"), "{error}");
            }
        }
    }
    // Without the server's date, the age is unknown.
    let server = Server::start([vec![Step::Request], answered("200 OK", &listed("calc.mda", NOW, 22))]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let text = refusal(&caller, outcome.error(ErrorKind::OutcomeUnknown));
    assert!(text.contains("package p-9 (Succeeded, 22 bytes, made at an unknown time)"), "{text}");
}

#[test]
fn a_list_that_is_slow_or_from_a_cache_does_not_make_an_older_package_young() {
    // Its body is slow, or its head, or it is from a cache. There are 3 s for what comes before the list.
    let body = listed("calc.mda", NOW - 5000, 22);
    let (head, rest) = (
        format!("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: {}\r\n\r\n", body.len()),
        body.clone(),
    );
    let pause = Step::Pause(Duration::from_millis(3500));
    let slow_body = vec![Step::Request, write(head.clone()), pause.clone(), write(rest)];
    let slow_head = vec![Step::Request, pause, write(head + &body)];
    let cached =
        answered("200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nAge: 600", &listed("calc.mda", NOW - 1000, 22));
    let cases = [(slow_body, "may be another one"), (slow_head, "may be another one"), (cached, "is older")];
    side_by_side(cases, |(list, says)| {
        let server = Server::start([vec![Step::Request], list]);
        let caller = Caller::of(&server);
        let outcome = caller.upload(Package::small());
        let text = refusal(&caller, outcome.error(ErrorKind::OutcomeUnknown));
        assert!(text.contains(says) && text.contains("package p-9"), "{text}");
    });
}

#[test]
fn one_of_two_that_is_still_being_made_may_turn_out_to_be_older() {
    let entry = |id: &str, status: &str, created: u128, size: u64| {
        format!(
            r#"{{"PackageId":"{id}","Name":"calc.mda","Status":"{status}","CreationDate":{created},"Size":{size}}}"#
        )
    };
    let both =
        |created| list(&format!("[{},{}]", entry("p-9", "Succeeded", NOW, 22), entry("p-8", "Uploading", created, 22)));
    let server = Server::start([vec![Step::Request], both(0), both(NOW - 60_000)]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let found = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &often());
    assert_eq!((found.pauses().len(), found.ok().package_id.as_str()), (1, "p-9"));

    let server = Server::start([vec![Step::Request], both(0)]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let text = refusal(&caller, outcome.error(ErrorKind::OutcomeUnknown));
    assert!(text.contains("several packages have that name: package p-9") && text.contains("package p-8"), "{text}");
}

#[test]
fn a_date_in_other_units_or_in_the_future_proves_nothing_and_the_package_is_named() {
    for (created, says) in [
        (NOW / 1000, "every package of that name is older, the youngest one is: package p-9"),
        (NOW + 60_000, "may be another one: package p-9 (Succeeded, 22 bytes, made at an unknown time)"),
        (0, "may be another one: package p-9 (Succeeded, 22 bytes, made at an unknown time)"),
    ] {
        let server = Server::start([vec![Step::Request], list(&listed("calc.mda", created, 22))]);
        let caller = Caller::of(&server);
        let outcome = caller.upload(Package::small());
        let text = refusal(&caller, outcome.error(ErrorKind::OutcomeUnknown));
        assert!(text.contains(says) && text.contains("Poll::with_timeout"), "{text}");
    }
}

#[test]
fn a_package_still_being_made_is_polled_again_and_another_spelling_is_named() {
    let first = r#"[{"PackageId":"p-9","Name":"calc.mda","Status":"Uploading","CreationDate":0,"Size":7}]"#;
    let twice =
        listed("calc.mda", NOW, 22).replace("[{", r#"[{"PackageId":"p-9","Name":"calc.mda"},{"PackageId":"p-8"},{"#);
    let server = Server::start([vec![Step::Request], list(first), list(&twice)]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &often()).ok();

    let server = Server::start([vec![Step::Request], list(&listed("Calc.MDA", NOW, 22))]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let text = refusal(&caller, outcome.error(ErrorKind::OutcomeUnknown));
    assert!(text.contains("none has that name, but these have its size and time: package p-9"), "{text}");
}

/// In milliseconds since 1970.
const NOW: u128 = 784_111_777_000;

fn list(text: &str) -> Vec<Step> {
    answered("200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT", text)
}

fn listed(name: &str, created: u128, size: u64) -> String {
    format!(r#"[{{"PackageId":"p-9","Name":"{name}","Status":"Succeeded","CreationDate":{created},"Size":{size}}}]"#)
}

#[test]
fn fields_that_are_missing_lead_to_no_wrong_package() {
    for (field, is_found) in [("Size", true), ("Status", true), ("Creator", true), ("PackageId", false)] {
        let (emulator, caller) = start();
        let error = unknown(&emulator, &caller);
        emulator.omit_fields(&[field]);
        assert_eq!(caller.find_upload(&error, &once()).result.is_ok(), is_found, "{field}");
        emulator.omit_fields(&["Name"]);
        assert!(refusal(&caller, &error).contains("none has that name, but these have its size and time"), "{field}");
        emulator.omit_fields(&["CreationDate", field]);
        if is_found {
            assert!(refusal(&caller, &error).contains("made at an unknown time"), "{field}");
        }
    }
}

#[test]
fn a_package_of_another_size_is_not_taken_for_the_upload() {
    for (size, is_found) in [(22, true), (0, true), (21, false), (22 << 20, false)] {
        let server = Server::start([vec![Step::Request], list(&listed("calc.mda", NOW, size))]);
        let caller = Caller::of(&server);
        let outcome = caller.upload(Package::small());
        let error = outcome.error(ErrorKind::OutcomeUnknown);
        if is_found {
            caller.find_upload(error, &once()).ok();
        } else {
            assert!(refusal(&caller, error).contains("may be another one: package p-9"), "{size}");
            assert_eq!(caller.find_upload(error, &often()).pauses(), [], "its size will not change");
        }
    }
    // Unless it is still being made.
    let made = listed("calc.mda", NOW, 7).replace("Succeeded", "Uploading");
    let server = Server::start([vec![Step::Request], list(&made), list(&listed("calc.mda", NOW, 22))]);
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let found = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &often());
    assert_eq!((found.pauses().len(), found.ok().size), (1, Some(22)));
}

#[test]
fn an_id_from_half_a_response_is_requested_and_then_the_list() {
    let upload = || answered("200 OK", r#"{"PackageId":"p-1"}"#);
    let not_found =
        || answered("404 No", r#"{"errorCode":"PACKAGE_NOT_FOUND","errorMessage":"Package or build job not found"}"#);
    let by_id = answered("200 OK", r#"{"PackageId":"p-1","Status":"Uploading"}"#);
    // Some gateways know one path and not the other.
    let in_list = answered("200 OK", r#"[{"PackageId":"p-1"},{"PackageId":"p-2","Name":"calc.mda"}]"#);
    let paths = ["POST", "GET /api/1/apps/calc/packages/p-1", "GET /api/1/apps/calc/packages HTTP"];
    for (scripts, id, paths) in [
        (vec![upload(), by_id.clone()], "p-1", vec![paths[0], paths[1]]),
        (
            vec![upload(), not_found(), answered("200 OK", "[]"), by_id],
            "p-1",
            vec![paths[0], paths[1], paths[2], paths[1]],
        ),
        (vec![upload(), not_found(), in_list], "p-1", paths.to_vec()),
        // v1 may not know the id.
        (vec![upload(), not_found(), list(&listed("calc.mda", NOW, 22))], "p-9", paths.to_vec()),
    ] {
        let server = Server::start(scripts);
        let caller = Caller::of(&server);
        let outcome = caller.upload(Package::small());
        let error = outcome.error(ErrorKind::OutcomeUnknown);
        assert_eq!(error.package_id().map(PackageId::as_str), Some("p-1"));
        assert!(error.to_string().contains("check the Environments page for package p-1"), "{error}");
        assert_eq!(caller.find_upload(error, &often()).ok().package_id.as_str(), id);
        let seen = server.stop().requests;
        assert_eq!(seen.len(), paths.len());
        assert!(seen.iter().zip(paths).all(|(request, path)| request.head.starts_with(path)), "{seen:?}");
    }
}

#[test]
fn a_known_job_is_polled_and_kept_during_the_search_for_its_package() {
    let job = |status: &str| answered("200 OK", &format!(r#"{{"Status":"{status}","Message":"no room"}}"#));
    let (upload, not_found) = (answered("200 OK", r#"{"JobId":"j-1"}"#), answered("404 No", ""));
    let (empty, full) = (answered("200 OK", "[]"), list(&listed("calc.mda", NOW, 22)));
    let server = Server::start(
        [
            vec![upload, job("Running"), empty.clone(), not_found, empty],
            vec![answered("401 No", ""), job("Completed"), full, job("Failed")],
        ]
        .concat(),
    );
    let caller = Caller::of(&server);
    let outcome = caller.upload(Package::small());
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    assert_eq!(error.job_id().map(JobId::as_str), Some("j-1"));
    assert!(error.to_string().contains("wait for the job, and if that fails, check"), "{error}");
    caller.find_upload(error, &once()).error(ErrorKind::OutcomeUnknown);
    caller.find_upload(error, &once()).error(ErrorKind::OutcomeUnknown);
    caller.find_upload(error, &once()).error(ErrorKind::Rejected);
    caller.find_upload(error, &once()).ok();
    let failed = caller.find_upload(error, &often());
    let text = failed.error(ErrorKind::JobFailed).to_string();
    assert!(text.contains("job j-1 failed") && text.contains("no room") && !text.contains("unknown"), "{text}");
    assert!(failed.pauses().is_empty());
    let seen = server.stop().requests;
    let (jobs, lists): (Vec<_>, Vec<_>) =
        seen[1..].iter().partition(|seen| seen.head.starts_with("GET /api/v2/apps/calc/jobs/j-1 "));
    assert_eq!((jobs.len(), lists.len()), (5, 3));
}

#[test]
fn whatever_ends_a_search_the_error_can_be_searched_with_again() {
    let (emulator, caller) = start();
    let error = unknown(&emulator, &caller);
    let mut last = error;
    for (status, kind) in [
        (401, ErrorKind::Rejected),
        (403, ErrorKind::Rejected),
        (404, ErrorKind::Rejected),
        (502, ErrorKind::StillRunning),
    ] {
        emulator.fail_polls(1, Fault::StatusAtOnce(status));
        let outcome = caller.find_upload(&last, &once());
        let text = outcome.error(kind).to_string();
        assert!(text.contains("whether \"calc.mda\" exists is still unknown"), "{text}");
        last = outcome.result.unwrap_err();
    }
    emulator.fail_polls(2, Fault::NoAnswer);
    let outcome = caller.find_upload(&last, &often().with_max_outage(Duration::ZERO));
    outcome.error(ErrorKind::NoAnswer);
    caller.find_upload(&outcome.result.unwrap_err(), &often()).ok();
    emulator.refuse_v1();
    let outcome = caller.find_upload(&last, &often());
    let text = outcome.error(ErrorKind::Rejected).to_string();
    assert!(text.contains("calls of v1 (/api/1)"), "{text}");
    assert!(outcome.pauses().is_empty());
}

#[test]
fn only_the_error_of_an_upload_of_unknown_outcome_to_the_same_app_will_do() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::StatusAtOnce(401));
    let refused = caller.upload(Package::small());
    let outcome = caller.find_upload(refused.error(ErrorKind::Rejected), &often());
    let text = outcome.error(ErrorKind::Config).to_string();
    assert!(text.contains("which is Rejected"), "{text}");
    emulator.fail_uploads(1, Fault::NoAnswer);
    let elsewhere = mendix_deploy::upload_package(
        &emulator.client(),
        &"other".parse().unwrap(),
        &Upload::new(Package::small().as_ref()),
    );
    let outcome = caller.find_upload(&elsewhere.unwrap_err(), &often());
    assert!(outcome.error(ErrorKind::Config).to_string().contains("was to app other, not to app calc"));
    assert_eq!(emulator.requests(), 2);
}

#[test]
fn package_names_are_found_exactly_as_uploaded() {
    side_by_side(["a\"b", "a;b\\c", "100%25", "a  b", " é漢🦀 ", "##vso[x]", &"n".repeat(2048)], |name| {
        let (emulator, caller) = start();
        emulator.fail_uploads(1, Fault::NoAnswer);
        let outcome = caller.upload_as(Package::small(), |upload| upload.with_name(name));
        let found = caller.find_upload(outcome.error(ErrorKind::OutcomeUnknown), &once());
        assert!(found.result.is_ok(), "{name}: {found:?}");
        assert_eq!(emulator.uploads()[0].app_id, app());
    });
}
