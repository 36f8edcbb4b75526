//! A refused upload: the time until the response, and the bytes sent in vain.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;
use mendix_deploy::{Upload, upload_package};

use crate::MIB;
use crate::measure::{has_curl, spread};
use crate::sender::{client, upload_url};
use crate::sink::Sink;
use crate::upload::Sparse;

const ROUNDS: usize = 5;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("\nrefused uploads of 300 MiB; medians of {ROUNDS} (curl includes the start of its process)");
    println!("{:<40} {:<5} {:>8} {:>14} {:>8}", "server", "by", "ms", "MiB received", "status");
    let file = Sparse::new(300)?;
    for (server, app, status) in
        [("401 at once, connection kept open", "refused", 401), ("413 after 10 MiB, then close", "toolarge", 413)]
    {
        for sender in ["sdk", "curl"] {
            if sender == "curl" && !has_curl() {
                continue;
            }
            let mut sink = Sink::start(false)?;
            let (mut times, mut bytes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                let seen = if sender == "curl" {
                    curl(&upload_url(&sink.url, app), &file)?
                } else {
                    let client = client(&sink.url)?;
                    let error = upload_package(&client, &app.parse()?, &Upload::new(file.path())).err();
                    error.and_then(|error| error.status()).unwrap_or(0)
                };
                times.push(begun.elapsed().as_secs_f64() * 1e3);
                ensure!(seen == status, "{sender} saw {seen} instead of {status}");
                #[allow(clippy::cast_precision_loss)] // a few hundred million
                bytes.push(sink.received()? as f64 / MIB as f64);
            }
            if let (Some(time), Some(bytes)) = (spread(times.into_iter()), spread(bytes.into_iter())) {
                println!("{server:<40} {sender:<5} {:>8.0} {:>14.1} {status:>8}", time.median, bytes.median);
            }
        }
    }
    Ok(())
}

fn curl(url: &str, file: &Sparse) -> anyhow::Result<u16> {
    let form = format!("file=@{}", file.path().display());
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-F", &form, url])
        .stderr(Stdio::null())
        .output()?;
    Ok(String::from_utf8(output.stdout)?.parse()?)
}
