//! Shows it work without an account: an emulator of the Deploy API, a sample package, an upload, a wait.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

use std::io::Write;

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{Poll, Upload, upload_and_wait};

fn main() -> anyhow::Result<()> {
    let emulator = Emulator::start()?;
    let file = sample_package()?;
    println!("the emulator answers at {}, the package is {}", emulator.url(), file.display());

    // With an account, this line is `Client::from_env()?.on_event(…)`.
    let client = emulator.client().on_event(|event| println!("  {event}"));
    let uploaded = upload_and_wait(&client, &"calc".parse()?, &file, &Upload::default(), &Poll::default())?;

    println!("package {} is ready to be deployed (job {})", uploaded.package_id, uploaded.job_id);
    std::fs::remove_file(file)?;
    Ok(())
}

/// Writes 8 MiB to the temporary folder. Any zip archive will do, and one may begin with anything.
fn sample_package() -> std::io::Result<std::path::PathBuf> {
    let path = std::env::temp_dir().join(format!("calc_1.0.0.{}.mda", std::process::id()));
    let mut file = std::fs::File::create(&path)?;
    let block = vec![b'x'; 1024 * 1024];
    for _ in 0..8 {
        file.write_all(&block)?;
    }
    file.write_all(&Emulator::SMALLEST_PACKAGE)?;
    Ok(path)
}
