//! The whole job in one call: from a file to a running environment.

use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};
use mendix_deploy::{Deploy, Deployed, ErrorKind, Event, Poll, Upload};

use crate::environments::{acceptance, count, name};
use crate::support::caller::{Caller, Outcome, app, at_least, often, once, start};
use crate::support::gateway::{Gateway, Then};
use crate::support::package::Package;
use crate::support::server::side_by_side;

const NAME: &str = "calc_1.0.0.45.mda";
const S: Duration = Duration::from_secs(1);

/// To the environment `Acceptance`.
fn run(caller: &Caller, set: fn(Upload) -> Upload, poll: &Poll) -> Outcome<Deployed> {
    let file = Package::small();
    let upload = set(Upload::new(file.as_ref()).with_name(NAME));
    caller.upload_and_deploy(&acceptance(), &upload, &Deploy::default(), poll)
}

fn plain(upload: Upload) -> Upload {
    upload
}

#[test]
fn a_file_is_deployed_to_an_environment_and_the_second_time_nothing_is_done() {
    let (emulator, caller) = start();
    let outcome = run(&caller, Upload::skip_existing, &often());
    let is = |event: &Event| match event {
        Event::Uploading { .. } => 'u',
        Event::Accepted { .. } => 'a',
        Event::Polled { .. } => 'p',
        Event::Deploying { .. } => 'd',
        Event::Done { environment: Some(_), .. } => 'D',
        other => panic!("{other:?}"),
    };
    let mut order: Vec<_> = outcome.events.iter().map(is).collect();
    order.dedup();
    assert!(order.starts_with(&['u', 'a', 'p', 'd']) && order.ends_with(&['d', 'D']), "{order:?}");
    let deployed = outcome.ok();
    let [received] = &emulator.uploads()[..] else { panic!("one upload") };
    assert_eq!((&deployed.package, received.name.as_str()), (&received.package_id, NAME));
    assert_eq!(deployed.previous.unwrap().as_str(), Emulator::DEPLOYED_PACKAGE);
    assert_eq!(deployed.url.as_deref(), Some("https://calc-accp.mendixcloud.com"));
    assert!(deployed.changed);
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(deployed.package));

    let again = run(&caller, Upload::skip_existing, &often()).ok();
    assert_eq!((again.package, again.previous, again.changed), (received.package_id.clone(), None, false));
    assert_eq!((emulator.uploads().len(), emulator.steps().len()), (1, 3));
}

#[test]
fn nothing_is_uploaded_for_a_bad_file_an_unknown_environment_or_production() {
    let (emulator, caller) = start();
    let deploy = |environment: &str, file: &Package, kind| {
        let upload = Upload::new(file.as_ref());
        let outcome = caller.upload_and_deploy(&name(environment), &upload, &Deploy::default(), &often());
        let error = outcome.error(kind);
        assert!(!error.may_have_been_accepted() && !error.app_may_be_down(), "{error}");
        assert!(error.to_string().contains("; the app was not touched"), "{error}");
        error.to_string()
    };
    deploy("Accp", &Package::missing("x.mda"), ErrorKind::File);
    deploy("Accp", &Package::named("x.mda", b"<html>"), ErrorKind::File);
    assert_eq!(emulator.requests(), 0);
    let text = deploy("Accp", &Package::small(), ErrorKind::Rejected);
    assert!(text.contains("the environments of app calc are: Test, Acceptance, Production"), "{text}");
    deploy("Production", &Package::small(), ErrorKind::NotAllowed);
    assert_eq!((emulator.uploads().len(), emulator.steps().len()), (0, 0));
    let (file, production) = (Package::small(), Deploy::default().allow_production());
    caller.upload_and_deploy(&name("Production"), &Upload::new(file.as_ref()), &production, &often()).ok();
}

#[test]
fn a_lost_response_to_the_upload_does_not_end_the_whole_job() {
    let (emulator, caller) = start();
    emulator.fail_uploads(1, Fault::NoAnswer);
    emulator.complete_after_polls(3);
    let deployed = run(&caller, plain, &often()).ok();
    assert_eq!(emulator.uploads().len(), 1);
    assert_eq!(emulator.running(&app(), "Acceptance"), Some(deployed.package));
}

/// A fault, and its error: kind, text, and whether it is transient without and with `skip_existing`.
type Case = (fn(&Emulator), ErrorKind, &'static str, [bool; 2]);

#[test]
fn every_error_says_what_happened_to_the_package_and_to_the_app_and_is_transient_only_if_the_same_call_helps() {
    let cases: [Case; 10] = [
        (|emulator| emulator.refuse_credentials(), ErrorKind::Rejected, "the app was not touched", [false; 2]),
        (
            |emulator| emulator.fail_uploads(3, Fault::StatusAtOnce(503)),
            ErrorKind::Rejected,
            "(no package was made)",
            [true; 2],
        ),
        (
            |emulator| emulator.fail_uploads(3, Fault::DisconnectAfter(10)),
            ErrorKind::Interrupted,
            "(no package was made)",
            [true; 2],
        ),
        (
            |emulator| emulator.fail_uploads(1, Fault::Status(502)),
            ErrorKind::OutcomeUnknown,
            "a package may exist",
            [false; 2],
        ),
        (|emulator| emulator.jobs_end(JobEnd::Failed), ErrorKind::JobFailed, "the app was not touched", [false; 2]),
        (
            |emulator| emulator.jobs_end(JobEnd::Never),
            ErrorKind::StillRunning,
            "the app was not touched",
            [false, true],
        ),
        (
            |emulator| emulator.fail_stops(1, Fault::NeverEnds),
            ErrorKind::StillRunning,
            "the app may be down: deploying package",
            [false, true],
        ),
        (
            |emulator| emulator.fail_transports(1, Fault::Code("PACKAGE_PARSE_FAILED")),
            ErrorKind::Rejected,
            "upload a new one",
            [false; 2],
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT")),
            ErrorKind::StartFailed,
            "the app is DOWN",
            [false; 2],
        ),
        (
            |emulator| emulator.fail_starts(1, Fault::NeverEnds),
            ErrorKind::StillRunning,
            "the app may be down",
            [false, true],
        ),
    ];
    side_by_side(
        cases.iter().flat_map(|case| [(case, false), (case, true)]),
        |((prepare, kind, says, transient), skips)| {
            let (emulator, caller) = start();
            prepare(&emulator);
            let set = if skips { Upload::skip_existing } else { plain };
            let never_ends = matches!(kind, ErrorKind::StillRunning | ErrorKind::OutcomeUnknown);
            let poll = if never_ends { often().with_timeout(at_least(4 * S)) } else { often() };
            let outcome = run(&caller, set, &poll);
            let error = outcome.error(*kind);
            let text = error.to_string();
            assert!(text.contains(says), "{says}: {text}");
            assert_eq!(error.package_id().is_some(), error.job_id().is_some(), "an id once known is kept: {text}");
            assert_eq!(error.is_transient(), transient[usize::from(skips)], "{text}");
            let is_resumable =
                error.package_id().is_some() && *kind != ErrorKind::JobFailed && !text.contains("upload a new one");
            let says =
                if skips { "the same call finds it and resumes" } else { " without another upload (deploy_package" };
            assert_eq!(text.contains(says), is_resumable, "{text}");
            if error.is_transient() {
                // However that ends, nothing is uploaded again.
                run(&caller, set, &often().with_timeout(Duration::from_millis(300)));
                assert_eq!(emulator.uploads().len(), 1, "{text}");
            }
        },
    );
}

#[test]
fn every_refusal_of_every_step_is_a_message_that_can_be_read() {
    type Fail = fn(&Emulator, u32, Fault);
    let steps: [Fail; 3] = [Emulator::fail_stops, Emulator::fail_transports, Emulator::fail_starts];
    let faults = [
        Fault::Status(302),
        Fault::StatusAtOnce(401),
        Fault::Status(413),
        Fault::Code("NO_ACCESS"),
        Fault::Code("NOT ALLOWED"),
        Fault::Code("INVALID_RUNTIME_VERSION"),
        Fault::Code("INVALID_PARAMETERS"),
        Fault::Body("<html><title>Log in</title></html>"),
    ];
    side_by_side(steps.into_iter().flat_map(|fail| faults.map(|fault| (fail, fault))), |(fail, fault)| {
        for set in [Upload::skip_existing, plain] {
            let (emulator, caller) = start();
            fail(&emulator, 100, fault);
            let poll = often().with_timeout(S).with_max_outage(S / 4);
            if let Err(error) = &run(&caller, set, &poll).result {
                let is_about_size = error.to_string().contains("larger than");
                assert!(!is_about_size, "nothing but an upload is too large: {error}");
            }
            if let Some(received) = emulator.uploads().pop() {
                // Its text is checked like that of any other.
                let _ = caller.deploy(&acceptance(), &received.package_id, &Deploy::default(), &poll);
            }
        }
    });
}

#[test]
fn one_refusal_after_the_upload_ends_nothing_and_all_that_waits_shares_one_timeout() {
    // The environment, the upload, the job, and then the first read.
    let page = Then::Answer("403 No", "<html>Log in</html>");
    side_by_side(2..6, |number| {
        let (emulator, _) = start();
        let page = page.clone();
        let gateway = Gateway::to(&emulator, move |n, _| if n == number { page.clone() } else { Then::Pass });
        run(&gateway.caller(&emulator), plain, &often()).ok();
        assert_eq!(emulator.uploads().len(), 1);
    });
    let (emulator, caller) = start();
    emulator.complete_after(at_least(2 * S));
    emulator.fail_stops(1, Fault::NeverEnds);
    let outcome = run(&caller, plain, &often().with_timeout(at_least(4 * S)));
    let text = outcome.error(ErrorKind::StillRunning).to_string();
    let seconds = text.split("took over ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    // With a timeout each, it would be the sum.
    assert!(seconds.is_some_and(|seconds| seconds < at_least(6 * S).as_secs_f64()), "{text}");
}

#[test]
fn a_restart_that_is_needed_is_not_left_to_the_same_call() {
    let (emulator, caller) = start();
    // Something else starts the app with the previous package.
    emulator.fail_starts(100, Fault::Code("ALREADY_STARTED"));
    let outcome = run(&caller, Upload::skip_existing, &often().with_timeout(Duration::from_secs(20)));
    let error = outcome.error(ErrorKind::Rejected);
    let text = error.to_string();
    assert!(text.contains("; the same call finds it and resumes (Deploy::with_restart)"), "{text}");
    assert!(!error.is_transient(), "{text}");
    let (emulator, caller) = start();
    run(&caller, Upload::skip_existing, &often()).ok();
    let (file, deploy) = (Package::small(), Deploy::default().with_restart(true));
    let upload = Upload::new(file.as_ref()).with_name(NAME).skip_existing();
    caller.upload_and_deploy(&acceptance(), &upload, &deploy, &often()).ok();
    let counts = ["transport", "stop", "start"].map(|step| count(&emulator, step));
    assert_eq!((emulator.uploads().len(), counts), (1, [1, 2, 2]));
}

#[test]
fn the_app_is_not_stopped_once_more_if_too_little_time_is_left() {
    let (emulator, caller) = start();
    // The stop has had its time after a second.
    emulator.fail_starts(100, Fault::Code("ALREADY_STARTED"));
    run(&caller, plain, &often().with_timeout(Duration::from_millis(1100))).error(ErrorKind::StillRunning);
    assert!(count(&emulator, "stop") <= 1, "{:?}", emulator.steps());
}

#[test]
fn the_app_is_not_stopped_if_too_little_time_is_left_to_start_it_again() {
    let (emulator, caller) = start();
    emulator.complete_after(at_least(2 * S) * 19 / 20);
    let timeout = often().with_timeout(at_least(2 * S));
    let outcome = run(&caller, plain, &timeout);
    let error = outcome.error(ErrorKind::StillRunning);
    let text = error.to_string();
    let says = "too little time is left to restart Acceptance of app calc";
    assert!(text.contains(says) && !error.app_may_be_down(), "{text}");
    assert!(text.contains("the app was not touched, last seen Running"), "{text}");
    assert_eq!(emulator.steps(), [""; 0]);
    // An app that is already down only has to be started.
    caller.stop(&acceptance(), &often()).ok();
    caller.upload_and_wait(Package::small(), &often()).ok();
    let package = emulator.uploads().pop().unwrap().package_id;
    caller.transport(&acceptance(), &package, &often()).ok();
    caller.deploy(&acceptance(), &package, &Deploy::default(), &once()).ok();
    assert_eq!(count(&emulator, "start"), 1);
}
