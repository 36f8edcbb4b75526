//! The multipart/form-data encoder: one part, one file, streamed.
//!
//! Hand-written on purpose, and small: the head and the tail of the body are rendered once, which gives their lengths,
//! and the file is read straight into the buffer that the HTTP client sends from. The format follows RFC 7578, the
//! delimiters RFC 2046 §5.1, and the escaping of names the WHATWG HTML standard ("multipart/form-data encoding
//! algorithm").

use std::io::{Cursor, Read};

use crate::random;

/// A delimiter that no file contains: 128 random bits (RFC 2046 §5.1.1 allows at most 70 characters).
#[derive(Debug, Clone)]
pub(crate) struct Boundary(String);

impl Boundary {
    pub(crate) fn random() -> Self {
        Boundary(format!("{:-<24}{:016x}{:016x}", "", random::bits(), random::bits()))
    }

    /// The value of the request's `Content-Type`. No character of a boundary needs quotes.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.0)
    }
}

/// The request body and its exact length: one part called `name` with `content`, which must yield exactly `length`
/// bytes or an error. If a body ended early, ureq would read it for ever.
pub(crate) fn encode<R: Read>(
    boundary: &Boundary,
    name: &str,
    file_name: &str,
    content: R,
    length: u64,
) -> (impl Read + use<R>, u64) {
    let Boundary(boundary) = boundary;
    let head = format!(
        "--{boundary}\r\n\
         Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\
         \r\n",
        escaped(name),
        escaped(file_name),
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let total = length.saturating_add((head.len() + tail.len()) as u64);
    (Cursor::new(head).chain(content).chain(Cursor::new(tail)), total)
}

/// Escapes the three characters that would end the quoted string and nothing else, as browsers and curl do.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => escaped.push_str("%22"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod referee;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_rfc_7578() {
        let boundary = Boundary("B".into());
        assert_eq!(boundary.content_type(), "multipart/form-data; boundary=B");
        let (mut body, length) = encode(&boundary, "file", "calc.mda", &b"PK\r\n--B--"[..], 9);
        let expected = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"calc.mda\"\r\n\
                        Content-Type: application/octet-stream\r\n\r\nPK\r\n--B--\r\n--B--\r\n";
        let mut bytes = String::new();
        body.read_to_string(&mut bytes).unwrap();
        assert_eq!((bytes.as_str(), length), (expected, expected.len() as u64));
    }

    #[test]
    fn only_quotes_and_line_breaks_are_escaped() {
        assert_eq!(escaped("a\"b\r\nc;\\%+ é%22"), "a%22b%0D%0Ac;\\%+ é%22");
    }

    #[test]
    fn content_that_ends_in_an_error_never_gets_a_closing_boundary() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("disk on fire"))
            }
        }
        let (mut body, _) = encode(&Boundary("B".into()), "file", "f", b"x".chain(Broken), 5);
        let mut bytes = Vec::new();
        assert_eq!(body.read_to_end(&mut bytes).unwrap_err().to_string(), "disk on fire");
        assert!(bytes.ends_with(b"\r\n\r\nx"));
    }
}
