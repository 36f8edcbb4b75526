//! A deployment that is killed is resumed by the same command; while it runs, its arguments show no key.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use mendix_deploy::emulator::{Emulator, Fault};

use super::{deploy_45, run};
use crate::environments::count;
use crate::support::package::Package;
use crate::support::program::command;
use crate::support::server::side_by_side;

#[test]
fn a_deploy_that_is_killed_at_any_step_resumes_by_the_same_command() {
    side_by_side(["accepted", "stop requested", ": stopped", ": transported", "start requested"], |at| {
        let emulator = Emulator::start().unwrap();
        // Slow enough to be killed in time.
        emulator.complete_after_polls(2);
        emulator.fail_stops(1, Fault::Slow(2));
        emulator.fail_transports(1, Fault::Slow(2));
        emulator.fail_starts(1, Fault::Slow(2));
        let file = Package::called("x.mda");
        let mut command = command(&emulator, &deploy_45(&file));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, mut lines) = (String::new(), BufReader::new(child.stderr.take().unwrap()).lines());
        while !said.contains(at) {
            said += &(lines.next().unwrap_or_else(|| panic!("{at} is not in: {said}")).unwrap() + "\n");
        }
        if cfg!(target_os = "linux") {
            let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
            assert!(arguments.contains("calc_45.mda") && !arguments.contains(Emulator::API_KEY), "{arguments}");
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let again = run(&emulator, &deploy_45(&file));
        assert_eq!(again.status, 0, "{at}: {}", again.err);
        let package = emulator.uploads().pop().unwrap().package_id;
        assert_eq!(emulator.running(&"calc".parse().unwrap(), "Acceptance"), Some(package), "{at}");
        let (steps, count) = (emulator.steps(), |step: &str| count(&emulator, step));
        assert_eq!((emulator.uploads().len(), count("start")), (1, 1), "{at}: {steps:?}");
        // The step that it was killed in may be repeated, and it may have been one step ahead of its log.
        assert!(count("stop") <= 1 + usize::from(["accepted", "stop requested"].contains(&at)), "{at}: {steps:?}");
        assert!(count("transport") <= 1 + usize::from(at == "stopped ("), "{at}: {steps:?}");
    });
}
