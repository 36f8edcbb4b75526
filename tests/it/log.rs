//! The log that `Event::log_to_stderr` writes. Whatever happens to it, uploads are not affected.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{Event, Poll};

use crate::support::caller::Caller;
use crate::support::child;
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{IDS, Server, Step, answer, go_ahead};

/// Uploads and waits in a child process with this as its stderr.
fn logging_to(emulator: &Emulator, stderr: impl Into<Stdio>) -> Child {
    emulator.complete_after_polls(3);
    let mut command = child::command(module_path!(), "a_client_that_logs", &child::client_of_emulator(emulator));
    command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap()
}

#[test]
fn a_client_that_logs() {
    if child::is_running() {
        let client = mendix_deploy::Client::from_env().unwrap();
        let caller = Caller::from(client, Event::log_to_stderr);
        let poll = Poll::default().with_interval(Duration::from_millis(100));
        caller.upload_and_wait(Package::small(), &poll).ok();
    }
}

#[track_caller]
fn assert_uploaded(emulator: &Emulator, child: Child) {
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("1 passed"), "{}: {out}", output.status);
    assert_eq!(emulator.uploads().len(), 1);
}

#[test]
fn a_log_has_each_id_once_and_a_line_for_each_status() {
    let emulator = Emulator::start().unwrap();
    let mut child = logging_to(&emulator, Stdio::piped());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_uploaded(&emulator, child);
    let received = emulator.uploads().pop().unwrap();
    for id in [received.package_id.as_str(), received.job_id.as_str()] {
        assert_eq!(log.matches(id).count(), 1, "{log}");
    }
    let lines: Vec<_> = log.lines().collect();
    let says = ["(0 %)", "all 22 bytes sent", "accepted", "Queued", "Running", "Completed", "done in"];
    assert_eq!(lines.len(), says.len(), "{log}");
    for (line, says) in lines.iter().zip(says) {
        assert!(line.contains("app calc") && line.contains(says), "{says} is not in: {line}");
    }
}

/// The reader has gone, the pipe is full and does not block, or the disk is full.
#[cfg(unix)]
pub(crate) fn broken_outputs() -> Vec<Stdio> {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let (_, gone) = UnixStream::pair().unwrap();
    let (unread, mut full) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'x'; 1024]).is_ok() {}
    while full.write(b"x").is_ok() {}
    // Open for as long as this process is.
    std::mem::forget(unread);
    let disk = std::fs::File::options().write(true).open("/dev/full");
    [gone, full].map(|stream| OwnedFd::from(stream).into()).into_iter().chain(disk.ok().map(Stdio::from)).collect()
}

#[cfg(unix)]
#[test]
fn no_failed_write_to_stderr_matters() {
    for stderr in broken_outputs() {
        let emulator = Emulator::start().unwrap();
        assert_uploaded(&emulator, logging_to(&emulator, stderr));
    }
}

#[test]
fn a_bar_moves_several_times_a_second_however_slow_the_link() {
    let slow = Step::SlowBody(256 * KIB, Duration::from_millis(40));
    let server = Server::start([vec![Step::Head, go_ahead(), slow, answer("200 OK", IDS)]]);
    let outcome = Caller::of(&server).upload(Package::sparse(24 * MIB));
    let sent = |event: &Event| if let Event::Uploading { sent, .. } = event { Some(*sent) } else { None };
    let steps: Vec<_> = outcome.events.iter().filter_map(sent).collect();
    assert!(steps.is_sorted(), "{steps:?}");
    // There are five, but the machine may be busy.
    assert!(
        outcome.took > Duration::from_secs(2) && steps.len() as u64 >= outcome.took.as_secs() * 5 / 2,
        "{outcome:?}"
    );
    let lines = outcome.events.iter().filter(|event| !event.is_routine()).count();
    assert_eq!(lines, 3, "the first, the last, and the acceptance: {outcome:?}");
}
