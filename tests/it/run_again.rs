//! A CI job that is killed at a random moment and run again, until it succeeds: a process of its own each time.

use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Client, Deploy, Upload};

use crate::environments::acceptance;
use crate::support::caller::{Caller, app, fast_retry, often};
use crate::support::child;
use crate::support::package::{MIB, Package};
use crate::support::random::{Random, seeds};
use crate::support::server::side_by_side;

const FILE: &str = "MENDIX_DEPLOY_TEST_FILE";
const NAME: &str = "calc_1.0.0.45.mda";

/// Short, so that the test is.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The program of the job.
#[test]
fn the_job() {
    if child::is_running() {
        let client = Client::from_env().unwrap().with_retry(fast_retry());
        let caller = Caller::from(client, |_| {});
        let upload = Upload::new(std::env::var_os(FILE).unwrap()).with_name(NAME).skip_existing();
        let poll = often().with_timeout(TIMEOUT);
        let outcome = caller.upload_and_deploy(&acceptance(), &upload, &Deploy::default(), &poll);
        println!("{}", outcome.result.map_or_else(|error| format!("error: {error}"), |_| "it runs".to_owned()));
    }
}

fn fault(random: &mut Random) -> Fault {
    match random.below(5) {
        0 => Fault::NoAnswer,
        1 => Fault::Status(502),
        2 => Fault::StatusAtOnce(503),
        3 => Fault::DisconnectAfter(10),
        _ => Fault::Slow(random.few()),
    }
}

fn emulator(random: &mut Random) -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(random.few() * 2);
    let fails = [
        Emulator::fail_uploads as fn(&Emulator, u32, Fault),
        Emulator::fail_polls,
        Emulator::fail_stops,
        Emulator::fail_transports,
        Emulator::fail_starts,
    ];
    for fail in fails {
        for _ in 0..random.few() {
            let fault = fault(random);
            fail(&emulator, 1, fault);
        }
    }
    emulator
}

/// Runs the job until it succeeds, and returns what was wrong, if anything.
fn play(seed: u64) -> Option<String> {
    let random = &mut Random(seed);
    // In every second run, the upload takes so long that it is killed in the middle.
    let (emulator, is_slow) = (emulator(random), seed % 2 == 1);
    let file = if is_slow { Package::sparse(MIB) } else { Package::small() };
    emulator.set_bandwidth(if is_slow { 8 * MIB } else { 0 });
    // By then, what was on its way has arrived, and is listed.
    let pause = Duration::from_millis(if is_slow { 400 } else { 50 });
    let mut variables = child::client_of_emulator(&emulator).to_vec();
    variables.push((FILE, file.as_ref().to_str().unwrap()));
    let (mut log, mut runs) = (Vec::new(), 0);
    while log.last().is_none_or(|said: &String| !said.contains("it runs")) {
        runs += 1;
        // The first few runs are killed; later ones may end.
        let patience = if runs < 6 { Duration::from_millis(10 + random.below(400)) } else { Duration::from_secs(60) };
        let mut command = child::command(module_path!(), "the_job", &variables);
        let job = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, was_killed) = child::wait_or_kill(job, patience);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        if runs > 40 || !(output.status.success() || was_killed) {
            return Some(format!("{seed}, run {runs}: {log:?} {said} {err}"));
        }
        log.push(said);
        thread::sleep(pause);
    }
    let (uploads, running) = (emulator.uploads(), emulator.running(&app(), "Acceptance"));
    let [package] = &uploads[..] else { return Some(format!("{seed}: {} packages: {log:?}", uploads.len())) };
    let it_runs = running.as_ref() == Some(&package.package_id);
    (!it_runs).then(|| format!("{seed}: {running:?} runs: {log:?} {:?}", emulator.steps()))
}

#[test]
fn a_job_that_is_killed_at_random_moments_and_run_again_uploads_one_package_and_ends_with_it_running() {
    let problems = Mutex::new(Vec::new());
    // Few at once, so that other tests do not miss their moments: under Wine, a process is much work.
    let at_once = if cfg!(windows) { 1 } else { 2 };
    for chunk in seeds(4).chunks(at_once) {
        side_by_side(chunk.iter().copied(), |seed| problems.lock().unwrap().extend(play(seed)));
    }
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
