//! A gateway in front of an emulator: it records the emulator's responses, and can replace or drop them, or go down.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mendix_deploy::emulator::Emulator;
use serde_json::Value;

use super::caller::{Caller, fast_retry};

/// What the gateway does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    /// Passes it on.
    Pass,
    /// Responds itself, with this status line and body.
    Answer(&'static str, &'static str),
    /// Passes it on, and changes the JSON in the response.
    Change(fn(&mut Value)),
    /// Passes it on, and closes the connection without a response.
    Lose,
    /// Closes the connection at once.
    Close,
}

/// A request that was passed on, and the response if the client got it.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    /// Such as "GET /api/1/apps/calc/environments/Acceptance".
    pub(crate) request: String,
    /// Status and body.
    answer: Option<(u16, Value)>,
}

impl Passed {
    /// The status that the client got.
    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.answer.as_ref()?.0)
    }

    /// This field of a success that the client got.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.answer.as_ref().filter(|(status, _)| *status == 200)?.1.get(name)?.as_str()
    }
}

pub(crate) struct Gateway {
    url: String,
    passed: Arc<Mutex<Vec<Passed>>>,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Gateway {
    /// `plan` decides about each request, by its number from 0 and its first line.
    pub(crate) fn to(emulator: &Emulator, plan: impl FnMut(usize, &str) -> Then + Send + 'static) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let emulator = emulator.url().strip_prefix("http://").unwrap().parse().unwrap();
        let (passed, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (all, is_over) = (Arc::clone(&passed), over.clone());
        let listening = Some(thread::spawn(move || listen(&listener, emulator, plan, &all, &is_over)));
        Gateway { url, passed, over, listening }
    }

    /// A client of the emulator that talks to the gateway.
    pub(crate) fn caller(&self, emulator: &Emulator) -> Caller {
        let client = emulator.client().with_base_url(&self.url).unwrap().with_retry(fast_retry());
        Caller::from(client, |_| {})
    }

    /// What has been passed on so far, in order.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.take() {
            // A failing test has already said why.
            let _ = listening.join();
        }
    }
}

fn listen(
    listener: &TcpListener,
    emulator: SocketAddr,
    mut plan: impl FnMut(usize, &str) -> Then,
    passed: &Mutex<Vec<Passed>>,
    over: &AtomicBool,
) {
    listener.set_nonblocking(true).unwrap();
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        match listener.accept() {
            // A client that has gone is not the gateway's concern.
            Ok((client, _)) => drop(serve(client, emulator, |line| plan(number, line), passed).map(|()| number += 1)),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn serve(
    mut client: TcpStream,
    emulator: SocketAddr,
    plan: impl FnOnce(&str) -> Then,
    passed: &Mutex<Vec<Passed>>,
) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = read_request(&mut client)?;
    let line = String::from_utf8_lossy(&request).split(" HTTP/").next().unwrap_or_default().to_owned();
    let then = plan(&line);
    match then {
        Then::Close => return Ok(()),
        Then::Answer(status, body) => {
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            return client.write_all(answer.as_bytes());
        }
        Then::Pass | Then::Change(_) | Then::Lose => {}
    }
    let mut upstream = TcpStream::connect(emulator)?;
    upstream.write_all(&request)?;
    let mut answer = Vec::new();
    // The emulator may hang up.
    let _ = upstream.read_to_end(&mut answer);
    if let Then::Change(change) = then {
        answer = changed(&answer, change).unwrap_or(answer);
    }
    let is_lost = matches!(then, Then::Lose);
    let said = if is_lost { None } else { parsed(&answer) };
    passed.lock().unwrap().push(Passed { request: line, answer: said });
    if is_lost { Ok(()) } else { client.write_all(&answer) }
}

/// The response with other JSON in it, and the same head but for its length.
fn changed(answer: &[u8], change: fn(&mut Value)) -> Option<Vec<u8>> {
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let mut value: Value = body.parse().ok()?;
    change(&mut value);
    let body = value.to_string();
    let fields = head.split("\r\n").filter(|field| !field.starts_with("Content-Length"));
    let head = fields.collect::<Vec<_>>().join("\r\n");
    Some(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// Status and body of a response.
fn parsed(answer: &[u8]) -> Option<(u16, Value)> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.parse().unwrap_or_default()))
}

/// Reads a request with its body.
fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut request, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let end = request.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        match client.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => request.extend_from_slice(&block[..n]),
        }
    }
}
