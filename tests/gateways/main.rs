//! Uploads through stock servers and gateways, as far as they are installed: what curl says, what this crate says, and
//! how many whole requests the server behind them got. It fails if we lose a status that curl shows, or if the package
//! arrives twice. Then deployments through nginx and haproxy, whose node is replaced in the middle.
//!
//! `cargo test --test gateways [-- NAME…]`, where `chain` is only the deployments. It needs curl, and any of the servers
//! (all are Debian packages: nginx, apache2, haproxy, varnish, caddy, lighttpd with lighttpd-mod-openssl, squid-openssl,
//! golang-go, nodejs).

// A test, although clippy cannot know that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod backend;
#[path = "../it/support/package.rs"]
#[allow(dead_code)] // The other tests use the rest.
mod package;
mod replaced;
mod servers;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use mendix_deploy::{Client, Error, Retry, Upload, upload_package};

use backend::Backend;
use package::{MIB, Package};
use servers::{Gateway, PROTOCOLS, SERVERS};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/ca.pem");

/// What happens to the upload, the first part of its path. Gateways refuse `refused` by themselves; the rest is up to the
/// server behind them.
const SITUATIONS: [&str; 6] = ["accepted", "refused", "refused-in-mid-body", "refused-after-body", "dies", "silent"];

fn main() -> ExitCode {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let directory = std::env::temp_dir().join(format!("mendix-deploy-gateways-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    // More than the buffers on the way hold.
    let package = Package::sparse(64 * MIB);

    println!("Each cell: what curl says; what we say; whole requests that arrived of curl's and of ours.\n");
    println!("| server | situation | {} |", PROTOCOLS.join(" | "));
    println!("|---|---|---|---|---|");
    let mut complaints = Vec::new();
    for server in SERVERS.iter().filter(|server| wanted.is_empty() || wanted.iter().any(|name| name == server.name)) {
        let backend = Backend::start();
        let gateway = match Gateway::start(server, backend.port(), &directory.join(server.name)) {
            Ok(gateway) => gateway,
            Err(problem) => {
                println!("| {} | {problem} | | | |", server.name);
                continue;
            }
        };
        for situation in SITUATIONS {
            let cells = PROTOCOLS.map(|protocol| {
                let Some(url) = gateway.url(protocol) else { return "-".to_owned() };
                let cell = Cell::of(&format!("{url}/{situation}"), package.as_ref(), &backend);
                if let Some(complaint) = cell.complaint() {
                    complaints.push(format!("{}, {situation}, {protocol}: {complaint}: {cell:?}", server.name));
                }
                cell.to_string()
            });
            println!("| {} | {situation} | {} |", server.name, cells.join(" | "));
        }
    }
    if wanted.is_empty() || wanted.iter().any(|name| name == "chain") {
        complaints.extend(replaced::run(Package::small().as_ref(), &directory));
    }
    let _ = std::fs::remove_dir_all(directory);
    for complaint in &complaints {
        println!("\n{complaint}");
    }
    ExitCode::from(u8::from(!complaints.is_empty()))
}

/// One upload by curl and one by us.
#[derive(Debug)]
struct Cell {
    curl_status: u16,
    curl_exit: i32,
    ours: Result<(), Error>,
    whole_of_curl: usize,
    whole_of_ours: usize,
}

impl Cell {
    fn of(url: &str, package: &Path, backend: &Backend) -> Cell {
        backend.take_count();
        let output = Command::new("curl")
            .args(["--silent", "--http1.1", "--max-time", "40", "--cacert", CA, "--noproxy", "*"])
            .args(["--header", "Mendix-Username: user@example.com", "--header", "Mendix-ApiKey: secret-key"])
            .args(["--form", &format!("file=@{}", package.display())])
            .args(["--output", if cfg!(windows) { "NUL" } else { "/dev/null" }, "--write-out", "%{http_code}"])
            .arg(format!("{url}/api/v2/apps/calc/packages/upload"))
            .output()
            .expect("curl is needed");
        let whole_of_curl = backend.take_count();
        let client = Client::new("user@example.com", "secret-key")
            .and_then(|client| client.with_base_url(url))
            .and_then(|client| client.with_root_certificates(&std::fs::read(CA).unwrap()))
            .unwrap()
            .with_retry(Retry::default().with_first_wait(Duration::from_millis(1)))
            .with_stall_timeout(Duration::from_secs(40))
            .with_response_timeout(Duration::from_secs(40));
        let ours = upload_package(&client, &"calc".parse().unwrap(), &Upload::new(package));
        Cell {
            curl_status: String::from_utf8_lossy(&output.stdout).parse().unwrap_or(0),
            curl_exit: output.status.code().unwrap_or(-1),
            ours: ours.map(drop),
            whole_of_curl,
            whole_of_ours: backend.take_count(),
        }
    }

    /// The promise that is broken, if any.
    fn complaint(&self) -> Option<&'static str> {
        let is_lost = |error: &Error| self.curl_status >= 200 && error.status() != Some(self.curl_status);
        if self.whole_of_ours > 1 {
            Some("the package arrived twice")
        } else if self.ours.as_ref().is_err_and(is_lost) {
            Some("a status is lost")
        } else {
            None
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.curl_status, self.curl_exit) {
            (0..200, exit) => write!(f, "no status ({exit})")?,
            (status, 0) => write!(f, "{status}")?,
            (status, exit) => write!(f, "{status} ({exit})")?,
        }
        match &self.ours {
            Ok(()) => f.write_str("; accepted")?,
            Err(error) => match error.status() {
                Some(status) => write!(f, "; {:?} {status}", error.kind())?,
                None => write!(f, "; {:?}", error.kind())?,
            },
        }
        write!(f, "; {}, {}", self.whole_of_curl, self.whole_of_ours)
    }
}
