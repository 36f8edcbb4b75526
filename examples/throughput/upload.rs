//! An accepted upload: time, processor time and memory.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::MIB;
use crate::measure::{Spread, has_curl, run, spread, verdict};
use crate::sender::{DEV, build_dev, command};
use crate::sink::Sink;

const ROUNDS: usize = 11;

/// A package of zeros that takes no room on the disk, removed when it is dropped.
pub(crate) struct Sparse(PathBuf);

impl Sparse {
    pub(crate) fn new(mib: u64) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("throughput-{}-{mib}.mda", std::process::id()));
        let mut file = std::fs::File::create(&path)?;
        file.set_len(mib * MIB)?;
        // The end record of a zip archive, which may begin with anything.
        file.seek(SeekFrom::End(-22))?;
        file.write_all(b"PK\x05\x06")?;
        Ok(Sparse(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Sparse {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The figures of all rounds of one sender.
struct Figures {
    wall: Spread,
    cpu: Option<Spread>,
}

/// Lets the senders take turns, prints their figures, and returns them.
fn compare(sink: &mut Sink, mib: u64, senders: &[&'static str]) -> anyhow::Result<Vec<(&'static str, Figures)>> {
    let file = Sparse::new(mib)?;
    let mut samples: Vec<Vec<_>> = senders.iter().map(|_| Vec::new()).collect();
    // The first round warms the page cache and is not counted.
    for round in 0..=ROUNDS {
        // Each round begins with another sender, so that none always runs after the same one.
        let turns = (0..senders.len()).map(|turn| (turn + round) % senders.len());
        for turn in turns {
            let (Some(sender), Some(samples)) = (senders.get(turn), samples.get_mut(turn)) else { continue };
            let sample = run(&mut command(sender, &sink.url, file.path())?)?;
            let received = sink.received()?;
            anyhow::ensure!(received > mib * MIB, "{sender} sent only {received} bytes");
            if round > 0 {
                samples.push((sample.wall.as_secs_f64(), sample.cpu.map(|cpu| cpu.as_secs_f64())));
            }
        }
    }
    let mut all = Vec::new();
    for (sender, samples) in senders.iter().zip(&samples) {
        let wall = spread(samples.iter().map(|(wall, _)| *wall)).context("no rounds")?;
        let cpu = spread(samples.iter().filter_map(|(_, cpu)| *cpu));
        all.push((*sender, Figures { wall, cpu }));
    }
    for (sender, figures) in &all {
        print(mib, sender, figures, &all);
    }
    Ok(all)
}

fn of<'a>(all: &'a [(&'static str, Figures)], sender: &str) -> Option<&'a Figures> {
    all.iter().find(|(name, _)| *name == sender).map(|(_, figures)| figures)
}

fn cpu_ratio(all: &[(&'static str, Figures)], a: &str, b: &str) -> Option<f64> {
    Some(of(all, a)?.cpu?.least / of(all, b)?.cpu?.least)
}

fn wall_ratio(all: &[(&'static str, Figures)], a: &str, b: &str) -> Option<f64> {
    Some(of(all, a)?.wall.least / of(all, b)?.wall.least)
}

fn heading() {
    println!("\nupload over https; medians of {ROUNDS} rounds (least, most); ratios are of the least,");
    println!("since whatever else a machine does can only make a round longer");
    println!(
        "{:>5} {:<5} {:>22} {:>22} {:>7} {:>10} {:>9}",
        "MiB", "by", "wall ms", "CPU ms", "MiB/s", "wall/ureq", "CPU/ureq"
    );
}

fn print(mib: u64, sender: &str, figures: &Figures, all: &[(&'static str, Figures)]) {
    let ms =
        |spread: Spread| format!("{:.0} ({:.0}, {:.0})", spread.median * 1e3, spread.least * 1e3, spread.most * 1e3);
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    #[allow(clippy::cast_precision_loss)] // a size in MiB
    let speed = mib as f64 / figures.wall.median;
    println!(
        "{mib:>5} {sender:<5} {:>22} {:>22} {speed:>7.0} {:>10} {:>9}",
        ms(figures.wall),
        figures.cpu.map_or("-".to_owned(), ms),
        ratio(wall_ratio(all, sender, "ureq")),
        ratio(cpu_ratio(all, sender, "ureq")),
    );
}

/// Over TLS, with the certificates of the tests; also in the dev profile.
pub(crate) fn tls(large: u64) -> anyhow::Result<()> {
    heading();
    build_dev()?;
    let senders = if has_curl() { &["ureq", "sdk", DEV, "curl"][..] } else { &["ureq", "sdk", DEV] };
    let figures = compare(&mut Sink::start(true)?, large, senders)?;
    verdict("CPU / CPU of curl", cpu_ratio(&figures, "sdk", "curl"), 0.75);
    verdict("CPU in the dev profile / CPU of curl", cpu_ratio(&figures, DEV, "curl"), 1.0);
    Ok(())
}

/// How much more memory a large upload takes than one of 1 MiB.
pub(crate) fn memory(large: u64) -> anyhow::Result<()> {
    let mut sink = Sink::start(false)?;
    let mut peaks = Vec::new();
    for mib in [1, large] {
        let file = Sparse::new(mib)?;
        let mut samples = Vec::new();
        for _ in 0..3 {
            samples.push(run(&mut command("sdk", &sink.url, file.path())?)?.stdout.trim().parse::<i64>()?);
            sink.received()?;
        }
        samples.sort_unstable();
        peaks.push(*samples.get(1).context("no samples")?);
    }
    let [small, large_peak] = peaks[..] else { anyhow::bail!("two sizes") };
    println!("\npeak memory: {small} KiB for 1 MiB, {large_peak} KiB for {large} MiB (medians of 3)");
    #[allow(clippy::cast_precision_loss)] // a few thousand
    verdict("difference in MiB", Some((large_peak - small) as f64 / 1024.0), 1.0);
    Ok(())
}
