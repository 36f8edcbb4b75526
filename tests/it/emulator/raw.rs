//! Hand-written requests over a plain socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use mendix_deploy::emulator::Emulator;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The body, or null.
    pub(super) json: serde_json::Value,
    pub(super) text: String,
}

pub(super) fn connect(emulator: &Emulator) -> TcpStream {
    let stream = TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

pub(super) fn ask(emulator: &Emulator, request: &str) -> Answer {
    let mut stream = connect(emulator);
    stream.write_all(request.as_bytes()).unwrap();
    answer(stream)
}

pub(super) fn answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let json = serde_json::from_str(text.rsplit("\r\n\r\n").next().unwrap()).unwrap_or_default();
    Answer { status: text[9..12].parse().unwrap(), json, text }
}

/// A form with the one part that the service expects; the boundary is `B`.
pub(super) fn form(content: &str) -> String {
    let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"x.mda\"";
    format!("--B\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n{content}\r\n--B--\r\n")
}

pub(super) fn upload(query: &str, body: &str) -> String {
    upload_head(query, body.len() as u64, "") + body
}

/// The head of an upload to `calc`, with `more` headers.
pub(super) fn upload_head(query: &str, length: u64, more: &str) -> String {
    format!(
        "POST /api/v2/apps/calc/packages/upload{query} HTTP/1.1\r\nHost: x\r\n{}\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {length}\r\n{more}\r\n",
        credentials()
    )
}

pub(super) fn get_job(app: &str, job: &str) -> String {
    format!("GET /api/v2/apps/{app}/jobs/{job} HTTP/1.1\r\nHost: x\r\n{}\r\n", credentials())
}

/// A call of v1 about the environments of `calc`.
pub(super) fn of_environment(method: &str, path: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!(
        "{method} /api/1/apps/calc/environments{path} HTTP/1.1\r\nHost: x\r\n{}\
         Content-Type: application/json\r\n{length}\r\n{body}",
        credentials()
    )
}

fn credentials() -> String {
    format!("Mendix-Username: {}\r\nMendix-ApiKey: {}\r\n", Emulator::USERNAME, Emulator::API_KEY)
}
