//! The head of a request, read strictly: what a lenient server would guess about is refused (RFC 9112).

use std::io::Read;

use super::answer::{Stop, refused};
use super::wire::Wire;

/// The longest head. Real ones are below 1 KiB.
const MAX_HEAD: usize = 64 << 10;
/// The most header lines.
const MAX_HEADERS: usize = 100;

/// What a request asks for, before its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Body,
    pub(super) keeps_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
    headers: Vec<(String, String)>,
}

/// How long the body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Length(u64),
    Chunked,
}

impl Head {
    /// The value of a header that was sent exactly once.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        let mut values = all(&self.headers, name);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }
}

type Headers = [(String, String)];

fn all<'a, 'n>(headers: &'a Headers, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Reads the next head, and tells the wire how long the body is. `None` when there is no further request.
pub(super) fn read<R: Read>(wire: &mut Wire<R>) -> Result<Option<Head>, Stop> {
    let mut searched = 0;
    let end = loop {
        let unread = wire.unread();
        if let Some(end) = end_of_head(unread, searched) {
            break end;
        }
        searched = unread.len();
        if searched > MAX_HEAD {
            return Err(refused(431, "the head of the request is too long"));
        }
        match wire.fill() {
            Err(Stop::Broken) if searched == 0 => return Ok(None),
            result => result?,
        }
    };
    if end > MAX_HEAD {
        return Err(refused(431, "the head of the request is too long"));
    }
    let head = parse(wire.unread().get(..end).unwrap_or_default())?;
    wire.consume(end);
    wire.begin_body(match head.body {
        Body::None => 0,
        Body::Length(length) => length,
        Body::Chunked => u64::MAX,
    });
    Ok(Some(head))
}

/// The offset behind the first empty line. A lone line feed counts here, so that it is refused and not waited on.
fn end_of_head(unread: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    let rest = unread.get(from..)?;
    let line_ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (at, _) in line_ends {
        let after = rest.get(at + 1..).unwrap_or_default();
        let length = if after.starts_with(b"\r\n") { 3 } else { 2 };
        if length == 3 || after.starts_with(b"\n") {
            return Some(from + at + length);
        }
    }
    None
}

fn parse(head: &[u8]) -> Result<Head, Stop> {
    let text = std::str::from_utf8(head).map_err(|_| malformed("the head is not UTF-8"))?;
    let text = text.strip_suffix("\r\n\r\n").ok_or_else(|| malformed("a line does not end in CR LF"))?;
    if text.split("\r\n").flat_map(str::bytes).any(|b| b != b'\t' && b.is_ascii_control()) {
        return Err(malformed("a control character in the head"));
    }
    let mut lines = text.split("\r\n");
    let (method, target, is_1_1) = request_line(lines.next().unwrap_or_default())?;
    let headers = headers(lines)?;
    if is_1_1 && all(&headers, "host").count() != 1 {
        return Err(malformed("there must be one Host"));
    }
    if all(&headers, "expect").any(|value| !value.eq_ignore_ascii_case("100-continue")) {
        return Err(refused(417, "only 100-continue can be expected"));
    }
    let closes = all(&headers, "connection")
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("close"));
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Ok(Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        body: body(&headers).ok_or_else(|| malformed("the length of the body"))?,
        keeps_alive: is_1_1 && !closes,
        expects_continue: is_1_1 && all(&headers, "expect").next().is_some(),
        headers,
    })
}

fn malformed(what: &str) -> Stop {
    refused(400, &format!("malformed request: {what}"))
}

/// The method, the target, and whether it is HTTP/1.1 and not 1.0.
fn request_line(line: &str) -> Result<(&str, &str, bool), Stop> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed("the request line is not made of three words"));
    };
    if !is_token(method) || target.is_empty() || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed("the method or the target"));
    }
    match version {
        "HTTP/1.1" => Ok((method, target, true)),
        "HTTP/1.0" => Ok((method, target, false)),
        _ if version.starts_with("HTTP/") => Err(refused(505, "only HTTP/1.1 is spoken here")),
        _ => Err(malformed("the version")),
    }
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>, Stop> {
    let mut headers = Vec::new();
    for line in lines {
        if headers.len() == MAX_HEADERS {
            return Err(refused(431, "too many headers"));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header without a colon"))?;
        if !is_token(name) {
            return Err(malformed("the name of a header"));
        }
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok(headers)
}

/// `None` when the headers contradict each other or are no number.
fn body(headers: &Headers) -> Option<Body> {
    let mut lengths = all(headers, "content-length");
    let length = lengths.next();
    let chunked = all(headers, "transfer-encoding").next().is_some();
    if lengths.next().is_some() || (chunked && length.is_some()) {
        return None;
    }
    match length {
        Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => None,
        // More digits than fit are a length beyond every limit.
        Some(digits) => Some(Body::Length(digits.parse().unwrap_or(u64::MAX))),
        None if chunked => Some(Body::Chunked),
        None => Some(Body::None),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Option<Head>, Stop> {
        read(&mut Wire::new(text.as_bytes()))
    }

    fn status(text: &str) -> String {
        match read_all(text) {
            Err(Stop::Refused(answer)) => {
                String::from_utf8(answer.render(true, true)).unwrap().chars().skip(9).take(3).collect()
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_head_is_taken_apart() {
        let text = "POST /a?b=c?d HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:\t5 \r\nExpect: 100-Continue\r\n\r\nabcdefg";
        let mut wire = Wire::new(text.as_bytes());
        let head = read(&mut wire).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/a"));
        assert_eq!(head.query.as_deref(), Some("b=c?d"));
        assert_eq!(head.body, Body::Length(5));
        assert!(head.keeps_alive && head.expects_continue);
        assert_eq!(head.only("HOST"), Some("x"));
        assert_eq!(wire.body(), (&b"abcde"[..], true));
    }

    #[test]
    fn a_header_that_is_sent_twice_counts_for_none() {
        let head = read_all("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 1\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.only("a"), head.only("b")), (None, None));
    }

    #[test]
    fn a_connection_is_kept_only_where_both_sides_expect_it() {
        let keeps_alive = |text: &str| read_all(text).unwrap().unwrap().keeps_alive;
        assert!(keeps_alive("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!keeps_alive("GET / HTTP/1.1\r\nHost: x\r\nConnection: te, Close\r\n\r\n"));
        assert!(!keeps_alive("GET / HTTP/1.0\r\n\r\n"));
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for bad in [
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /é HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / FTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost x\r\n\r\n",
            "GET / HTTP/1.1\r\n: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
        ] {
            assert_eq!(status(bad), "400", "{bad:?}");
        }
        assert_eq!(status("GET / HTTP/2.0\r\n\r\n"), "505");
        assert_eq!(status("POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"), "417");
        assert!(matches!(read(&mut Wire::new(&b"GET / HTTP/1.1\r\nA: \xff\r\n\r\n"[..])), Err(Stop::Refused(_))));
    }

    #[test]
    fn a_head_is_bounded() {
        let long = "x".repeat(MAX_HEAD);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {long}")), "431");
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n")), "431");
        let many = "A: b\r\n".repeat(MAX_HEADERS);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")), "431");
    }

    #[test]
    fn an_end_between_requests_is_none_and_within_one_a_break() {
        assert!(matches!(read_all(""), Ok(None)));
        assert!(matches!(read_all("GET / HT"), Err(Stop::Broken)));
    }
}
