//! The body of a request as ureq reads it, and the body of a response as it is read from ureq.

use std::io::{self, Read};

use ureq::Error as UreqError;

use super::early_answer::Exchange;
use super::failure::BodyError;
use crate::json;

/// Counts the bytes that ureq reads. Once the server has answered, the rest is padded with arbitrary buffer contents:
/// none of it is sent, and ureq reaches the response without reading the file any further.
pub(super) struct CountingReader<'a> {
    pub(super) source: &'a mut dyn Read,
    pub(super) left: u64,
    pub(super) exchange: &'a Exchange,
}

impl Read for CountingReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = if self.exchange.lock().is_answered {
            usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len())
        } else {
            let n = self.source.read(buf).map_err(|error| io::Error::other(BodyError(error)))?;
            self.exchange.lock().body_read += n as u64;
            n
        };
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

/// Reads up to `enough` bytes, but not beyond a complete JSON object or array: some servers neither delimit their
/// response nor close the connection.
pub(super) fn read_body(reader: &mut dyn Read, enough: usize, body: &mut Vec<u8>) -> Result<(), UreqError> {
    let (mut block, mut brackets) = ([0; 4096], Brackets::default());
    let mut may_be_whole = brackets.close_in(body);
    while body.len() < enough && !(may_be_whole && json::is_whole(body)) {
        let n = reader.read(&mut block)?;
        if n == 0 {
            break;
        }
        let block = block.get(..n).unwrap_or_default();
        may_be_whole = brackets.close_in(block);
        body.extend_from_slice(block);
    }
    Ok(())
}

/// Follows JSON as it arrives, so that it has to be parsed only once, at its end.
#[derive(Default)]
struct Brackets {
    open: usize,
    is_in_string: bool,
    is_escaped: bool,
    have_closed: bool,
}

impl Brackets {
    /// Whether these bytes close the last open bracket, for the first time.
    fn close_in(&mut self, bytes: &[u8]) -> bool {
        let had_closed = self.have_closed;
        for byte in bytes {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                b'{' | b'[' if !self.is_in_string => self.open += 1,
                b'}' | b']' if !self.is_in_string => {
                    self.open = self.open.saturating_sub(1);
                    self.have_closed |= self.open == 0;
                }
                _ => {}
            }
        }
        self.have_closed && !had_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields at most `step` bytes at a time.
    struct Steps<'a> {
        left: &'a [u8],
        step: usize,
    }

    impl Read for Steps<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let most = self.step.min(buf.len());
            self.left.read(&mut buf[..most])
        }
    }

    /// How much is read if more follows `body`.
    fn read_of(body: &str, step: usize) -> usize {
        let sent = format!("{body}, and more");
        let mut read = Vec::new();
        read_body(&mut Steps { left: sent.as_bytes(), step }, usize::MAX, &mut read).unwrap();
        read.len()
    }

    #[test]
    fn a_body_is_read_up_to_its_last_bracket() {
        for body in [r#"{"a":1}"#, "[]", r#"[{"a":"]}\\"},["\"]"]]"#, " {\"a\":[[],{}]}", "\u{feff}[{}]"] {
            assert_eq!((read_of(body, 1), read_of(body, body.len())), (body.len(), body.len()), "{body}");
        }
        for body in ["", "{a}", "[x]", r#""{}""#, "{}{}", "[", r#"{"a":"}"#, "]", "<b>[]</b>"] {
            let all = body.len() + ", and more".len();
            assert_eq!(read_of(body, 4096), all, "{body}");
        }
    }

    #[test]
    fn a_complete_response_is_not_waited_for() {
        let mut read = b"{}".to_vec();
        read_body(&mut Steps { left: b"more", step: 1 }, usize::MAX, &mut read).unwrap();
        assert_eq!(read, b"{}");
    }
}
