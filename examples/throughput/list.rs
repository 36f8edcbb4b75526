//! Processor time for a long list of packages, and for a body that is made to be reparsed for each of its pieces.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use anyhow::ensure;
use mendix_deploy::list_packages;

use crate::measure::own_cpu;
use crate::sender::client;

const PACKAGES: usize = 25_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    println!("\nprocessor time for a list of packages, in the {profile} profile");
    let packages: Vec<String> = (0..PACKAGES).map(package).collect();
    let (found, took) = list(&format!("[{}]", packages.join(",")))?;
    ensure!(found == Some(PACKAGES), "all packages are listed");
    println!("  {PACKAGES} packages: {took}");
    let (found, took) = list(&format!("[{}]", vec!["[]"; 2_700_000].join(",")))?;
    ensure!(found.is_none(), "that is no list of packages");
    println!("  8 MB of [[],[],…: {took}");
    Ok(())
}

/// As in Build API, "Retrieve Packages".
fn package(number: usize) -> String {
    format!(
        r#"{{"Name":"Main line-1.1.5.{number}.mda","Status":"Succeeded","Description":"Initial app","Creator":"Richard Ford",
        "CreationDate":1404739654045,"Version":"1.1.5.9","PackageId":"4ee10492-6cfc-4582-b825-{number:012}","Size":1999059}}"#
    )
}

/// How many packages this crate finds in a body, and the processor time for it.
fn list(body: &str) -> anyhow::Result<(Option<usize>, String)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let client = client(&format!("http://{}", listener.local_addr()?))?;
    std::thread::scope(|scope| {
        scope.spawn(|| answer(&listener, body));
        let before = own_cpu();
        let found = list_packages(&client, &"calc".parse()?).ok().map(|packages| packages.len());
        let took = own_cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok((found, took.map_or_else(|| "not measured".to_owned(), |took| format!("{took:.1?}"))))
    })
}

/// Without a length, so that the client has to find the end.
fn answer(listener: &TcpListener, body: &str) -> std::io::Result<()> {
    let (stream, _) = listener.accept()?;
    for line in BufReader::new(&stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    (&stream).write_all(format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes())
}
