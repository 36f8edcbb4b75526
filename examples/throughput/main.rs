//! Measures what this crate costs, compared to ureq alone and to curl.
//!
//! ```sh
//! cargo run --release --example throughput              # everything at run time
//! cargo run --release --example throughput -- 64        # the large upload has 64 MiB instead of 1024
//! cargo run --release --example throughput -- build     # the dependency tree and the program's size
//! cargo run --example throughput -- list                # a list of 25,000 packages
//! ```
//!
//! Every sender is a process of its own, and so is the receiver. The rounds of the senders take turns, so that a slow
//! moment of the machine hits them all; figures are medians, with the smallest and the largest in brackets.

mod allocations;
mod build;
mod list;
mod measure;
mod refusal;
mod sender;
mod sink;
mod upload;

const MIB: u64 = 1024 * 1024;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => everything(1024),
        ["build"] => build::run(),
        ["allocations"] => allocations::run(),
        ["list"] => list::run(),
        ["sink", kind] => sink::run(*kind == "tls"),
        ["send", what, url, file] => sender::run(what, url, std::path::Path::new(file)),
        [large] => everything(large.parse()?),
        _ => anyhow::bail!("usage: throughput [MIB | build | allocations | list]"),
    }
}

fn everything(large: u64) -> anyhow::Result<()> {
    println!("measured on: {}", measure::machine());
    println!("loopback; each sender and the receiver a process of its own; sparse files, read from the page cache");
    upload::tls(large)?;
    upload::memory(large)?;
    refusal::run()?;
    allocations::run()
}
