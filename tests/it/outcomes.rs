//! Every outcome, caused by one call to the emulator, whatever the size of the package.

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{ErrorKind, JobStatus, Retry};

use crate::support::caller::{Caller, often, once};
use crate::support::package::{MIB, Package};
use crate::support::server::side_by_side;

fn packages() -> [Package; 2] {
    [Package::small(), Package::sparse(24 * MIB)]
}

/// Makes one attempt at each call.
fn caller_of(emulator: &Emulator) -> Caller {
    Caller::of_emulator(emulator).with(|client| client.with_retry(Retry::never()))
}

#[test]
fn an_upload_fails_as_its_fault_says_and_is_recorded_only_if_it_was_carried_out() {
    let cases = [
        (Fault::Status(403), ErrorKind::Rejected, Some(403), 0),
        (Fault::StatusAtOnce(403), ErrorKind::Rejected, Some(403), 0),
        (Fault::Code("NOT ALLOWED"), ErrorKind::Rejected, Some(403), 0),
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
            let outcome = caller_of(&emulator).upload(&package);
            let error = outcome.error(kind);
            assert_eq!(error.status(), status, "{fault:?}: {error:?}");
            assert_eq!(error.may_have_been_accepted(), kind == ErrorKind::OutcomeUnknown, "{fault:?}");
            assert_eq!((emulator.uploads().len(), emulator.requests()), (recorded, 1), "{fault:?}");
            caller_of(&emulator).upload(&package).ok();
        }
    }
}

#[test]
fn an_upload_that_was_not_accepted_succeeds_after_its_faults() {
    for fault in [Fault::StatusAtOnce(503), Fault::DisconnectAfter(0), Fault::Status(429)] {
        for package in packages() {
            let emulator = Emulator::start().unwrap();
            emulator.fail_uploads(2, fault);
            Caller::of_emulator(&emulator).upload(&package).ok();
            assert_eq!((emulator.uploads().len(), emulator.requests()), (1, 3), "{fault:?}");
        }
    }
}

#[test]
fn a_server_that_hangs_costs_a_timeout_and_only_what_was_sent_as_a_whole_may_have_been_accepted() {
    let short = std::time::Duration::from_millis(300);
    let caller = |emulator: &Emulator| {
        caller_of(emulator).with(|client| client.with_response_timeout(short).with_stall_timeout(short))
    };
    let cases = [(22, ErrorKind::OutcomeUnknown), (96 * MIB, ErrorKind::Interrupted)];
    side_by_side(cases, |(size, kind)| {
        let emulator = Emulator::start().unwrap();
        let caller = caller(&emulator);
        emulator.fail_uploads(1, Fault::Hang);
        caller.upload(Package::sparse(size)).error(kind);
        assert_eq!((emulator.uploads().len(), emulator.requests()), (0, 1));
        let job = caller.upload(Package::small()).ok().job_id;
        emulator.fail_polls(1, Fault::Hang);
        caller.wait_for(&job, &often()).ok();
        assert_eq!(emulator.requests(), 4, "the poll was repeated");
    });
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_large_body_interrupts_it() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_uploads(1, Fault::DisconnectAfter(MIB));
    caller_of(&emulator).upload(Package::sparse(96 * MIB)).error(ErrorKind::Interrupted);
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
        let caller = caller_of(&emulator);
        let job = caller.upload(Package::small()).ok().job_id;
        emulator.fail_polls(1, fault);
        let outcome = caller.status_of(&job);
        let error = outcome.error(kind);
        assert_eq!((error.status(), error.job_id()), (status, Some(&job)), "{fault:?}");
        if kind == ErrorKind::NoAnswer {
            emulator.fail_polls(2, fault);
            caller.wait_for(&job, &often()).ok();
        }
    });
}

#[test]
fn a_job_ends_as_configured_and_a_wait_for_one_that_does_not_is_resumed() {
    let emulator = Emulator::start().unwrap();
    let caller = Caller::of_emulator(&emulator);
    emulator.jobs_end(JobEnd::Never);
    let outcome = caller.upload_and_wait(Package::small(), &once());
    let job = outcome.error(ErrorKind::StillRunning).job_id().unwrap();
    assert_eq!(caller.status_of(job).ok(), JobStatus::Running);
    emulator.jobs_end(JobEnd::Completed);
    caller.wait_for(job, &once()).ok();
    emulator.jobs_end(JobEnd::Failed);
    caller.upload_and_wait(Package::small(), &once()).error(ErrorKind::JobFailed);
    assert_eq!(caller.status_of(job).ok(), JobStatus::Completed, "what has ended stays so");
}
