//! Nothing that happens to stdout or stderr changes what is done, or the exit status.

#![cfg(unix)]

use std::process::{Command, Stdio};

use mendix_deploy::emulator::Emulator;

use super::{deploy_45, text};
use crate::log::broken_outputs;
use crate::support::package::Package;
use crate::support::program::{command, with_environment};

#[test]
fn no_failed_write_to_stdout_turns_what_was_done_into_a_failure() {
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    for args in
        [&deploy_45(&file)[..], &["upload", "calc", path], &["check", "calc", path], &["status", "calc"], &["--help"]]
    {
        for stdout in broken_outputs() {
            let emulator = Emulator::start().unwrap();
            let output = command(&emulator, args).stdout(stdout).output().unwrap();
            assert!(output.status.success() && !text(&output).1.contains("error"), "{args:?}: {output:?}");
        }
    }
}

#[test]
fn no_failed_write_to_stderr_matters() {
    let file = Package::called("x.mda");
    let closed = |emulator: &Emulator, args: &[&str]| {
        let mut shell = with_environment(Command::new("sh"), emulator);
        shell.args(["-c", "exec \"$0\" \"$@\" 2>&-", env!("CARGO_BIN_EXE_mendix-deploy")]).args(args);
        shell
    };
    let with_stderr = |emulator: &Emulator, args: &[&str], stderr: Stdio| {
        let mut command = command(emulator, args);
        command.stderr(stderr);
        command
    };
    let runs = |emulator: &Emulator, args: &[&str]| {
        let broken = broken_outputs().into_iter().map(|stderr| with_stderr(emulator, args, stderr));
        broken.chain([closed(emulator, args)]).map(|mut command| command.output().unwrap()).collect::<Vec<_>>()
    };
    let emulator = Emulator::start().unwrap();
    for output in runs(&emulator, &deploy_45(&file)) {
        assert!(output.status.success() && text(&output).0.contains("Running"), "{output:?}");
    }
    assert_eq!(emulator.uploads().len(), 1);
    for output in runs(&emulator, &["deploy", "calc", "Production", file.as_ref().to_str().unwrap()]) {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
