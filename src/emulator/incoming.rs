//! A request: its head, read at once, and its body, read when it is needed.

use std::io::{self, BufRead, Read, Take, Write};
use std::net::TcpStream;

use super::codes::Documented;
use crate::error::Error;

/// The maximum length of a head. Real ones are below 1 KiB.
const MAX_HEAD: u64 = 64 << 10;
const MAX_HEADERS: usize = 100;

pub(super) struct Request<'a, R> {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: Vec<(String, String)>,
    input: &'a mut R,
    /// The other direction.
    client: &'a TcpStream,
}

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum Stop {
    Refused {
        status: u16,
        /// The `errorCode`, unless it is the status in words.
        code: Option<&'static str>,
        message: String,
    },
    /// The client has gone.
    Broken(io::Error),
    /// No response is sent, and the connection stays open.
    Hung,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Broken(error)
    }
}

/// An id could not be made.
impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        refused(500, error.to_string())
    }
}

impl From<Documented> for Stop {
    fn from((code, status, message): Documented) -> Self {
        Stop::Refused { status, code: Some(code), message: message.to_owned() }
    }
}

pub(super) fn refused(status: u16, message: impl Into<String>) -> Stop {
    Stop::Refused { status, code: None, message: message.into() }
}

impl<'a, R: BufRead> Request<'a, R> {
    /// Reads the head.
    pub(super) fn read(input: &'a mut R, client: &'a TcpStream) -> Result<Self, Stop> {
        let bytes = read_lines(input, MAX_HEAD, 431)?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        head.parse(&bytes).map_err(|error| refused(400, format!("malformed request: {error}")))?;
        let target = head.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, path, query) = (head.method.unwrap_or_default().to_owned(), path.to_owned(), query.to_owned());
        let request = Request { method, path, query, headers: owned(head.headers)?, input, client };
        request.check_framing()?;
        Ok(request)
    }

    /// The value of a header that occurs exactly once.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (_, first) = values.next()?;
        values.next().is_none().then_some(first)
    }

    /// `Content-Length`, which `check_framing` has validated.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.only("Content-Length")?.parse().ok()
    }

    /// The body, once: sends `100 Continue` if the client waits for that.
    pub(super) fn body(&mut self) -> io::Result<Take<&mut R>> {
        if self.only("Expect").is_some() {
            self.client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let length = self.content_length().unwrap_or(0);
        Ok(self.input.by_ref().take(length))
    }

    /// Reads the whole body and drops it.
    pub(super) fn skip_body(&mut self) -> io::Result<()> {
        let mut body = self.body()?;
        io::copy(&mut body, &mut io::sink())?;
        check_end(&body)
    }

    /// Refuses a request whose body has no clear end (RFC 9112 §6.3).
    fn check_framing(&self) -> Result<(), Stop> {
        let has = |name: &str| self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if has("Transfer-Encoding") {
            return Err(refused(411, "a body needs a Content-Length, and no Transfer-Encoding"));
        }
        // `parse` would accept a sign.
        let is_length = |value: &str| value.bytes().all(|b| b.is_ascii_digit()) && value.parse::<u64>().is_ok();
        if has("Content-Length") && !self.only("Content-Length").is_some_and(is_length) {
            return Err(refused(400, "the Content-Length must be one number"));
        }
        Ok(())
    }
}

/// An incomplete body does not count.
pub(super) fn check_end(body: &Take<impl BufRead>) -> io::Result<()> {
    if body.limit() > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Reads up to and including the first empty line; heads longer than `limit` are refused with `status`.
pub(super) fn read_lines(input: &mut impl BufRead, limit: u64, status: u16) -> Result<Vec<u8>, Stop> {
    let (mut lines, mut input) = (Vec::new(), input.take(limit));
    while !lines.ends_with(b"\r\n\r\n") {
        if input.read_until(b'\n', &mut lines)? == 0 {
            return Err(match input.limit() {
                0 => refused(status, "the head is too long or does not end"),
                _ => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            });
        }
    }
    Ok(lines)
}

pub(super) fn owned(headers: &[httparse::Header]) -> Result<Vec<(String, String)>, Stop> {
    let owned = |header: &httparse::Header| {
        let value = std::str::from_utf8(header.value).map_err(|_| refused(400, "a header is not UTF-8"))?;
        Ok((header.name.to_owned(), value.to_owned()))
    };
    headers.iter().map(owned).collect()
}
