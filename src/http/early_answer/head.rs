//! What the bytes of an answer begin with, as far as it has to be known before ureq parses them.

use std::io::BufRead;

/// What the input begins with.
#[derive(Debug, PartialEq)]
pub(super) enum Head {
    /// Too little to tell, or an interim answer that is not whole yet.
    Incomplete,
    /// A whole interim answer of so many bytes, or stray line breaks with the status 0 (RFC 9112 §2.2).
    Interim {
        status: u16,
        length: usize,
    },
    /// The status line of the answer itself.
    Final(u16),
    NotHttp,
}

impl Head {
    pub(super) fn of(input: &[u8]) -> Head {
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', after_version @ ..] = input else {
            return Head::without_version(input);
        };
        let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', after_status @ ..] = after_version else {
            let is_begun = after_version.len() < 3 && after_version.iter().all(u8::is_ascii_digit);
            return if is_begun { Head::Incomplete } else { Head::NotHttp };
        };
        match after_status {
            [] | [b'\r'] => return Head::Incomplete,
            [b' ' | b'\n', ..] | [b'\r', b'\n', ..] => {}
            // A fourth digit, for one: that is no status (RFC 9112 §4).
            _ => return Head::NotHttp,
        }
        let status = [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(**digit - b'0'));
        // 101 would be the end of HTTP on this connection, so it is no interim answer here.
        if !(100..200).contains(&status) || status == 101 {
            return Head::Final(status);
        }
        match end_of_head(input) {
            Some(length) => Head::Interim { status, length },
            None => Head::Incomplete,
        }
    }

    fn without_version(input: &[u8]) -> Head {
        let line_breaks = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if line_breaks > 0 {
            return Head::Interim { status: 0, length: line_breaks };
        }
        match input {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Head::Incomplete,
            _ if b"HTTP/1.".starts_with(input) => Head::Incomplete,
            _ => Head::NotHttp,
        }
    }
}

/// The value of a field of a head, as far as the head has arrived; of a line that is not whole, nothing is known.
pub(super) fn field<'a>(input: &'a [u8], name: &str) -> Option<&'a str> {
    let head = input.get(..end_of_head(input).unwrap_or(input.len()))?;
    let whole_lines = head.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    whole_lines.skip(1).find_map(|line| {
        let (key, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        key.trim_end().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Where the empty line ends; a bare line feed ends a line as well (RFC 9112 §2.2).
fn end_of_head(input: &[u8]) -> Option<usize> {
    let mut rest = input;
    while rest.skip_until(b'\n').is_ok_and(|skipped| skipped > 0) {
        for empty_line in [&b"\r\n"[..], b"\n"] {
            if let Some(after) = rest.strip_prefix(empty_line) {
                return Some(input.len() - after.len());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_its_status_line() {
        for (input, head) in [
            ("", Head::Incomplete),
            ("HTT", Head::Incomplete),
            ("HTTP/1.1", Head::Incomplete),
            ("HTTP/1.1 ", Head::Incomplete),
            ("HTTP/1.1 40", Head::Incomplete),
            ("HTTP/1.1 4 ", Head::NotHttp),
            ("HTTP/1.x", Head::NotHttp),
            ("HTTP/1.1_", Head::NotHttp),
            ("HTTP/1.1 403", Head::Incomplete),
            ("HTTP/1.1 403\r", Head::Incomplete),
            ("HTTP/1.1 403\r\n", Head::Final(403)),
            ("HTTP/1.1 403\n", Head::Final(403)),
            ("HTTP/1.1 403 ", Head::Final(403)),
            ("HTTP/1.1 4135 What\r\n", Head::NotHttp),
            ("HTTP/1.1 1000 What\r\n\r\n", Head::NotHttp),
            ("HTTP/1.1 413\rToo Large\r\n", Head::NotHttp),
            ("HTTP/1.1 413-Too-Large\r\n", Head::NotHttp),
            ("HTTP/1.0 200 OK\r\n", Head::Final(200)),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Head::Final(101)),
            ("HTTP/1.1 100 Continue\r\n", Head::Incomplete),
            ("HTTP/1.1 100 Continue\r\n\r", Head::Incomplete),
            ("HTTP/1.1 100 Continue\r\n\r\n", Head::Interim { status: 100, length: 25 }),
            ("HTTP/1.1 100\n\nHTTP", Head::Interim { status: 100, length: 14 }),
            ("HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200", Head::Interim { status: 103, length: 31 }),
            ("\r\n\nHTTP/1.1 200", Head::Interim { status: 0, length: 3 }),
            ("HTTP/2 200", Head::NotHttp),
            ("SSH-2.0", Head::NotHttp),
            ("HTTP/1.1 4x3", Head::NotHttp),
        ] {
            assert_eq!(Head::of(input.as_bytes()), head, "{input:?}");
        }
    }
    #[test]
    fn a_field_is_found_in_the_whole_lines_that_have_arrived() {
        let value = |input: &str| field(input.as_bytes(), "Retry-After").map(str::to_owned);
        assert_eq!(value("HTTP/1.1 503 X\r\nA: b\r\nretry-after:  5 \r\n").as_deref(), Some("5"));
        assert_eq!(value("HTTP/1.1 503 X\nRETRY-AFTER : 5\n\n").as_deref(), Some("5"));
        assert_eq!(value("HTTP/1.1 503 X\r\n\u{7}\r\nRetry-After: 5\r\n").as_deref(), Some("5"));
        for none in [
            "HTTP/1.1 503 Retry-After: 5\r\n",
            "HTTP/1.1 503 X\r\nRetry-After: 5",
            "HTTP/1.1 503 X\r\nX-Folded: a\r\n Retry-After: 5\r\n",
            "HTTP/1.1 503 X\r\nX-Retry-After: 5\r\n",
            "HTTP/1.1 503 X\r\n\r\nRetry-After: 5\r\n",
            "",
        ] {
            assert_eq!(value(none), None, "{none:?}");
        }
    }
}
