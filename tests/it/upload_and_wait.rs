//! The main job, end to end: a file on disk, a real socket, a job that ends.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{ErrorKind, Event, JobStatus, Poll, Retry, Subject, Upload};

use crate::support::caller::{Caller, app, job, once, start};
use crate::support::package::Package;
use crate::support::server::{Server, answered};

fn quick() -> Poll {
    Poll::default().with_interval(Duration::from_millis(100)).with_timeout(Duration::from_secs(10))
}

#[test]
fn a_package_is_uploaded_and_its_job_waited_for() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(3);
    let mut content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    content.extend(Emulator::SMALLEST_PACKAGE);
    let outcome = caller.upload_and_wait(Package::named("calc_1.0.0.45.mda", &content), &quick());
    let lines: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    let package = outcome.ok();

    let received = emulator.uploads().pop().unwrap();
    assert_eq!(received.package_id, package);
    assert_eq!(received.app_id, app());
    assert_eq!((received.name.as_str(), received.file_name.as_str()), ("calc_1.0.0.45.mda", "calc_1.0.0.45.mda"));
    assert!(received.content.unwrap() == content, "the content arrives byte for byte");
    assert_eq!(emulator.requests(), 4, "one upload, three polls");

    let job = received.job_id;
    assert!(lines[0].ends_with("calc_1.0.0.45.mda\" to app calc: 0 bytes of 293.0 KiB (0 %)"), "{}", lines[0]);
    assert!(lines[1].ends_with("all 293.0 KiB sent, awaiting the response for up to 5 min"), "{}", lines[1]);
    let says = ["calc_1.0.0.45.mda\" after 0.", &format!(" s: package {package}, job {job}")];
    assert!(says.iter().all(|says| lines[2].contains(says)), "{}", lines[2]);
    let statuses: Vec<_> = lines[3..6].iter().map(|line| line.split(' ').nth(4).unwrap()).collect();
    assert_eq!(statuses, ["Queued", "Running", "Completed"]);
    assert!(lines[6].starts_with("app calc: done in ") && lines.len() == 7, "{lines:?}");
}

#[test]
fn events_can_be_matched_on() {
    let (_emulator, caller) = start();
    let outcome = caller.upload_and_wait(Package::called("x.mda"), &quick());
    let [
        Event::Uploading { sent: 0, .. },
        Event::Uploading { sent: 22, total: 22, .. },
        Event::Accepted { package_id, .. },
        Event::Polled { next_poll: None, subject: Subject::Job(_), .. },
        Event::Done { environment: None, .. },
    ] = &outcome.events[..]
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(Some(package_id), outcome.result.as_ref().ok());
}

#[test]
fn the_package_name_can_be_set_or_left_to_the_server() {
    let (emulator, caller) = start();
    let file = Package::called("x.mda");
    let long = "n".repeat(300);
    for name in ["a\"b", "a\r\nb", "a;b\\c", "100%25", "a+b&c=d#e?f", "a b", "é漢🦀", "../../x", &long] {
        caller.upload_as(&file, |upload| upload.with_name(name)).ok();
        let received = emulator.uploads().pop().unwrap();
        assert_eq!((received.name.as_str(), received.file_name.as_str()), (name, "x.mda"));
    }
    caller.upload_as(&file, Upload::without_name).ok();
    assert_eq!(emulator.uploads().pop().unwrap().name, "default.mda");
}

#[test]
fn a_package_name_that_no_url_holds_is_refused() {
    let (emulator, caller) = start();
    let upload = |length: usize| caller.upload_as(Package::small(), |upload| upload.with_name("é".repeat(length / 2)));
    upload(2050).error(ErrorKind::Config);
    assert_eq!(emulator.requests(), 0);
    upload(2048).ok();
}

#[cfg(unix)]
#[test]
fn awkward_file_names_arrive_as_they_are() {
    let (emulator, caller) = start();
    for name in ["a\"b.mda", "a\r\nb", "a;b\\c%41", "a+b &c#", "é漢🦀"] {
        caller.upload(Package::called(name)).ok();
        let received = emulator.uploads().pop().unwrap();
        assert_eq!((received.name.as_str(), received.file_name.as_str()), (name, name));
    }
}

#[cfg(unix)]
#[test]
fn a_file_name_that_no_header_can_hold_is_refused() {
    let (emulator, caller) = start();
    for name in ["a\u{3}b", "\u{1b}[31m.mda", "a\u{7f}"] {
        caller.upload(Package::called(name)).error(ErrorKind::File);
    }
    assert_eq!(emulator.requests(), 0);
}

#[test]
fn every_size_around_a_buffer_arrives_whole() {
    let (emulator, caller) = start();
    emulator.keep_up_to(4 << 20);
    let buffer = 128 * 1024;
    for size in [1, 2, buffer - 200, buffer - 1, buffer, buffer + 1, 2 * buffer, 3 << 20] {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        caller.upload_as(Package::named("x.mda", &content), Upload::without_content_check).ok();
        assert!(emulator.uploads().pop().unwrap().content.unwrap() == content, "{size} bytes");
    }
}

#[test]
fn a_wait_that_timed_out_is_resumed_with_the_job_of_its_error() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(3);
    let outcome = caller.upload_and_wait(Package::small(), &once());
    let error = outcome.error(ErrorKind::StillRunning);
    assert!(error.may_have_been_accepted());
    let received = emulator.uploads().pop().unwrap();
    assert_eq!((error.package_id(), error.job_id()), (Some(&received.package_id), Some(&received.job_id)));
    caller.wait_for(error.job_id().unwrap(), &quick()).ok();
}

#[test]
fn a_failed_job_is_an_error_of_a_wait_and_a_status_of_a_poll() {
    let (emulator, caller) = start();
    emulator.jobs_end(JobEnd::Failed);
    let outcome = caller.upload_and_wait(Package::small(), &quick());
    let error = outcome.error(ErrorKind::JobFailed);
    assert!(error.package_id().is_some());
    assert_eq!(caller.status_of(error.job_id().unwrap()).ok(), JobStatus::Failed);
}

#[test]
fn a_refusal_says_what_its_status_usually_means() {
    let (emulator, caller) = start();
    for (status, means) in
        [(401, "check the user name and the API key"), (403, "API Rights"), (404, "subdomain"), (413, "1 GB")]
    {
        emulator.fail_uploads(1, Fault::Status(status));
        let outcome = caller.upload(Package::small());
        let error = outcome.error(ErrorKind::Rejected);
        assert_eq!(error.status(), Some(status));
        assert!(error.to_string().contains(means), "{error}");
        assert!(!error.may_have_been_accepted() && !error.is_transient());
    }
    emulator.fail_uploads(1, Fault::Status(400));
    let error = caller.upload(Package::small()).result.unwrap_err();
    assert!(error.to_string().ends_with("400, BAD REQUEST, the emulator was set to respond with this"), "{error}");
    assert!(emulator.uploads().is_empty());
    let error = caller.status().result.unwrap_err();
    assert_eq!((error.status(), error.job_id()), (Some(404), Some(&job())));
}

#[test]
fn a_503_at_once_is_retried_and_shown() {
    let (emulator, caller) = start();
    emulator.fail_uploads(2, Fault::StatusAtOnce(503));
    let file = Package::small();
    let outcome = caller.upload(&file);
    assert_eq!(outcome.retries(), 2);
    let Event::Retrying { app: of, file: Some(path), .. } = &outcome.events[0] else { panic!("{outcome:?}") };
    assert_eq!((of, path.as_path()), (&app(), file.as_ref()));
    let retry = outcome.events[0].to_string();
    assert!(retry.starts_with("attempt 1 of 3 failed, next one in 0.0 s: ") && retry.contains("503"), "{retry}");
    outcome.ok();
}

#[test]
fn job_status_is_retried_when_the_server_is_busy() {
    let (emulator, caller) = start();
    let job = caller.upload(Package::small()).ok().job_id;
    emulator.fail_polls(2, Fault::Status(503));
    let outcome = caller.status_of(&job);
    assert!(matches!(&outcome.events[0], Event::Retrying { file: None, .. }), "{outcome:?}");
    assert_eq!(outcome.ok(), JobStatus::Completed);
    assert_eq!(emulator.requests(), 4);
}

#[test]
fn a_failed_poll_is_reported_without_repeating_the_job() {
    let (emulator, caller) = start();
    let job = caller.upload(Package::small()).ok().job_id;
    emulator.fail_polls(1, Fault::Status(502));
    let outcome = caller.wait_for(&job, &quick());
    let [Event::PollFailed { reason, .. }, Event::Polled { .. }] = &outcome.events[..] else { panic!("{outcome:?}") };
    assert!(reason.starts_with("the request failed: the server answered 502"), "{reason}");
    assert!(!outcome.events[0].to_string().contains(job.as_str()), "{}", outcome.events[0]);
}

#[test]
fn an_outage_has_to_end_and_not_to_be_fixed_before_the_wait_is_resumed() {
    let (emulator, caller) = start();
    emulator.fail_polls(99, Fault::Status(503));
    let outcome = caller.upload_and_wait(Package::small(), &quick().with_max_outage(Duration::ZERO));
    let text = outcome.error(ErrorKind::Rejected).to_string();
    assert!(text.contains("; resume the wait without another upload (wait_for_job"), "{text}");
}

#[test]
fn repeating_what_is_transient_never_uploads_twice() {
    let (emulator, caller) = start();
    emulator.complete_after_polls(3);
    for _ in 0..3 {
        if !caller.upload_and_wait(Package::small(), &once()).result.unwrap_err().is_transient() {
            break;
        }
    }
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn a_server_error_has_the_servers_code() {
    let (emulator, caller) = start();
    let caller = caller.with(|client| client.with_retry(Retry::never()));
    emulator.fail_uploads(1, Fault::Status(500));
    let error = caller.upload(Package::called("x.mda")).result.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::OutcomeUnknown, Some("INTERNAL SERVER ERROR")));
    assert!(error.to_string().contains("\"x.mda\""), "{error}");
    emulator.fail_polls(1, Fault::Status(502));
    let error = caller.status().result.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.code()), (ErrorKind::NoAnswer, Some(502), Some("BAD GATEWAY")));
}

#[test]
fn a_wait_for_a_job_that_never_appears_does_not_say_that_it_is_running() {
    let (_emulator, caller) = start();
    let outcome = caller.wait(&quick().with_timeout(Duration::from_millis(150)));
    let text = outcome.error(ErrorKind::StillRunning).to_string();
    assert!(text.contains("without any status"), "{text}");
}

#[test]
fn an_upload_without_a_response_is_searched_for_and_waited_for_and_never_repeated() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::NoAnswer);
    emulator.list_after_polls(1);
    emulator.complete_after_polls(3);
    let outcome = caller.upload_and_wait(Package::small(), &quick());
    let lines: Vec<_> = outcome.events[2..].iter().map(ToString::to_string).collect();
    let [received] = &emulator.uploads()[..] else { panic!("one upload") };
    let says = [
        "searching for \"calc.mda\" for up to 10 s: cannot tell",
        "not listed",
        "found as package",
        "Uploading",
        "ready to be deployed after",
        "done in",
    ];
    assert!(lines.len() == says.len() && lines.iter().zip(says).all(|(line, says)| line.contains(says)), "{lines:?}");
    assert_eq!(outcome.ok(), received.package_id);
}

#[test]
fn a_package_that_is_found_and_fails_or_takes_too_long_is_an_error_with_its_id() {
    let (emulator, caller) = start();
    for (end, kind) in [(JobEnd::Failed, ErrorKind::JobFailed), (JobEnd::Never, ErrorKind::StillRunning)] {
        emulator.jobs_end(end);
        emulator.fail_uploads(1, Fault::NoAnswer);
        let name = format!("{kind:?}.mda");
        let outcome = caller.upload_and_wait(Package::called(&name), &quick().with_timeout(Duration::from_secs(1)));
        let error = outcome.error(kind);
        assert_eq!(error.package_id(), Some(&emulator.uploads().pop().unwrap().package_id));
        assert!(error.may_have_been_accepted() && !error.is_transient(), "{error}");
        let resume = "(last status: Uploading)";
        assert!(kind == ErrorKind::JobFailed || error.to_string().contains(resume), "{error}");
    }
    assert_eq!(emulator.uploads().len(), 2);
}

#[test]
fn a_search_that_ends_with_a_failed_job_says_whose_job_it_is() {
    let failed = answered("200 OK", r#"{"Status":"Failed"}"#);
    let server = Server::start([answered("200 OK", r#"{"JobId":"j-1"}"#), failed]);
    let outcome = Caller::of(&server).upload_and_wait(Package::small(), &quick());
    let text = outcome.error(ErrorKind::JobFailed).to_string();
    assert!(text.contains("job j-1 failed") && text.contains("; it is the job of \""), "{text}");
}

#[test]
fn an_upload_that_cannot_be_searched_for_is_the_error_with_the_reason_as_its_source() {
    let (emulator, caller) = start();
    emulator.refuse_v1();
    emulator.fail_uploads(1, Fault::NoAnswer);
    let outcome = caller.upload_and_wait(Package::small(), &quick());
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    let text = error.to_string();
    assert!(text.contains("no usable response came: ") && text.contains("; a package may exist; "), "{text}");
    let source = std::error::Error::source(error).unwrap().to_string();
    assert!(source.contains("the request for the packages of app calc was refused: 404"), "{source}");
    // An upload without a name and an id is not searched for.
    emulator.fail_uploads(1, Fault::NoAnswer);
    let asked = emulator.requests();
    let outcome = caller.upload_and_wait_as(Package::small(), Upload::without_name, &quick());
    let text = outcome.error(ErrorKind::OutcomeUnknown).to_string();
    assert!(text.contains("check the Environments page for \"default.mda\""), "{text}");
    assert_eq!((emulator.requests() - asked, emulator.uploads().len()), (1, 2));
}

#[test]
fn an_upload_that_is_never_listed_or_listed_twice_is_an_error_that_says_so() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::Status(502));
    let outcome = caller.upload_and_wait(Package::small(), &once());
    let text = outcome.error(ErrorKind::OutcomeUnknown).to_string();
    assert!(
        text.contains("the server answered 502")
            && text.contains("a package may exist: \"calc.mda\" was not listed within"),
        "{text}"
    );
    emulator.fail_uploads(1, Fault::NoAnswerButTwice);
    let outcome = caller.upload_and_wait(Package::small(), &quick());
    let text = outcome.error(ErrorKind::OutcomeUnknown).to_string();
    assert!(text.contains("several packages have that name"), "{text}");
    assert_eq!(emulator.uploads().len(), 2);
}
