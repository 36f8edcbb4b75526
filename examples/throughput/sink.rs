//! The receiver: a process that takes uploads as fast as it can, or refuses them in the ways that matter.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::MIB;

/// The certificate authority of the tests' certificates.
pub(crate) const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/ca.pem");
const LEAF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/leaf.pem");
const LEAF_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/leaf-key.pem");

/// A running receiver, seen from the process that started it.
pub(crate) struct Sink {
    child: Child,
    lines: io::Lines<io::BufReader<ChildStdout>>,
    pub(crate) url: String,
}

impl Sink {
    pub(crate) fn start(tls: bool) -> anyhow::Result<Sink> {
        let (kind, scheme) = if tls { ("tls", "https") } else { ("plain", "http") };
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["sink", kind]).stdout(Stdio::piped()).spawn()?;
        let mut lines = io::BufRead::lines(io::BufReader::new(child.stdout.take().context("no stdout")?));
        let port = lines.next().context("the receiver did not start")??;
        Ok(Sink { child, lines, url: format!("{scheme}://127.0.0.1:{port}") })
    }

    /// How many body bytes the connection that ended next had received.
    pub(crate) fn received(&mut self) -> anyhow::Result<u64> {
        Ok(self.lines.next().context("the receiver is gone")??.parse()?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child process does: one connection after the other, a line on stdout for each.
pub(crate) fn run(tls: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let config = if tls { Some(tls_config()?) } else { None };
    say(listener.local_addr()?.port())?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        // A client that goes away is the end of a connection, not of the receiver.
        let received = match &config {
            None => serve(stream),
            Some(config) => {
                let connection = rustls::ServerConnection::new(config.clone())?;
                serve(rustls::StreamOwned::new(connection, stream))
            }
        };
        say(received.unwrap_or_else(|(received, _)| received))?;
    }
    Ok(())
}

fn say(line: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn tls_config() -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let certificate = CertificateDer::from_pem_file(LEAF)?;
    let key = PrivateKeyDer::from_pem_file(LEAF_KEY)?;
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

/// Serves one upload; the app id in its path says how. Returns how many body bytes came.
fn serve(mut stream: impl Read + Write) -> Result<u64, (u64, io::Error)> {
    let mut received = 0;
    exchange(&mut stream, &mut received).map_err(|error| (received, error))?;
    Ok(received)
}

fn exchange(stream: &mut (impl Read + Write), received: &mut u64) -> io::Result<()> {
    let mut block = vec![0; 1 << 20];
    let mut head = Vec::new();
    let body_start = loop {
        let n = stream.read(&mut block)?;
        if n == 0 {
            return Ok(());
        }
        head.extend_from_slice(block.get(..n).unwrap_or_default());
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(head.get(..body_start).unwrap_or_default()).to_ascii_lowercase();
    *received = (head.len() - body_start) as u64;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let invite = if text.contains("expect:") { "HTTP/1.1 100 Continue\r\n\r\n" } else { "" };
    if text.contains("/apps/refused/") {
        // The connection stays open until the client has had enough.
        answer(stream, "401 Unauthorized", r#"{"errorCode":"UNAUTHORIZED","errorMessage":"no"}"#)?;
        return read_until(stream, &mut block, received, u64::MAX);
    }
    stream.write_all(invite.as_bytes())?;
    if text.contains("/apps/toolarge/") {
        read_until(stream, &mut block, received, 10 * MIB)?;
        return answer(stream, "413 Content Too Large", r#"{"errorCode":"TOO LARGE","errorMessage":"no"}"#);
    }
    read_until(stream, &mut block, received, length)?;
    answer(stream, "200 OK", r#"{"PackageId":"p-1","JobId":"j-1"}"#)
}

fn read_until(stream: &mut impl Read, block: &mut [u8], received: &mut u64, length: u64) -> io::Result<()> {
    while *received < length {
        match stream.read(block)? {
            0 => break,
            n => *received += n as u64,
        }
    }
    Ok(())
}

fn answer(stream: &mut impl Write, status: &str, body: &str) -> io::Result<()> {
    // One write: a formatted one would be many small packets.
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes())?;
    stream.flush()
}
