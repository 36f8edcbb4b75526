//! Running a process and reading off what it took.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// What one run of a process took.
pub(crate) struct Run {
    pub(crate) wall: Duration,
    /// User and system time of its main thread, which is the one that works; Linux only.
    pub(crate) cpu: Option<Duration>,
    pub(crate) stdout: String,
}

/// Runs a command to its end, from the fork to the last byte it prints.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Run> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a sender")?;
    let mut stdout = String::new();
    child.stdout.take().context("no stdout")?.read_to_string(&mut stdout)?;
    let wall = begun.elapsed();
    let cpu = cpu_of_finished(&child);
    let status = child.wait()?;
    ensure!(status.success(), "{command:?} failed: {stdout}");
    Ok(Run { wall, cpu, stdout })
}

/// A process that has ended keeps its accounts until it is waited for.
fn cpu_of_finished(child: &Child) -> Option<Duration> {
    let proc = format!("/proc/{}", child.id());
    for _ in 0..1000 {
        let stat = std::fs::read_to_string(format!("{proc}/stat")).ok()?;
        if stat.rsplit(") ").next()?.starts_with('Z') {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    cpu_of(&proc)
}

/// Processor time of the main thread of this process so far; Linux only.
pub(crate) fn own_cpu() -> Option<Duration> {
    cpu_of("/proc/self")
}

fn cpu_of(proc: &str) -> Option<Duration> {
    let schedstat = std::fs::read_to_string(format!("{proc}/schedstat")).ok()?;
    Some(Duration::from_nanos(schedstat.split(' ').next()?.parse().ok()?))
}

/// The largest resident size of this process so far, in KiB; Linux only.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

/// A median with its spread.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

pub(crate) fn spread(samples: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    Some(Spread { median: *samples.get(samples.len() / 2)?, least: *samples.first()?, most: *samples.last()? })
}

/// A target and whether it was met; a missed one is said to be missed.
pub(crate) fn verdict(what: &str, value: Option<f64>, target: f64) {
    match value {
        Some(value) if value <= target => println!("  target met:    {what}: {value:.2}, at most {target:.2}"),
        Some(value) => println!("  target MISSED: {what}: {value:.2}, at most {target:.2}"),
        None => println!("  not measured:  {what}"),
    }
}

pub(crate) fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Processor, cores and system in a few words.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("?");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, {} {}", std::env::consts::OS, kernel.trim())
}
