//! Each exit status, and that the command to run next does its job.

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};

use super::{Ran, deploy_45, run};
use crate::support::package::Package;
use crate::support::server::side_by_side;

/// Runs the command that an earlier run ended with.
fn then(emulator: &Emulator, ran: &Ran) -> Ran {
    run(emulator, &ran.next())
}

#[test]
fn status_2_is_wrong_input_and_nothing_is_uploaded() {
    let emulator = Emulator::start().unwrap();
    let (file, page) = (Package::called("x.mda"), Package::named("y.mda", b"<html>"));
    let (file, page) = (file.as_ref().to_str().unwrap(), page.as_ref().to_str().unwrap());
    for (args, says) in [
        (&["upload", "calc", "/no/such.mda"][..], "it cannot be found"),
        (&["upload", "calc", page], "web page"),
        (&["upload", "calc.mendixcloud.com", file], "is it `calc`?"),
        (&["upload", "calc", file, "--skip-existing"], "--name"),
        (&["upload", "calc", file, "--name", ""], "name"),
        (&["deploy", "calc", "Acceptance"], "<FILE>"),
        (&["deploy", "calc", "Acceptance", file, "--package", "p-1"], "--package"),
        (&["deploy", "calc", "Acceptance", file, "--timeout", "45"], "90s, 45m, 2h"),
        (&["wait", "calc", "../x"], "JobId"),
        (&["destroy", "calc"], "destroy"),
        (&[], "Usage"),
    ] {
        let ran = run(&emulator, args);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    assert_eq!(emulator.requests(), 0);

    let unset = crate::support::program::command(&emulator, &["status", "calc"]).env_remove("MENDIX_API_KEY").output();
    let unset = unset.unwrap();
    assert!(unset.status.code() == Some(2) && super::text(&unset).1.contains("MENDIX_API_KEY is not set"), "{unset:?}");
}

#[test]
fn status_2_is_production_that_was_not_allowed_and_the_next_command_allows_it() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    let ran = run(&emulator, &["deploy", "calc", "Production", path]);
    assert_eq!((ran.status, emulator.uploads().len()), (2, 0), "{}", ran.err);
    assert!(ran.err.contains("(--production)"), "{}", ran.err);
    assert_eq!(ran.next(), ["deploy", "--production", "calc", "Production", path]);
    assert_eq!((then(&emulator, &ran).status, emulator.steps().len()), (0, 3));
    // After `--`, nothing is a flag.
    let ran = run(&emulator, &["deploy", "calc", "Production", "--", path]);
    assert_eq!(ran.next(), ["deploy", "--production", "calc", "Production", "--", path]);
    let ran = run(&emulator, &["deploy", "calc", "Production", "--package", Emulator::DEPLOYED_PACKAGE]);
    let allowed = ["deploy", "calc", "Production", "--package", Emulator::DEPLOYED_PACKAGE, "--production"];
    assert_eq!((ran.status, ran.next()), (2, allowed.to_vec()), "{}", ran.err);
    let unprintable = run(&emulator, &["deploy", "calc", "Production", path, "--name", "##vso[x]"]);
    assert!(unprintable.err.ends_with("next: run the same command again with --production\n"), "{}", unprintable.err);
}

#[test]
fn status_3_is_not_yet_and_the_same_command_uploads_nothing_again() {
    let emulator = Emulator::start().unwrap();
    emulator.jobs_end(JobEnd::Never);
    let file = Package::called("x.mda");
    let args = [&deploy_45(&file)[..], &["--timeout", "0s"]].concat();
    let ran = run(&emulator, &args);
    let package = emulator.uploads()[0].package_id.to_string();
    assert_eq!(ran.status, 3, "{}", ran.err);
    assert_eq!(ran.next(), ["deploy", "calc", "Acceptance", "--package", &package, "--timeout", "0s"]);
    assert_eq!(run(&emulator, &args).status, 3);
    let upload = ["upload", "calc", args[3], "--name", "calc_45.mda", "--skip-existing", "--timeout", "0s"];
    let uploaded = run(&emulator, &upload);
    // This run knows of no job: the package was there.
    assert_eq!((uploaded.status, uploaded.next()), (3, upload.to_vec()), "{}", uploaded.err);
    let job = emulator.uploads()[0].job_id.to_string();
    let wait = ["wait", "calc", &job, "--timeout", "0s"];
    let waited = run(&emulator, &wait);
    assert_eq!((waited.status, waited.next()), (3, wait.to_vec()), "{}", waited.err);

    emulator.jobs_end(JobEnd::Completed);
    assert_eq!(run(&emulator, &deploy_45(&file)).status, 0);
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn status_3_is_a_server_that_is_busy_or_a_connection_that_breaks() {
    let file = Package::called("x.mda");
    side_by_side([Fault::StatusAtOnce(503), Fault::DisconnectAfter(10)], |fault| {
        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(3, fault);
        let ran = run(&emulator, &["upload", "calc", file.as_ref().to_str().unwrap()]);
        assert_eq!((ran.status, emulator.uploads().len()), (3, 0), "{fault:?}: {}", ran.err);
        assert_eq!(then(&emulator, &ran).status, 0);
    });
}

#[test]
fn status_4_is_an_upload_whose_outcome_is_unknown_or_whose_package_only_another_command_waits_for() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    emulator.list_after_polls(u32::MAX);
    for args in [&["upload", "calc", path][..], &["deploy", "calc", "Acceptance", path]] {
        emulator.fail_uploads(1, Fault::NoAnswer);
        let ran = run(&emulator, &[args, &["--timeout", "0s"]].concat());
        assert_eq!((ran.status, ran.next()), (4, vec!["status", "calc"]), "{}", ran.err);
        assert_eq!(then(&emulator, &ran).status, 0);
    }

    // The same command would upload it a second time, even with a unique name if the list hides the package.
    emulator.jobs_end(JobEnd::Never);
    let ran = run(&emulator, &["upload", "calc", path, "--timeout", "0s"]);
    let job = emulator.uploads().pop().unwrap().job_id.to_string();
    assert_eq!((ran.status, ran.next()), (4, vec!["wait", "calc", &job, "--timeout", "0s"]), "{}", ran.err);
    emulator.list_after_polls(0);
    let named =
        run(&emulator, &["upload", "calc", path, "--name", "calc_45.mda", "--skip-existing", "--timeout", "0s"]);
    assert_eq!((named.status, named.next()[0]), (3, "wait"), "{}", named.err);
    emulator.jobs_end(JobEnd::Completed);
    assert_eq!((then(&emulator, &ran).status, then(&emulator, &named).status), (0, 0));
}

#[test]
fn a_command_that_would_find_an_unusable_package_again_is_not_run_next() {
    let file = Package::called("x.mda");
    for code in ["NOT ALLOWED", "PACKAGE_PARSE_FAILED"] {
        let emulator = Emulator::start().unwrap();
        emulator.fail_transports(1, Fault::Code(code));
        let ran = run(&emulator, &deploy_45(&file));
        assert_eq!((ran.status, ran.next()), (6, vec!["status", "calc"]), "{}", ran.err);
    }
}

#[test]
fn status_5_is_a_refusal_or_a_failure() {
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    let emulator = Emulator::start().unwrap();
    emulator.jobs_end(JobEnd::Failed);
    let ran = run(&emulator, &deploy_45(&file));
    assert_eq!((ran.status, ran.next()), (5, deploy_45(&file).to_vec()), "{}", ran.err);
    let job = emulator.uploads()[0].job_id.to_string();
    let waited = run(&emulator, &["wait", "calc", &job]);
    assert_eq!((waited.status, waited.next()), (5, vec!["status", "calc"]), "{}", waited.err);
    let package = emulator.uploads()[0].package_id.to_string();
    let deployed = run(&emulator, &["deploy", "calc", "Acceptance", "--package", &package]);
    assert_eq!((deployed.status, deployed.next()), (5, vec!["status", "calc"]), "{}", deployed.err);

    // Seen for long enough not to be late.
    let deployed = run(&emulator, &["deploy", "calc", "Acceptance", "--package", "p-1", "--timeout", "0s"]);
    assert_eq!(
        (deployed.status, deployed.next()),
        (3, vec!["deploy", "calc", "Acceptance", "--package", "p-1", "--timeout", "0s"]),
        "{}",
        deployed.err
    );

    emulator.refuse_credentials();
    for args in [&["upload", "calc", path][..], &["check", "calc", path], &["status", "calc"], &["wait", "calc", &job]]
    {
        let ran = run(&emulator, args);
        assert_eq!((ran.status, ran.next(), ran.out.as_str()), (5, args.to_vec(), ""), "{}", ran.err);
        assert!(ran.err.contains("check the user name and the API key"), "{}", ran.err);
    }
    assert_eq!((emulator.uploads().len(), emulator.steps().len()), (1, 0));
}

#[test]
fn status_6_is_an_app_that_is_down_and_the_next_command_starts_it() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT"));
    let file = Package::called("x.mda");
    let ran = run(&emulator, &deploy_45(&file));
    let package = emulator.uploads()[0].package_id.to_string();
    assert_eq!((ran.status, ran.out.as_str()), (6, ""), "{}", ran.err);
    assert!(ran.err.contains("error: the app is DOWN"), "{}", ran.err);
    assert_eq!(ran.next(), ["deploy", "calc", "Acceptance", "--package", &package]);
    assert_eq!(then(&emulator, &ran).status, 0);
    let steps: Vec<_> = emulator.steps().iter().map(|step| step.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!((steps.join(" "), emulator.uploads().len()), ("stop transport start start".to_owned(), 1));

    // The transport may still take effect, and by then the app may run the previous package.
    emulator.fail_transports(1, Fault::NeverEnds);
    let back = ["deploy", "calc", "Acceptance", "--package", Emulator::DEPLOYED_PACKAGE, "--timeout", "2s"];
    let ran = run(&emulator, &back);
    assert_eq!(ran.status, 6, "{}", ran.err);
    assert_eq!(ran.next(), [&back[..5], &["--restart"], &back[5..]].concat());
    assert_eq!(then(&emulator, &ran).status, 0);
    let running = emulator.running(&"calc".parse().unwrap(), "Acceptance").unwrap();
    assert_eq!(running.as_str(), Emulator::DEPLOYED_PACKAGE);
}
