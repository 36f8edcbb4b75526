//! The examples, run as a user would run them, against the emulator.

use std::path::PathBuf;
use std::process::{Command, Output};

use mendix_deploy::emulator::{Emulator, Fault};

use crate::support::caller::Caller;
use crate::support::child::client_of_emulator;
use crate::support::package::Package;

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
    assert!(out.contains("Completed") && out.contains("is ready to be deployed"), "{out}");
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
    let expected =
        serde_json::json!({"PackageId": received.package_id, "JobId": received.job_id, "Status": "Completed"});
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
        assert!(output.status.success() && text(&output).0.contains("Completed"), "{output:?}");
    }
    // It is closed.
    let emulator = Emulator::start().unwrap();
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(program("upload").get_program()).arg("calc").arg(file.as_ref());
    let output = with_environment(closed, &emulator).output().unwrap();
    assert!(output.status.success() && text(&output).0.contains("Completed"), "{output:?}");

    let stdout = crate::log::broken_outputs().swap_remove(0);
    let started = example("quickstart", &emulator).stdout(stdout).output().unwrap();
    assert!(!text(&started).1.contains("panicked"), "{started:?}");
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
fn wait_resumes_where_upload_timed_out() {
    let emulator = Emulator::start().unwrap();
    let job = Caller::of_emulator(&emulator).upload(Package::small()).ok().job_id;
    let output = example("wait", &emulator).args(["calc", job.as_str()]).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer, serde_json::json!({"JobId": job, "Status": "Completed"}));
}

#[test]
fn the_number_of_allocations_does_not_depend_on_the_size_of_the_file() {
    let output = program("throughput").arg("allocations").output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{out}{err}");
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
    let said = ["cannot tell whether", "found as package", "Succeeded"]
        .map(|words| err.find(words).unwrap_or_else(|| panic!("{words}: {err}")));
    assert!(said.is_sorted(), "{err}");

    // That one has the same name.
    emulator.fail_uploads(1, Fault::NoAnswer);
    let (out, err) = upload();
    assert!(out.is_empty() && err.contains("error: cannot tell which package"), "{err}");
    assert_eq!(emulator.uploads().len(), 2);
}
