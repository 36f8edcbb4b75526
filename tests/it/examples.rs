//! The examples, run as a user would run them, against the emulator.

use std::path::PathBuf;
use std::process::Command;

use mendix_deploy::emulator::Emulator;

use crate::support::child::client_of_emulator;
#[cfg(unix)]
use crate::support::package::Package;
use crate::support::program::{text, with_environment};

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

#[cfg(unix)]
#[test]
fn no_failed_write_turns_what_was_done_into_a_failure() {
    let file = Package::called("x.mda");
    for stdout in crate::log::broken_outputs() {
        let emulator = Emulator::start().unwrap();
        let command = &mut example("xtask", &emulator);
        let command = command.env("BUILD_NUMBER", "45").args(["deploy", "calc", "Acceptance"]).arg(file.as_ref());
        let output = command.stdout(stdout).output().unwrap();
        assert!(output.status.success() && !text(&output).1.contains("error"), "{output:?}");
        assert_eq!(emulator.uploads().len(), 1);
    }
    // A failure is still one.
    let emulator = Emulator::start().unwrap();
    let usage = example("xtask", &emulator).stderr(crate::log::broken_outputs().swap_remove(0)).output().unwrap();
    assert_eq!(usage.status.code(), Some(1));

    let stdout = crate::log::broken_outputs().swap_remove(0);
    let started = example("quickstart", &emulator).stdout(stdout).output().unwrap();
    assert!(started.status.success() && text(&started).1.is_empty(), "{started:?}");
}

#[test]
fn the_number_of_allocations_does_not_depend_on_the_size_of_the_file() {
    let output = program("throughput").arg("allocations").output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{out}{err}");
}

/// Builds a crate, so only `.ci/run` runs it.
#[test]
#[ignore = "compiles all dependencies"]
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
