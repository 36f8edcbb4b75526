//! Every outcome that there is, made to happen by one call to the emulator, whatever the size of the package.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{
    Error, ErrorKind, JobId, JobStatus, Poll, Retry, Upload, UploadedPackage, job_status, upload_and_wait,
    upload_package, wait_for_job,
};

use crate::faults::caller::{app, fast_retry};
use crate::package::{MIB, Package};
use crate::server::side_by_side;

fn packages() -> [Package; 2] {
    [Package::small(), Package::sparse(24 * MIB)]
}

/// One upload, or as many as it takes.
fn upload(emulator: &Emulator, package: &Package, attempts: u32) -> Result<UploadedPackage, Error> {
    let retry = fast_retry().with_attempts(attempts);
    upload_package(&emulator.client().with_retry(retry), &app(), package, &Upload::default())
}

#[test]
fn an_upload_fails_as_its_fault_says_and_is_recorded_only_if_it_was_carried_out() {
    let cases = [
        (Fault::Status(403), ErrorKind::Rejected, Some(403), 0),
        (Fault::StatusAtOnce(403), ErrorKind::Rejected, Some(403), 0),
        (Fault::StatusAtOnce(500), ErrorKind::Interrupted, Some(500), 0),
        (Fault::DisconnectAfter(0), ErrorKind::Interrupted, None, 0),
        (Fault::DisconnectAfter(20), ErrorKind::Interrupted, None, 0),
        (Fault::Status(503), ErrorKind::OutcomeUnknown, Some(503), 0),
        (Fault::Status(200), ErrorKind::OutcomeUnknown, Some(200), 0),
        (Fault::DisconnectAfter(u64::MAX), ErrorKind::OutcomeUnknown, None, 0),
        (Fault::NoAnswer, ErrorKind::OutcomeUnknown, None, 1),
    ];
    for (fault, kind, status, recorded) in cases {
        for package in packages() {
            let emulator = Emulator::start().unwrap();
            emulator.fail_uploads(1, fault);
            let error = upload(&emulator, &package, 1).unwrap_err();
            assert_eq!((error.kind(), error.status()), (kind, status), "{fault:?}: {error:?}");
            assert_eq!(error.may_have_been_accepted(), kind == ErrorKind::OutcomeUnknown, "{fault:?}");
            assert_eq!((emulator.uploads().len(), emulator.requests()), (recorded, 1), "{fault:?}");
            upload(&emulator, &package, 1).unwrap();
        }
    }
}

#[test]
fn an_upload_that_was_not_accepted_succeeds_after_its_faults() {
    for fault in [Fault::StatusAtOnce(503), Fault::DisconnectAfter(0), Fault::Status(429)] {
        for package in packages() {
            let emulator = Emulator::start().unwrap();
            emulator.fail_uploads(2, fault);
            upload(&emulator, &package, 3).unwrap();
            assert_eq!((emulator.uploads().len(), emulator.requests()), (1, 3), "{fault:?}");
        }
    }
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_large_body_interrupts_it() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(1, Fault::DisconnectAfter(MIB));
    let error = upload(&emulator, &Package::sparse(96 * MIB), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
}

#[test]
fn a_poll_fails_as_its_fault_says_and_a_wait_outlasts_it() {
    let cases = [
        (Fault::Status(502), ErrorKind::NoAnswer, Some(502)),
        (Fault::StatusAtOnce(403), ErrorKind::Rejected, Some(403)),
        (Fault::NoAnswer, ErrorKind::NoAnswer, None),
        (Fault::DisconnectAfter(0), ErrorKind::NoAnswer, None),
    ];
    side_by_side(cases, |(fault, kind, status)| {
        let emulator = Emulator::start().unwrap();
        let job = upload(&emulator, &Package::small(), 1).unwrap().job_id;
        emulator.fail_polls(1, fault);
        let error = job_status(&emulator.client().with_retry(Retry::never()), &app(), &job).unwrap_err();
        assert_eq!((error.kind(), error.status(), error.job_id()), (kind, status, Some(&job)), "{fault:?}");
        if kind == ErrorKind::NoAnswer {
            emulator.fail_polls(2, fault);
            let poll = Poll::default().with_interval(Duration::from_millis(100));
            wait_for_job(&emulator.client(), &app(), &job, &poll).unwrap();
        }
    });
}

#[test]
fn a_job_ends_as_it_is_told_and_a_wait_for_one_that_does_not_is_taken_up_again() {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(1);
    emulator.jobs_end(JobEnd::Never);
    let at_once = Poll::default().with_timeout(Duration::ZERO);
    let run = || upload_and_wait(&emulator.client(), &app(), Package::small(), &Upload::default(), &at_once);
    let error = run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StillRunning);
    let job: &JobId = error.job_id().unwrap();
    assert_eq!(job_status(&emulator.client(), &app(), job).unwrap(), JobStatus::Running);
    emulator.jobs_end(JobEnd::Completed);
    wait_for_job(&emulator.client(), &app(), job, &at_once).unwrap();
    emulator.jobs_end(JobEnd::Failed);
    assert_eq!(run().unwrap_err().kind(), ErrorKind::JobFailed);
    assert_eq!(job_status(&emulator.client(), &app(), job).unwrap(), JobStatus::Completed, "what has ended stays so");
}
