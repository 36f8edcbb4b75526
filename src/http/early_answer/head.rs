//! What the bytes of an answer begin with, as far as it has to be known before ureq parses them.

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
        const PATTERN: &[u8] = b"HTTP/1.d ddd";
        let line_breaks = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if line_breaks > 0 {
            return Head::Interim { status: 0, length: line_breaks };
        }
        let fits = |(byte, pattern): (&u8, &u8)| match pattern {
            b'd' => byte.is_ascii_digit(),
            literal => byte == literal,
        };
        if !input.iter().zip(PATTERN).all(fits) {
            return Head::NotHttp;
        }
        let Some(digits) = input.get(PATTERN.len() - 3..PATTERN.len()) else { return Head::Incomplete };
        let status = digits.iter().fold(0_u16, |status, digit| status * 10 + u16::from(digit - b'0'));
        // 101 would be the end of HTTP on this connection, so it is no interim answer here.
        if !(100..200).contains(&status) || status == 101 {
            return Head::Final(status);
        }
        match end_of_head(input) {
            Some(length) => Head::Interim { status, length },
            None => Head::Incomplete,
        }
    }
}

/// Where the empty line ends; a bare line feed ends a line as well (RFC 9112 §2.2).
fn end_of_head(input: &[u8]) -> Option<usize> {
    let mut line_ends = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let mut previous = line_ends.next()?;
    for at in line_ends {
        let line = input.get(previous + 1..at)?;
        if line.is_empty() || line == b"\r" {
            return Some(at + 1);
        }
        previous = at;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_its_first_twelve_bytes() {
        for (input, head) in [
            ("", Head::Incomplete),
            ("HTT", Head::Incomplete),
            ("HTTP/1.1 40", Head::Incomplete),
            ("HTTP/1.1 403", Head::Final(403)),
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
}
