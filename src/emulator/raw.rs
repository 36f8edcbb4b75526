//! Requests by hand, for the tests of the emulator: nothing between them and the socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Emulator;

/// A connection to an emulator.
pub(super) struct Raw(pub(super) TcpStream);

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// The body, or null.
    pub(super) json: serde_json::Value,
}

impl Raw {
    pub(super) fn to(emulator: &Emulator) -> Self {
        let stream = TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw(stream)
    }

    pub(super) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer()
    }

    pub(super) fn answer(&mut self) -> Answer {
        let head = self.head();
        let length =
            head.split("Content-Length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let json = serde_json::from_str(&body).unwrap_or_default();
        Answer { status: head[9..12].parse().unwrap(), head, body, json }
    }

    /// An answer up to its empty line, byte by byte, so that nothing after it is taken.
    pub(super) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        String::from_utf8(head).unwrap()
    }
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
    let credentials = credentials();
    format!(
        "POST /api/v2/apps/calc/packages/upload{query} HTTP/1.1\r\nHost: x\r\n{credentials}\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

pub(super) fn get_job(app: &str, job: &str) -> String {
    format!("GET /api/v2/apps/{app}/jobs/{job} HTTP/1.1\r\nHost: x\r\n{}\r\n", credentials())
}

fn credentials() -> String {
    format!("Mendix-Username: {}\r\nMendix-ApiKey: {}\r\n", Emulator::USERNAME, Emulator::API_KEY)
}
