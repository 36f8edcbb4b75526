//! The body of an upload: multipart/form-data with exactly one part, `file`, checked while it is streamed.

use std::io::{BufRead, Read};

use super::incoming::{Stop, owned, read_lines, refused};

/// The maximum length of a part's head. Real ones are below 1 KiB.
const MAX_PART_HEAD: u64 = 16 << 10;
const ONE_PART: &str = "there must be one part, then the closing boundary, and nothing after it";

/// The part, once the whole body has been read.
#[derive(Debug, Default, Clone)]
pub(super) struct Part {
    pub(super) file_name: String,
    pub(super) size: u64,
    /// `None` if the file is too large to be kept.
    pub(super) content: Option<Vec<u8>>,
}

/// The boundary in a `Content-Type` (RFC 2046 §5.1.1).
pub(super) fn boundary(content_type: Option<&str>) -> Option<&str> {
    let (kind, rest) = split_value(content_type?);
    let value = only(&parameters(rest)?, "boundary")?;
    (kind.eq_ignore_ascii_case("multipart/form-data") && (1..=70).contains(&value.len())).then_some(value)
}

/// Reads the whole body, and keeps the content if it has at most `keep` bytes.
pub(super) fn receive(body: &mut impl BufRead, boundary: &str, keep: u64) -> Result<Part, Stop> {
    let (expected, mut opening) = (format!("--{boundary}\r\n"), Vec::new());
    body.take(expected.len() as u64).read_to_end(&mut opening)?;
    if opening != expected.as_bytes() {
        return Err(refused(400, "the body must begin with the boundary"));
    }
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let head = read_lines(body, MAX_PART_HEAD, 400)?;
    let headers = match httparse::parse_headers(&head, &mut headers) {
        Ok(httparse::Status::Complete((_, headers))) => owned(headers)?,
        _ => return Err(refused(400, "the head of the part is malformed")),
    };
    let file_name = file_name(&headers).map_err(|problem| refused(400, problem))?;
    let mut part = Part { file_name, size: 0, content: Some(Vec::new()) };
    let delimiter = format!("\r\n--{boundary}");
    // Bytes that may be the start of the delimiter stay pending until there are more.
    let mut pending = Vec::new();
    loop {
        let arrived = body.fill_buf()?;
        if arrived.is_empty() {
            return Err(refused(400, "the body does not end in the closing boundary"));
        }
        let length = arrived.len();
        pending.extend_from_slice(arrived);
        body.consume(length);
        if let Some(at) = find(&pending, delimiter.as_bytes()) {
            let mut end = pending.split_off(at + delimiter.len());
            // One byte more than is allowed.
            body.take(5).read_to_end(&mut end)?;
            pending.truncate(at);
            part.add(&pending, keep);
            return if end == b"--" || end == b"--\r\n" { Ok(part) } else { Err(refused(400, ONE_PART)) };
        }
        let certain = pending.len().saturating_sub(delimiter.len() - 1);
        part.add(pending.get(..certain).unwrap_or_default(), keep);
        pending.drain(..certain);
    }
}

impl Part {
    fn add(&mut self, bytes: &[u8], keep: u64) {
        self.size += bytes.len() as u64;
        if self.size > keep {
            self.content = None;
        }
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
    }
}

/// Where `delimiter` starts. `skip_until` is std's fast search for a byte.
fn find(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    let (first, mut rest) = (*delimiter.first()?, bytes);
    while rest.skip_until(first).ok()? > 0 {
        let at = (bytes.len() - rest.len()).checked_sub(1)?;
        if bytes.get(at..)?.starts_with(delimiter) {
            return Some(at);
        }
    }
    None
}

/// The file name in the headers of the part that the service expects (RFC 7578 §4.2).
fn file_name(headers: &[(String, String)]) -> Result<String, &'static str> {
    let mut dispositions = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Disposition"));
    let (Some((_, disposition)), None) = (dispositions.next(), dispositions.next()) else {
        return Err("the part must have one Content-Disposition");
    };
    let (kind, rest) = split_value(disposition);
    let parameters = parameters(rest).ok_or("the Content-Disposition of the part is malformed")?;
    if !kind.eq_ignore_ascii_case("form-data") || only(&parameters, "name") != Some("file") {
        return Err("the part must be form-data named file");
    }
    match only(&parameters, "filename") {
        Some(name) if !name.is_empty() && parameters.len() == 2 => {
            Ok(name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
        }
        _ => Err("the part must have a filename, and no other parameters"),
    }
}

fn split_value(header: &str) -> (&str, &str) {
    let (value, rest) = header.split_at(header.find(';').unwrap_or(header.len()));
    (value.trim(), rest)
}

/// Parses `; name=value; name="value"`. A backslash is literal, as browsers and curl send it.
fn parameters(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.strip_prefix(';')?.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find([';', ' ', '\t']).unwrap_or(after.len())),
        };
        found.push((name.trim(), value));
        rest = after;
    }
}

/// The value of a parameter that occurs exactly once.
fn only<'a>(parameters: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let mut values = parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const DISPOSITION: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"x.mda\"";

    fn receive_by(step: usize, body: &str) -> Result<Part, Stop> {
        receive(&mut BufReader::with_capacity(step, body.as_bytes()), "B", 1 << 20)
    }

    #[test]
    fn content_is_what_stands_between_the_boundaries_however_it_arrives() {
        for content in ["", "x", "\r\n", "\r\n--", "\r\n--A", "\r\r\n--\r\n--", "--B", "\n--B--\r\n", "\r"] {
            for step in [1, 2, 3, 5, 4096] {
                let part = receive_by(step, &format!("--B\r\n{DISPOSITION}\r\n\r\n{content}\r\n--B--\r\n")).unwrap();
                assert_eq!(part.content.as_deref(), Some(content.as_bytes()), "{content:?} by {step}");
            }
        }
    }

    #[test]
    fn an_endless_body_or_part_is_refused_before_it_is_kept() {
        let begun = format!("--B\r\n{DISPOSITION}\r\n\r\nx\r\n--B");
        for begin in ["", "--B\r\n", &begun] {
            for filler in [b'x', b'\n', b'-'] {
                let mut body = BufReader::new(begin.as_bytes().chain(std::io::repeat(filler)).take(32 << 20));
                let refused = receive(&mut body, "B", 1 << 20);
                assert!(matches!(refused, Err(Stop::Refused { status: 400, .. })), "{begin:?}, then {filler}");
                let left = body.get_ref().limit();
                assert!(left > 31 << 20, "{begin:?}, then {filler}: {left} bytes were left unread");
            }
        }
    }

    #[test]
    fn a_boundary_may_be_quoted() {
        assert_eq!(boundary(Some("multipart/form-data; boundary=AaB03x")), Some("AaB03x"));
        assert_eq!(boundary(Some("Multipart/Form-Data;charset=\"a;b\";BOUNDARY=\"a b\"")), Some("a b"));
        for bad in ["multipart/form-data", "multipart/mixed; boundary=a", "multipart/form-data; boundary=a; boundary=a"]
        {
            assert_eq!(boundary(Some(bad)), None, "{bad}");
        }
    }
}
