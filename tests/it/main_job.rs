//! The main job, end to end: a file on disk, a real socket, a job that ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{
    Client, ErrorKind, Event, JobId, JobStatus, Poll, Retry, Upload, job_status, upload_and_wait, upload_package,
    wait_for_job,
};

use crate::faults::caller::app;
use crate::package::Package;

fn quick() -> Poll {
    Poll::default().with_interval(Duration::from_millis(100)).with_timeout(Duration::from_secs(10))
}

/// The client, and the lines of its events.
fn watched(client: Client) -> (Client, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    (client.on_event(move |event| seen.lock().unwrap().push(event.to_string())), lines)
}

#[test]
fn a_package_is_uploaded_and_its_job_waited_for() {
    let emulator = Emulator::start().unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let file = Package::named("calc_1.0.0.45.mda", &content);
    let (client, lines) = watched(emulator.client());
    let uploaded = upload_and_wait(&client, &app(), &file, &Upload::default(), &quick()).unwrap();

    let received = emulator.uploads().pop().unwrap();
    assert_eq!((received.package_id, received.job_id), (uploaded.package_id.clone(), uploaded.job_id.clone()));
    assert_eq!(received.app_id, app());
    assert_eq!((received.name.as_str(), received.file_name.as_str()), ("calc_1.0.0.45.mda", "calc_1.0.0.45.mda"));
    assert!(received.content.unwrap() == content, "the content arrives byte for byte");
    assert_eq!(emulator.requests(), 4, "one upload, three polls");

    let lines = lines.lock().unwrap();
    assert_eq!(lines[0], "uploading: 0 bytes of 293.0 KiB (0 %)");
    assert_eq!(lines[1], "uploading: 293.0 KiB of 293.0 KiB (100 %)");
    assert_eq!(lines[2], format!("upload accepted: package {}, job {}", uploaded.package_id, uploaded.job_id));
    let statuses: Vec<_> = lines[3..].iter().map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert_eq!(statuses, ["Queued", "Running", "Completed"]);
}

#[test]
fn the_package_name_can_be_set_or_left_to_the_server() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    let long = "n".repeat(300);
    for name in ["a\"b", "a\r\nb", "a;b\\c", "100%25", "a+b&c=d#e?f", "a b", "é漢🦀", "../../x", &long] {
        let upload = Upload::default().with_name(name);
        upload_package(&emulator.client(), &app(), &file, &upload).unwrap();
        let received = emulator.uploads().pop().unwrap();
        assert_eq!((received.name.as_str(), received.file_name.as_str()), (name, "x.mda"));
    }
    upload_package(&emulator.client(), &app(), &file, &Upload::default().without_name()).unwrap();
    assert_eq!(emulator.uploads().pop().unwrap().name, "default.mda");
}

#[cfg(unix)]
#[test]
fn awkward_file_names_arrive_as_they_are() {
    let emulator = Emulator::start().unwrap();
    for name in ["a\"b.mda", "a\r\nb", "a;b\\c%41", "a+b &c#", "é漢🦀"] {
        let file = Package::named(name, b"PK");
        upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap();
        let received = emulator.uploads().pop().unwrap();
        assert_eq!((received.name.as_str(), received.file_name.as_str()), (name, name));
    }
}

#[cfg(unix)]
#[test]
fn a_file_name_that_no_header_can_hold_is_refused() {
    let emulator = Emulator::start().unwrap();
    for name in ["a\u{3}b", "\u{1b}[31m.mda", "a\u{7f}"] {
        let file = Package::named(name, b"PK");
        let error = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
    assert_eq!(emulator.requests(), 0);
}

#[test]
fn every_size_around_a_buffer_arrives_whole() {
    let emulator = Emulator::start().unwrap();
    emulator.keep_up_to(4 << 20);
    let buffer = 128 * 1024;
    for size in [1, 2, buffer - 200, buffer - 1, buffer, buffer + 1, 2 * buffer, 3 << 20] {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        let file = Package::named("x.mda", &content);
        upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap();
        assert!(emulator.uploads().pop().unwrap().content.unwrap() == content, "{size} bytes");
    }
}

#[test]
fn a_wait_that_timed_out_is_resumed_with_the_job_of_its_error() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    let at_once = quick().with_timeout(Duration::ZERO);
    let error = upload_and_wait(&emulator.client(), &app(), &file, &Upload::default(), &at_once).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StillRunning);
    assert!(error.may_have_been_accepted());
    let received = emulator.uploads().pop().unwrap();
    assert_eq!((error.package_id(), error.job_id()), (Some(&received.package_id), Some(&received.job_id)));
    let text = error.to_string();
    assert!(text.contains(received.package_id.as_str()) && text.contains(received.job_id.as_str()), "{text}");
    wait_for_job(&emulator.client(), &app(), error.job_id().unwrap(), &quick()).unwrap();
}

#[test]
fn a_failed_job_is_an_error_of_a_wait_and_a_status_of_a_poll() {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(1);
    emulator.jobs_end(JobEnd::Failed);
    let file = Package::named("x.mda", b"PK");
    let error = upload_and_wait(&emulator.client(), &app(), &file, &Upload::default(), &quick()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed);
    assert!(error.package_id().is_some());
    let status = job_status(&emulator.client(), &app(), error.job_id().unwrap()).unwrap();
    assert_eq!(status, JobStatus::Failed);
}

#[test]
fn a_refusal_says_what_its_status_usually_means() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    for (status, means) in
        [(401, "check the user name and the API key"), (403, "API Rights"), (404, "subdomain"), (413, "1 GB")]
    {
        emulator.fail_uploads(1, Fault::Status(status));
        let error = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(status)));
        assert!(error.to_string().contains(means), "{error}");
        assert!(!error.may_have_been_accepted() && !error.is_transient());
    }
    emulator.fail_uploads(1, Fault::Status(400));
    let error = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap_err();
    assert!(error.to_string().ends_with("400, BAD REQUEST, the emulator was told to answer so"), "{error}");
    assert!(emulator.uploads().is_empty());
    let unknown: JobId = "j-1".parse().unwrap();
    let error = job_status(&emulator.client(), &app(), &unknown).unwrap_err();
    assert_eq!((error.status(), error.job_id()), (Some(404), Some(&unknown)));
}

#[test]
fn a_503_at_once_is_retried_and_shown() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(2, Fault::StatusAtOnce(503));
    let file = Package::named("x.mda", b"PK");
    let (client, lines) = watched(emulator.client());
    let client = client.with_retry(Retry::default().with_first_wait(Duration::from_millis(2)));
    upload_package(&client, &app(), &file, &Upload::default()).unwrap();
    let lines = lines.lock().unwrap();
    let retries: Vec<_> = lines.iter().filter(|line| line.starts_with("attempt")).collect();
    assert_eq!(retries.len(), 2);
    assert!(retries[0].starts_with("attempt 1 of 3 failed, next one in 0.0 s: ") && retries[0].contains("503"));
}

#[test]
fn job_status_is_retried_when_the_server_is_busy() {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(1);
    let file = Package::named("x.mda", b"PK");
    let job = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap().job_id;
    emulator.fail_polls(2, Fault::Status(503));
    let client = emulator.client().with_retry(Retry::default().with_first_wait(Duration::from_millis(2)));
    assert_eq!(job_status(&client, &app(), &job).unwrap(), JobStatus::Completed);
    assert_eq!(emulator.requests(), 4);
}

#[test]
fn repeating_what_is_transient_never_uploads_twice() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    let at_once = quick().with_timeout(Duration::ZERO);
    for _ in 0..3 {
        let result = upload_and_wait(&emulator.client(), &app(), &file, &Upload::default(), &at_once);
        if !result.unwrap_err().is_transient() {
            break;
        }
    }
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn a_server_error_brings_the_servers_code() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    emulator.fail_uploads(1, Fault::Status(500));
    let error = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(500), Some("INTERNAL SERVER ERROR")));
    emulator.fail_polls(1, Fault::Status(502));
    let client = emulator.client().with_retry(Retry::never());
    let error = job_status(&client, &app(), &"j-1".parse().unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.status(), error.code()), (ErrorKind::NoAnswer, Some(502), Some("BAD GATEWAY")));
}

#[test]
fn a_package_name_that_no_url_holds_is_refused() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    let upload = |length: usize| {
        let upload = Upload::default().with_name("é".repeat(length / 2));
        upload_package(&emulator.client(), &app(), &file, &upload)
    };
    assert_eq!(upload(2050).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(emulator.requests(), 0);
    upload(2048).unwrap();
}

#[test]
fn a_wait_for_a_job_that_never_shows_does_not_say_that_it_goes_on() {
    let emulator = Emulator::start().unwrap();
    let poll = quick().with_timeout(Duration::from_millis(150));
    let error = wait_for_job(&emulator.client(), &app(), &"j-1".parse().unwrap(), &poll).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StillRunning);
    assert!(error.to_string().contains("has shown no status") && !error.to_string().contains("it goes on"), "{error}");
}

#[test]
fn an_unknown_outcome_is_not_retried() {
    let emulator = Emulator::start().unwrap();
    let file = Package::named("x.mda", b"PK");
    emulator.fail_uploads(1, Fault::Status(500));
    let error = upload_package(&emulator.client(), &app(), &file, &Upload::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.may_have_been_accepted() && !error.is_transient());
    assert!(error.to_string().contains("\"x.mda\""), "{error}");
    assert_eq!(emulator.requests(), 1);
}

#[test]
fn the_events_can_be_matched_on() {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(1);
    let file = Package::named("x.mda", b"PK");
    let seen = Arc::new(Mutex::new((None, None)));
    let into = seen.clone();
    let client = emulator.client().on_event(move |event| match event {
        Event::Uploading { sent, total, .. } => into.lock().unwrap().0 = Some((*sent, *total)),
        Event::Accepted { package_id, job_id, .. } => {
            into.lock().unwrap().1 = Some((package_id.clone(), job_id.clone()));
        }
        Event::Polled { next_poll: None, status: JobStatus::Completed, .. } => {}
        other => panic!("{other}"),
    });
    let uploaded = upload_and_wait(&client, &app(), &file, &Upload::default(), &quick()).unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.0, Some((2, 2)));
    assert_eq!(seen.1, Some((uploaded.package_id, uploaded.job_id)));
}
