//! The process is suspended and continued while it uploads, or flooded with signals; both interrupt system calls.

use std::process::Command;
use std::time::Duration;

use mendix_deploy::ErrorKind;

use crate::support::caller::{Caller, Outcome};
use crate::support::child;
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{IDS, Server, Step, answer, go_ahead};

/// What the child does: it uploads `bytes` with these timeouts while a shell runs `script` against it.
fn upload_while(script: &str, bytes: u64, timeout: Duration) -> Outcome<mendix_deploy::UploadedPackage> {
    let caller = Caller::from_env().with(|client| client.with_stall_timeout(timeout).with_response_timeout(timeout));
    let package = Package::sparse(bytes);
    let mut shell = Command::new("sh").args(["-c", script]).spawn().unwrap();
    let outcome = caller.upload(package);
    // The script's loops end with this process.
    let _ = shell.try_wait();
    outcome
}

/// A signal every ten milliseconds until the parent of the shell has gone.
const FLOOD: &str = "while kill -STOP $PPID; sleep 0.002; kill -CONT $PPID; do sleep 0.01; done 2>/dev/null";
/// A suspension from 0.2 s to 1.2 s.
const STOP: &str = "sleep 0.2; kill -STOP $PPID; sleep 1; kill -CONT $PPID";

#[track_caller]
fn in_child(test: &str, script: Vec<Step>) {
    let server = Server::start([script]);
    child::run(module_path!(), test, &child::client_of(&server.url()));
    assert_eq!(server.stop().connections, 1);
}

#[test]
fn a_flood_of_signals_does_not_keep_the_stall_timeout_from_ending_an_upload() {
    if child::is_running() {
        let outcome = upload_while(FLOOD, 64 * MIB, Duration::from_millis(400));
        outcome.error(ErrorKind::Interrupted);
        assert!(outcome.took < Duration::from_secs(9), "{outcome:?}");
        return;
    }
    let test = "a_flood_of_signals_does_not_keep_the_stall_timeout_from_ending_an_upload";
    in_child(test, vec![Step::Head, go_ahead(), Step::Body(MIB), Step::Hold]);
}

#[test]
fn a_flood_of_signals_does_not_hide_a_refusal() {
    if child::is_running() {
        let outcome = upload_while(FLOOD, 64 * MIB, Duration::from_secs(15));
        assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(403));
        assert!(outcome.took < Duration::from_secs(9), "{outcome:?}");
        return;
    }
    let test = "a_flood_of_signals_does_not_hide_a_refusal";
    in_child(test, vec![Step::Head, go_ahead(), Step::Body(MIB), answer("403 Forbidden", "no"), Step::Hold]);
}

#[test]
fn an_upload_survives_a_suspension_longer_than_the_stall_timeout() {
    if child::is_running() {
        upload_while(STOP, 64 * MIB, Duration::from_millis(600)).ok();
        return;
    }
    let pause = Step::Pause(Duration::from_millis(400));
    let script = vec![Step::Head, go_ahead(), Step::Body(MIB), pause, Step::RestOfBody, answer("200 OK", IDS)];
    in_child("an_upload_survives_a_suspension_longer_than_the_stall_timeout", script);
}

#[test]
fn a_response_that_arrives_while_the_process_is_suspended_is_read() {
    if child::is_running() {
        upload_while(STOP, 100 * KIB, Duration::from_millis(600)).ok();
        return;
    }
    let script = vec![Step::Request, Step::Pause(Duration::from_millis(400)), answer("200 OK", IDS)];
    in_child("a_response_that_arrives_while_the_process_is_suspended_is_read", script);
}
