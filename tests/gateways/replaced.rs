//! A deployment through nginx and haproxy, while the only node behind them is replaced: connections to it end, and for a
//! second haproxy responds with 503 pages of its own.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mendix_deploy::emulator::{Emulator, Fault};
use mendix_deploy::{Client, Deploy, Event, Poll, Result, Upload, upload_and_deploy};

use super::CA;
use super::servers::{Gateway, SERVERS};

/// How long there is no node.
const AWAY: Duration = Duration::from_secs(1);
const ENVIRONMENT: &str = "Acceptance";

/// When the node is replaced: right after the first line of the log that contains these words.
const MOMENTS: [&str; 6] = ["accepted", "ready", "stop requested", "stopped after", "transported", "start requested"];

/// Forwards connections to the emulator, as a node does, until it is replaced.
struct Node {
    port: u16,
    is_away: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Node {
    /// It ends with the process.
    fn start(emulator: &Emulator) -> io::Result<Node> {
        let target = emulator.url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let node = Node { port: listener.local_addr()?.port(), is_away: Arc::default(), open: Arc::default() };
        let (is_away, open) = (node.is_away.clone(), node.open.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Closed at once, without a response.
                if is_away.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(&target) {
                    let _ = forward(client, server, &open);
                }
            }
        });
        Ok(node)
    }

    fn replace(&self) {
        self.is_away.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let is_away = self.is_away.clone();
        thread::spawn(move || {
            thread::sleep(AWAY);
            is_away.store(false, Ordering::SeqCst);
        });
    }
}

fn forward(client: TcpStream, server: TcpStream, open: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    open.lock().unwrap().extend([client.try_clone()?, server.try_clone()?]);
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// Prints a row for each moment, and returns what is wrong.
pub(super) fn run(package: &Path, directory: &Path) -> Vec<String> {
    println!("\nA deployment through nginx and haproxy, whose node is replaced at this moment:\n");
    println!("| moment | result | failed polls | uploads, stops, transports, starts |");
    println!("|---|---|---|---|");
    MOMENTS
        .iter()
        .enumerate()
        .filter_map(|(n, moment)| at(moment, package, &directory.join(n.to_string())).err())
        .collect()
}

/// An error if the deployment fails, if another package runs, or if anything was done twice.
fn at(moment: &'static str, package: &Path, directory: &Path) -> std::result::Result<(), String> {
    let emulator = Emulator::start().unwrap();
    emulator.complete_after_polls(8);
    emulator.fail_stops(1, Fault::Slow(8));
    emulator.fail_transports(1, Fault::Slow(8));
    emulator.fail_starts(1, Fault::Slow(8));
    let node = Node::start(&emulator).unwrap();
    std::fs::create_dir(directory).unwrap();
    let start = |name: &str, behind: u16| {
        let server = SERVERS.iter().find(|server| server.name == name).unwrap();
        Gateway::start(server, behind, &directory.join(name)).map_err(|problem| format!("{name}: {problem}"))
    };
    let haproxy = start("haproxy", node.port)?;
    let nginx = start("nginx", haproxy.port())?;

    let (failed, was_replaced) = (Arc::new(Mutex::new(0)), AtomicBool::new(false));
    let counted = failed.clone();
    let watch = move |event: &Event| {
        if matches!(event, Event::PollFailed { .. }) {
            *counted.lock().unwrap() += 1;
        }
        if event.to_string().contains(moment) && !was_replaced.swap(true, Ordering::SeqCst) {
            node.replace();
        }
    };
    let deployed = deploy(&nginx.url("TLS 1.3").unwrap_or_default(), package, watch);
    let runs = emulator.running(&"calc".parse().unwrap(), ENVIRONMENT);
    let done = |what: &str| emulator.steps().iter().filter(|step| step.starts_with(what)).count();
    let counts = [emulator.uploads().len(), done("stop"), done("transport"), done("start")];
    let (said, failed) =
        (deployed.as_ref().map_or_else(ToString::to_string, |_| "Ok".to_owned()), *failed.lock().unwrap());
    println!("| {moment} | {said} | {failed} | {counts:?} |");
    match deployed {
        Ok(package) if runs.as_ref() == Some(&package) && counts == [1; 4] && failed > 0 => Ok(()),
        _ => {
            Err(format!("replaced at {moment:?}: {said}; runs {runs:?}; {failed} failed polls; {:?}", emulator.steps()))
        }
    }
}

fn deploy(
    url: &str,
    package: &Path,
    watch: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<mendix_deploy::PackageId> {
    let client = Client::new(Emulator::USERNAME, Emulator::API_KEY)?
        .with_base_url(url)?
        .with_root_certificates(&std::fs::read(CA).unwrap())?
        .with_poll(Poll::default().with_interval(Duration::from_millis(100)).with_timeout(Duration::from_secs(60)))
        .on_event(watch);
    let (app, environment) = ("calc".parse()?, ENVIRONMENT.parse()?);
    let upload = Upload::new(package).with_name("calc_1.mda");
    upload_and_deploy(&client, &app, &environment, &upload, &Deploy::default()).map(|deployed| deployed.package)
}
