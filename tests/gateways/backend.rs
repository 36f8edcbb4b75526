//! The server behind the gateways: plain HTTP/1.1, a connection for each request. It counts the requests that arrive
//! whole.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How much of the body it has read when it refuses in the middle.
const MID_BODY: u64 = 1 << 20;
/// Longer than the gateways wait for a response.
const SILENCE: Duration = Duration::from_secs(6);

pub(crate) struct Backend {
    port: u16,
    whole: Arc<AtomicUsize>,
}

impl Backend {
    /// It ends with the process.
    pub(crate) fn start() -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, whole) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = whole.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let count = count.clone();
                // A gateway that disconnects is not a failure.
                thread::spawn(move || stream.and_then(|stream| serve(&stream, &count)));
            }
        });
        Backend { port, whole }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests have arrived whole since the last call.
    pub(crate) fn take_count(&self) -> usize {
        self.whole.swap(0, Ordering::Relaxed)
    }
}

fn serve(mut stream: &TcpStream, count: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let head = head.to_ascii_lowercase();
    if head.contains("\r\nexpect: 100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let situation = head.split('/').nth(1).unwrap_or_default();
    if situation == "refused-in-mid-body" {
        io::copy(&mut reader.take(MID_BODY), &mut io::sink())?;
        return answer(stream, "413 Content Too Large", r#"{"errorCode":"TOO_LARGE"}"#);
    }
    read_body(&head, &mut reader)?;
    count.fetch_add(1, Ordering::Relaxed);
    match situation {
        "refused-after-body" => answer(stream, "401 Unauthorized", r#"{"errorCode":"INVALID_CREDENTIALS"}"#),
        "accepted" => answer(stream, "200 OK", r#"{"PackageId":"p-1","JobId":"j-1"}"#),
        "silent" => {
            thread::sleep(SILENCE);
            Ok(())
        }
        _ => Ok(()), // It dies.
    }
}

/// An error if the body is cut short.
fn read_body(head: &str, reader: &mut impl BufRead) -> io::Result<()> {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    if let Some(length) = length.and_then(|length| length.trim().parse().ok()) {
        return skip(length, reader);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        skip(length + 2, reader)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn skip(length: u64, reader: &mut impl BufRead) -> io::Result<()> {
    let n = io::copy(&mut reader.take(length), &mut io::sink())?;
    if n == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Closes half a second after the response, so that it is not lost in a reset.
fn answer(mut stream: &TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let kind = "Content-Type: application/json\r\nConnection: close";
    stream.write_all(format!("HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    thread::sleep(Duration::from_millis(500));
    Ok(())
}
