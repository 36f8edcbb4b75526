//! The examples, run as a user would run them, against the emulator.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use mendix_deploy::emulator::{Emulator, Fault};

use crate::environments::count;
use crate::support::child::client_of_emulator;
use crate::support::package::Package;
use crate::support::server::side_by_side;

/// An example, as built by `cargo test`; built here for `cargo test --test it`, which builds none.
fn program(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    if !path.exists() {
        let root = env!("CARGO_MANIFEST_DIR");
        let built = Command::new(env!("CARGO")).args(["build", "--example", name]).current_dir(root).status();
        assert!(built.unwrap().success());
    }
    Command::new(path)
}

/// An example with the environment for the emulator.
fn example(name: &str, emulator: &Emulator) -> Command {
    with_environment(program(name), emulator)
}

fn with_environment(mut command: Command, emulator: &Emulator) -> Command {
    command.envs(client_of_emulator(emulator));
    command.env("NO_PROXY", "127.0.0.1").env_remove("SSL_CERT_FILE").env_remove("RUST_BACKTRACE");
    command
}

fn text(output: &Output) -> (String, String) {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!out.contains(Emulator::API_KEY) && !err.contains(Emulator::API_KEY), "{out}{err}");
    (out, err)
}

#[test]
fn quickstart_needs_nothing_and_shows_the_main_job() {
    let emulator = Emulator::start().unwrap();
    let output = example("quickstart", &emulator)
        .env_remove("MENDIX_USERNAME")
        .env_remove("MENDIX_API_KEY")
        .env_remove("MENDIX_DEPLOY_URL")
        .output()
        .unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("Completed") && out.contains("started"), "{out}");
    assert!(out.ends_with(" runs at https://calc-accp.mendixcloud.com\n"), "{out}");
}

#[test]
fn upload_prints_one_line_of_json_and_its_progress_on_stderr() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let output = example("upload", &emulator).args(["calc"]).arg(file.as_ref()).arg("named.mda").output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let received = emulator.uploads().pop().unwrap();
    assert_eq!(received.name, "named.mda");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({"PackageId": received.package_id, "Status": "Succeeded"});
    assert_eq!((answer, out.lines().count()), (expected, 1));
    assert!(
        err.contains("all 22 bytes sent") && err.contains("app calc accepted") && err.contains("Completed"),
        "{err}"
    );
}

#[cfg(unix)]
#[test]
fn no_failed_write_to_stderr_matters_to_an_example() {
    let file = Package::called("x.mda");
    for stderr in crate::log::broken_outputs() {
        let emulator = Emulator::start().unwrap();
        let output = example("upload", &emulator).arg("calc").arg(file.as_ref()).stderr(stderr).output().unwrap();
        assert!(output.status.success() && text(&output).0.contains("Succeeded"), "{output:?}");
    }
    // It is closed.
    let emulator = Emulator::start().unwrap();
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(program("upload").get_program()).arg("calc").arg(file.as_ref());
    let output = with_environment(closed, &emulator).output().unwrap();
    assert!(output.status.success() && text(&output).0.contains("Succeeded"), "{output:?}");

    let stdout = crate::log::broken_outputs().swap_remove(0);
    let started = example("quickstart", &emulator).stdout(stdout).output().unwrap();
    assert!(started.status.success() && text(&started).1.is_empty(), "{started:?}");
}

#[cfg(unix)]
#[test]
fn no_failed_write_to_stdout_turns_what_was_done_into_a_failure() {
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    for (name, args, uploads) in [
        ("upload", &["calc", path][..], 1),
        ("upload", &["--check", "calc", path], 0),
        ("deploy", &["calc", "Acceptance", path, "calc_45.mda"], 1),
        ("xtask", &["deploy", "calc", "Acceptance", path], 1),
    ] {
        for stdout in crate::log::broken_outputs() {
            let emulator = Emulator::start().unwrap();
            let command = &mut example(name, &emulator);
            let output = command.env("BUILD_NUMBER", "45").args(args).stdout(stdout).output().unwrap();
            assert!(output.status.success() && !text(&output).1.contains("error"), "{name}: {output:?}");
            assert_eq!(emulator.uploads().len(), uploads, "{name}");
        }
    }
    // A failure is still one.
    let usage =
        example("xtask", &Emulator::start().unwrap()).stderr(crate::log::broken_outputs().swap_remove(0)).output();
    assert_eq!(usage.unwrap().status.code(), Some(1));
}

#[test]
fn upload_checks_whether_it_could_and_uploads_nothing() {
    let emulator = Emulator::start().unwrap();
    let check = |file: &Package| {
        text(&example("upload", &emulator).args(["--check", "calc"]).arg(file.as_ref()).output().unwrap())
    };
    assert_eq!(check(&Package::called("x.mda")), ("{\"Check\":\"passed\"}\n".to_owned(), String::new()));
    let (out, err) = check(&Package::named("x.mda", b"<html>"));
    assert!(out.is_empty() && err.contains("web page"), "{err}");
    assert_eq!((emulator.requests(), emulator.uploads().len()), (1, 0));
}

#[test]
fn upload_explains_a_failure_and_exits_with_1() {
    let emulator = Emulator::start().unwrap();
    emulator.refuse_credentials();
    let file = Package::called("x.mda");
    let output = example("upload", &emulator).arg("calc").arg(file.as_ref()).output().unwrap();
    let (out, err) = text(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
    assert!(
        err.contains("no package was made")
            && !err.contains("To go on")
            && err.contains("check the user name and the API key"),
        "{err}"
    );

    let unset =
        example("upload", &emulator).env_remove("MENDIX_API_KEY").arg("calc").arg(file.as_ref()).output().unwrap();
    assert!(text(&unset).1.contains("MENDIX_API_KEY is not set"));
    let usage = example("upload", &emulator).output().unwrap();
    assert!(!usage.status.success() && text(&usage).1.contains("usage: upload [--check] APP_ID FILE [NAME]"));
}

#[test]
fn the_number_of_allocations_does_not_depend_on_the_size_of_the_file() {
    let output = program("throughput").arg("allocations").output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{out}{err}");
}

/// The command that deploys build 45 of this file to `Acceptance`.
fn deploy(emulator: &Emulator, file: &Package) -> Command {
    let mut command = example("deploy", emulator);
    command.args(["calc", "Acceptance"]).arg(file.as_ref()).arg("calc_45.mda");
    command
}

#[test]
fn deploy_brings_a_file_to_a_running_environment_and_back() {
    let emulator = Emulator::start().unwrap();
    let output = deploy(&emulator, &Package::called("x.mda")).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let package = emulator.uploads().pop().unwrap().package_id;
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({
        "PackageId": package,
        "Environment": "Acceptance",
        "Status": "Running",
        "Url": "https://calc-accp.mendixcloud.com",
        "PreviousPackageId": Emulator::DEPLOYED_PACKAGE,
    });
    assert_eq!((answer, out.lines().count()), (expected, 1));
    assert!(err.contains("asked to stop") && err.contains("started"), "{err}");
    let back = ["calc", "Acceptance", "--package", Emulator::DEPLOYED_PACKAGE];
    assert!(example("deploy", &emulator).args(back).output().unwrap().status.success());
    assert_eq!(emulator.steps().len(), 6);
}

#[test]
fn deploy_refuses_production_and_unknown_environments_before_it_uploads() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let deploy = |args: &[&str]| {
        let output = example("deploy", &emulator).args(args).arg(file.as_ref()).arg("calc_45.mda").output().unwrap();
        (output.status.success(), text(&output).1)
    };
    for (args, says) in [
        (&["calc", "Production"][..], "(Deploy::allow_production)"),
        (&["calc", "accp"], "are: Test, Acceptance, Production"),
        (&["calc"], "usage: deploy"),
        (&["calc", "a", "b"], "usage: deploy"),
    ] {
        let (is_ok, err) = deploy(args);
        assert!(!is_ok && err.contains(says), "{args:?}: {err}");
    }
    assert_eq!(emulator.uploads().len(), 0);
    assert!(deploy(&["--production", "calc", "Production"]).0);
    assert_eq!(emulator.steps().len(), 3);
}

#[test]
fn a_failed_deploy_resumes_by_the_same_command() {
    let emulator = Emulator::start().unwrap();
    emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT"));
    let file = Package::called("x.mda");
    let output = deploy(&emulator, &file).output().unwrap();
    let (out, err) = text(&output);
    assert!(!output.status.success() && out.is_empty() && err.contains("error: the app is DOWN"), "{err}");
    let output = deploy(&emulator, &file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output).1);
    let steps: Vec<_> = emulator.steps().iter().map(|step| step.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(
        (steps, emulator.uploads().len()),
        (["stop", "transport", "start", "start"].map(String::from).to_vec(), 1)
    );
}

#[test]
fn a_deploy_that_is_killed_at_any_step_resumes_by_the_same_command() {
    side_by_side(["accepted", "asked to stop", "stopped (", "is on it (", "asked to start"], |at| {
        let emulator = Emulator::start().unwrap();
        // So slow that it is killed in time.
        emulator.complete_after_polls(2);
        emulator.fail_stops(1, Fault::Slow(2));
        emulator.fail_transports(1, Fault::Slow(2));
        emulator.fail_starts(1, Fault::Slow(2));
        let file = Package::called("x.mda");
        let mut child = deploy(&emulator, &file).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, mut lines) = (String::new(), BufReader::new(child.stderr.take().unwrap()).lines());
        while !said.contains(at) {
            said += &(lines.next().unwrap_or_else(|| panic!("{at} is not in: {said}")).unwrap() + "\n");
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let output = deploy(&emulator, &file).output().unwrap();
        assert!(output.status.success(), "{at}: {}", text(&output).1);
        let package = emulator.uploads().pop().unwrap().package_id;
        assert_eq!(emulator.running(&"calc".parse().unwrap(), "Acceptance"), Some(package), "{at}");
        let (steps, count) = (emulator.steps(), |step: &str| count(&emulator, step));
        assert_eq!((emulator.uploads().len(), count("start")), (1, 1), "{at}: {steps:?}");
        // What was going on when it was killed may be asked for once more, and it may have been a step ahead.
        assert!(count("stop") <= 1 + usize::from(["accepted", "asked to stop"].contains(&at)), "{at}: {steps:?}");
        assert!(count("transport") <= 1 + usize::from(at == "stopped ("), "{at}: {steps:?}");
    });
}

/// Builds a crate, so only `.ci/run` runs it.
#[test]
#[ignore = "compiles the dependencies anew"]
fn a_build_script_uploads_its_package() {
    let emulator = Emulator::start().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/build_script");
    let build = |deploy: bool| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(folder).arg("build").envs(client_of_emulator(&emulator));
        if deploy {
            command.env("DEPLOY_APP", "calc");
        }
        let output = command.output().unwrap();
        let (_, err) = text(&output);
        assert!(output.status.success(), "{err}");
        err
    };
    assert!(build(false).contains("app.mda is not uploaded"));
    assert!(build(true).contains("is ready to be deployed"));
    build(true);
    let uploads = emulator.uploads();
    assert_eq!(uploads.len(), 1, "an unchanged package is not uploaded again");
    assert_eq!(uploads[0].name, "app.mda");
}

#[test]
fn upload_clears_up_an_unknown_outcome_by_itself() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let upload = || text(&example("upload", &emulator).arg("calc").arg(file.as_ref()).output().unwrap());
    emulator.fail_uploads(1, Fault::NoAnswer);
    let (out, err) = upload();
    let [received] = &emulator.uploads()[..] else { panic!("one upload: {err}") };
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer, serde_json::json!({"PackageId": received.package_id, "Status": "Succeeded"}));
    let said = ["cannot tell whether", "found as package", "Succeeded after"]
        .map(|words| err.find(words).unwrap_or_else(|| panic!("{words}: {err}")));
    assert!(said.is_sorted(), "{err}");

    // That one has the same name, and was made just before.
    emulator.fail_uploads(1, Fault::NoAnswer);
    let (out, err) = upload();
    assert!(out.is_empty() && err.contains("error: cannot tell which package"), "{err}");
    assert_eq!(emulator.uploads().len(), 2);
}
