//! The senders: this crate, ureq on its own, and curl. Each is a process that uploads one file once.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use mendix_deploy::{Client, Retry, Upload, upload_package};

use crate::measure::peak_memory;
use crate::sink::CA;

/// This crate, built in the dev profile, as xtasks and build scripts are.
pub(crate) const DEV: &str = "dev";

/// This program, built in the dev profile.
fn dev_program() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("not in a folder of Cargo's")?;
    let name = this.file_name().context("no name")?;
    Ok(target.join("debug/examples").join(name))
}

/// Builds it, if this is not it already.
pub(crate) fn build_dev() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--example", "throughput"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(status.success(), "the dev profile does not build");
    Ok(())
}

/// The command line of a sender.
pub(crate) fn command(what: &str, url: &str, file: &Path) -> anyhow::Result<Command> {
    let mut command;
    if what == "curl" {
        command = Command::new("curl");
        command.args(["-sS", "--cacert", CA, "-H", "Mendix-Username: me", "-H", "Mendix-ApiKey: key", "-F"]);
        command.arg(format!("file=@{}", file.display())).arg(upload_url(url, "calc"));
    } else {
        let (program, what) = if what == DEV { (dev_program()?, "sdk") } else { (std::env::current_exe()?, what) };
        command = Command::new(program);
        command.args(["send", what, url]).arg(file);
    }
    Ok(command)
}

pub(crate) fn upload_url(base: &str, app: &str) -> String {
    format!("{base}/api/v2/apps/{app}/packages/upload?name=x.mda")
}

/// What the child process does. Prints its peak memory in KiB.
pub(crate) fn run(what: &str, url: &str, file: &Path) -> anyhow::Result<()> {
    match what {
        "sdk" => {
            upload_package(&client(url)?, &"calc".parse()?, &Upload::new(file))?;
        }
        "ureq" => ureq_alone(url, file)?,
        _ => anyhow::bail!("no sender is called {what}"),
    }
    println!("{}", peak_memory().unwrap_or(0));
    Ok(())
}

pub(crate) fn client(url: &str) -> anyhow::Result<Client> {
    let client = Client::new("me", "key")?.with_base_url(url)?.with_retry(Retry::never());
    Ok(client.with_root_certificates(&std::fs::read(CA)?)?)
}

/// The same bytes, as ureq sends them when it is given a reader.
fn ureq_alone(url: &str, file: &Path) -> anyhow::Result<()> {
    let roots = ureq::tls::parse_pem(&std::fs::read(CA)?)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect::<Vec<_>>();
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots.into()).build();
    let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
    let (mut body, length) = form(file)?;
    let response = agent
        .post(upload_url(url, "calc"))
        .header("Content-Type", "multipart/form-data; boundary=B")
        .header("Content-Length", length)
        .send(ureq::SendBody::from_reader(&mut body))?;
    ensure!(response.status() == 200, "an upload was not accepted");
    Ok(())
}

/// A multipart body made of what the standard library has, for comparison.
fn form(file: &Path) -> anyhow::Result<(impl Read, u64)> {
    const HEAD: &[u8] = b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.mda\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n";
    const TAIL: &[u8] = b"\r\n--B--\r\n";
    let file = File::open(file)?;
    let length = file.metadata()?.len() + (HEAD.len() + TAIL.len()) as u64;
    Ok((HEAD.chain(file).chain(TAIL), length))
}
