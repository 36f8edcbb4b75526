//! Reads the head of a response, as far as necessary before ureq parses it.

/// What a response starts with; `#` is a digit.
const VERSION: &[u8] = b"HTTP/1.# ";
/// These say where the body ends. They are passed on unchanged, because ureq reads them strictly.
const FRAMING: [&str; 2] = ["Content-Length", "Transfer-Encoding"];
/// Useful, but not essential. The first of each counts.
const OTHERS: [&str; 2] = ["Content-Encoding", "Location"];
/// More than ureq has room for, so that it refuses a head with more.
const FIELDS_MAX: usize = 200;
const VALUE_MAX: usize = 4096;
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// What the input starts with.
#[derive(Debug, PartialEq)]
pub(super) enum Head {
    /// Too little to decide, or an incomplete interim response.
    Incomplete,
    /// A complete interim response of `length` bytes, or stray line breaks with status 0 (RFC 9112 §2.2).
    Interim {
        status: u16,
        length: usize,
    },
    /// The status line of the final response.
    Final(u16),
    NotHttp,
}

impl Head {
    pub(super) fn of(input: &[u8]) -> Head {
        let line_breaks = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if line_breaks > 0 {
            return Head::Interim { status: 0, length: line_breaks };
        }
        let (version, mut rest) = input.split_at(VERSION.len().min(input.len()));
        // Some servers send more than one.
        while let [b' ', after @ ..] = rest {
            rest = after;
        }
        if !fits(version, VERSION) || !fits(rest, b"###") {
            return Head::NotHttp;
        }
        match rest.get(3..) {
            None | Some([] | [b'\r']) => return Head::Incomplete,
            Some([b' ' | b'\t' | b'\n', ..] | [b'\r', b'\r' | b'\n', ..]) => {}
            // A fourth digit, for example: not a status (RFC 9112 §4).
            Some(_) => return Head::NotHttp,
        }
        let status = rest.iter().take(3).fold(0, |status, digit| status * 10 + u16::from(*digit - b'0'));
        // 101 would end HTTP on this connection, so it is not an interim response here.
        if !(100..200).contains(&status) || status == 101 {
            return Head::Final(status);
        }
        match end_of_head(input) {
            Some(length) => Head::Interim { status, length },
            None => Head::Incomplete,
        }
    }
}

/// Whether the text, as far as it goes, has this shape: `#` is a digit.
fn fits(text: &[u8], shape: &[u8]) -> bool {
    text.iter().zip(shape).all(|(byte, shape)| if *shape == b'#' { byte.is_ascii_digit() } else { byte == shape })
}

/// Rewrites a head that only lenient clients accept into one that every parser does: control characters, folded lines,
/// spaces before a colon, lines that are no fields, any number of fields. Only what matters is kept.
pub(super) fn canonical(status: u16, head: &[u8]) -> String {
    let version = if head.starts_with(b"HTTP/1.0") { "HTTP/1.0" } else { "HTTP/1.1" };
    let mut kept: Vec<(String, String)> = Vec::new();
    for field in fields(head) {
        let (name, value) = &field;
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_known = || kept.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let is_harmless = || value.len() <= VALUE_MAX && !value.contains(char::is_control);
        let is_new_framing = is(&FRAMING) && kept.last() != Some(&field) && kept.len() < FIELDS_MAX;
        if is_new_framing || is(&OTHERS) && is_harmless() && !is_known() {
            kept.push(field);
        }
    }
    let lines: String = kept.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    format!("{version} {status:03}\r\n{lines}\r\n")
}

/// The value of a field in the complete lines of a head that may not have arrived completely.
pub(super) fn field(head: &[u8], name: &str) -> Option<String> {
    fields(head).into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Names and values from the complete lines between the status line and the empty line. A line that starts with
/// whitespace continues the one before it (RFC 9112 §5.2).
fn fields(head: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(head);
    let mut fields: Vec<(String, String)> = Vec::new();
    let complete =
        text.split_inclusive('\n').take_while(|line| line.ends_with('\n') && !is_empty_line(line.as_bytes()));
    for line in complete.skip(1) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match fields.last_mut() {
            Some((_, folded)) if line.starts_with([' ', '\t']) => {
                if !folded.is_empty() {
                    folded.push(' ');
                }
                folded.push_str(line.trim_matches(BLANKS));
            }
            _ => fields.push((name.trim_end_matches(BLANKS).to_owned(), value.trim_matches(BLANKS).to_owned())),
        }
    }
    fields
}

/// Where the empty line ends.
pub(super) fn end_of_head(input: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        if is_empty_line(line) {
            return Some(length);
        }
    }
    None
}

/// A bare line feed ends a line, too (RFC 9112 §2.2), and so does one behind any number of carriage returns.
fn is_empty_line(line: &[u8]) -> bool {
    line.strip_suffix(b"\n").is_some_and(|rest| rest.iter().all(|byte| *byte == b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_recognized_by_its_status_line() {
        let check = |inputs: &[&str], head: &Head| {
            for input in inputs {
                assert_eq!(Head::of(input.as_bytes()), *head, "{input:?}");
            }
        };
        check(
            &["", "HTT", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 40", "HTTP/1.1 403", "HTTP/1.1 403\r"],
            &Head::Incomplete,
        );
        check(&["HTTP/1.1 100 Continue\r\n", "HTTP/1.1 100 Continue\r\n\r"], &Head::Incomplete);
        check(&["HTTP/1.1 403\r\n", "HTTP/1.1 403\n", "HTTP/1.0 403 ", "HTTP/1.1 403\t"], &Head::Final(403));
        check(&["HTTP/1.1 403\r\r\n", "HTTP/1.1   403 No"], &Head::Final(403));
        check(&["HTTP/1.1  ", "HTTP/1.1  40"], &Head::Incomplete);
        check(&["HTTP/1.1 101 Switching Protocols\r\n\r\n"], &Head::Final(101));
        check(&["HTTP/1.1 4 ", "HTTP/1.x", "HTTP/1.1_", "HTTP/1.1 4x3", "HTTP/2 200", "SSH-2.0"], &Head::NotHttp);
        check(&["HTTP/1.1 4135 What\r\n", "HTTP/1.1 413\rToo Large\r\n", "HTTP/1.1 413-Too-Large\r\n"], &Head::NotHttp);
        check(&["HTTP/1.1\t413 ", "HTTP/1.1413 ", "HTTP/1.1  4 1"], &Head::NotHttp);
        check(&["HTTP/1.1 100 Continue\r\n\r\n"], &Head::Interim { status: 100, length: 25 });
        check(&["HTTP/1.1 100\n\nHTTP"], &Head::Interim { status: 100, length: 14 });
        check(&["HTTP/1.1 102\r\r\n\r\r\nHTTP"], &Head::Interim { status: 102, length: 18 });
        let hints = "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200";
        check(&[hints], &Head::Interim { status: 103, length: 31 });
        check(&["\r\n\nHTTP/1.1 200"], &Head::Interim { status: 0, length: 3 });
    }

    #[test]
    fn only_what_matters_is_kept_of_a_head_however_it_is_written() {
        for (status, head, kept) in [
            (200, "HTTP/1.0 200 OK\nX: 1\n\n", "HTTP/1.0 200\r\n\r\n"),
            (
                7,
                "HTTP/1.1  007\r\r\nContent-Length: 2\r\r\n\r\r\nLocation: a\r\n",
                "HTTP/1.1 007\r\nContent-Length: 2\r\n\r\n",
            ),
            (
                413,
                "HTTP/1.7 413 \u{1}\r\nSet-Cookie: \u{1}\r\ncontent-length: 2\r\n\r\n",
                "HTTP/1.1 413\r\ncontent-length: 2\r\n\r\n",
            ),
            (
                200,
                "HTTP/1.1 200 OK\r\n Content-Length: 1\r\n: x\r\nno colon\r\n Content-Length: 2\r\nContent-Length : 3\r\n\r\n",
                "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n",
            ),
            (
                302,
                "HTTP/1.1 302 X\r\nTransfer-Encoding:\r\n\tchunked\r\nLocation: \u{7f}\r\nLOCATION: b\r\nLocation: c\r\n\r\n",
                "HTTP/1.1 302\r\nTransfer-Encoding: chunked\r\nLOCATION: b\r\n\r\n",
            ),
            (
                200,
                // What a strict reader refuses is still there to be refused.
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nContent-Length: 3\u{1}\r\n\r\n",
                "HTTP/1.1 200\r\nContent-Length: 2\r\nContent-Length: 3\u{1}\r\n\r\n",
            ),
        ] {
            assert_eq!(canonical(status, head.as_bytes()), kept, "{head:?}");
        }
        let long = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\n\r\n", "x".repeat(VALUE_MAX + 1));
        assert_eq!(canonical(302, long.as_bytes()), "HTTP/1.1 302\r\n\r\n");
        let flood = "Content-Length: 1\r\nContent-Length: 2\r\n".repeat(FIELDS_MAX);
        let kept = canonical(200, format!("HTTP/1.1 200 OK\r\n{flood}\r\n").as_bytes());
        assert_eq!(kept.matches("Content-Length").count(), FIELDS_MAX);
    }

    #[test]
    fn a_field_is_found_in_the_whole_lines_that_have_arrived() {
        let value = |input: &str| field(input.as_bytes(), "Retry-After");
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
