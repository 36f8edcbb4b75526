//! The main job without an account: an emulator of the Deploy API behind a slow link, a sample package, and the one call that
//! uploads and deploys it.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

use std::fs::File;
use std::io::{Seek, SeekFrom, Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Deploy, Upload, upload_and_deploy};

const MIB: u64 = 1024 * 1024;

fn main() -> anyhow::Result<()> {
    let emulator = Emulator::start()?;
    emulator.set_bandwidth(12 * MIB);
    emulator.complete_after(Duration::from_secs(2));
    emulator.fail_stops(1, Fault::Slow(2));
    emulator.fail_starts(1, Fault::Slow(2));
    let file = sample_package()?;

    // With an account, this is `Client::from_env()?.on_event(Event::log_to_stderr)`, which writes less.
    let client = emulator.client().on_event(|event| {
        // `println!` would panic if stdout is closed.
        let _ = writeln!(stdout(), "{event}");
    });
    let (upload, deploy) = (Upload::new(&file).with_name("calc_1.0.0.45.mda"), Deploy::default());
    let deployed = upload_and_deploy(&client, &"calc".parse()?, &"Acceptance".parse()?, &upload, &deploy)?;
    std::fs::remove_file(file)?;
    let _ = writeln!(stdout(), "package {} runs at {}", deployed.package, deployed.url.unwrap_or_default());
    Ok(())
}

/// Makes a file of 32 MiB in the temporary folder. Any zip archive will do, and it may begin with anything.
fn sample_package() -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("calc_{}.mda", std::process::id()));
    let end = Emulator::SMALLEST_PACKAGE;
    let mut file = File::create(&path)?;
    file.seek(SeekFrom::Start(32 * MIB - end.len() as u64))?;
    file.write_all(&end)?;
    Ok(path)
}
