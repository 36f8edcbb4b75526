//! The body of an upload: multipart/form-data with the one part `file`, checked and measured while it streams.

use std::io::{BufRead, Read};

use super::answer::{Stop, refused};
use super::part;
use super::wire::Wire;

/// The longest head of a part. Real ones are below 1 KiB.
const MAX_PART_HEAD: usize = 16 << 10;

const ONE_PART: &str = "there must be one part, then the closing boundary, and nothing after it";

/// The part, once the whole body was read.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file_name: String,
    pub(super) size: u64,
    pub(super) digest: u64,
    pub(super) content: Option<Vec<u8>>,
}

/// Reads the whole body. Keeps the content if it has at most `keep` bytes.
pub(super) fn receive<R: Read>(wire: &mut Wire<R>, boundary: &str, keep: u64) -> Result<Part, Stop> {
    let file_name = part_head(wire, boundary)?;
    let delimiter = format!("\r\n--{boundary}");
    let (delimiter, end) = (delimiter.as_bytes(), format!("{delimiter}--"));
    let mut file = Measured { size: 0, digest: FNV_BASIS, content: Some(Vec::new()), keep };
    loop {
        let (body, is_rest) = wire.body();
        let certain = if is_rest {
            let closed = body.strip_suffix(b"\r\n").unwrap_or(body).strip_suffix(end.as_bytes());
            closed.ok_or_else(|| refused(400, ONE_PART))?.len()
        } else {
            // What may belong to the closing boundary stays for the next round.
            body.len().saturating_sub(end.len() + 2)
        };
        // A boundary that begins in the certain part may reach beyond it.
        let searched = body.get(..certain + delimiter.len() - 1).unwrap_or(body);
        if contains(searched, delimiter) {
            return Err(refused(400, ONE_PART));
        }
        file.add(body.get(..certain).unwrap_or_default());
        let used = if is_rest { body.len() } else { certain };
        wire.consume_body(used);
        if is_rest {
            break;
        }
        wire.fill()?;
    }
    let Measured { size, digest, content, .. } = file;
    Ok(Part { file_name, size, digest, content })
}

/// Reads up to the content of the part and returns its file name.
fn part_head<R: Read>(wire: &mut Wire<R>, boundary: &str) -> Result<String, Stop> {
    let opening = format!("--{boundary}\r\n");
    loop {
        let (body, is_rest) = wire.body();
        let compared = opening.len().min(body.len());
        if body.get(..compared) != opening.as_bytes().get(..compared) {
            return Err(refused(400, "the body must begin with the boundary"));
        }
        let near = body.get(..MAX_PART_HEAD).unwrap_or(body);
        if let Some(end) = near.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let lines = near.get(opening.len()..end).unwrap_or_default();
            let file_name = part::file_name(lines).map_err(|problem| refused(400, problem))?;
            wire.consume_body(end + 4);
            return Ok(file_name);
        }
        if is_rest || near.len() == MAX_PART_HEAD {
            return Err(refused(400, "the head of the part does not end"));
        }
        wire.fill()?;
    }
}

/// Whether `delimiter` is in `bytes`. `skip_until` is the only fast search for a byte that std has.
fn contains(mut bytes: &[u8], delimiter: &[u8]) -> bool {
    let Some((first, rest)) = delimiter.split_first() else { return false };
    while let Ok(1..) = bytes.skip_until(*first) {
        if bytes.starts_with(rest) {
            return true;
        }
    }
    false
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The content of the part so far.
struct Measured {
    size: u64,
    digest: u64,
    content: Option<Vec<u8>>,
    keep: u64,
}

impl Measured {
    fn add(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
        if self.size > self.keep {
            self.content = None;
        }
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISPOSITION: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"x.mda\"";

    /// Hands out so many bytes at a time, so that everything is cut everywhere.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(buf.len());
            self.0.read(&mut buf[..n])
        }
    }

    fn receive_by(step: usize, body: &[u8]) -> Result<Part, Stop> {
        let mut wire = Wire::new(Slow(body, step));
        wire.begin_body(body.len() as u64);
        let part = receive(&mut wire, "B", 1 << 20)?;
        assert_eq!(wire.body_left(), 0);
        Ok(part)
    }

    fn refusal(body: &str) -> String {
        let said = [1, 7, 4096].map(|step| match receive_by(step, body.as_bytes()) {
            Err(Stop::Refused(answer)) => String::from_utf8(answer.render(true, false)).unwrap(),
            other => panic!("{body:?}: {other:?}"),
        });
        assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
        assert!(said[0].contains(" 400 "), "{said:?}");
        said[0].clone()
    }

    #[test]
    fn the_content_is_what_is_between_the_boundaries_however_it_arrives() {
        for content in ["", "x", "\r\n", "\r\n--", "\r\n--A", "\r\r\n--\r\n--", "--B", "\n--B--\r\n", "\r"] {
            for ending in ["--", "--\r\n"] {
                let body = format!("--B\r\n{DISPOSITION}\r\n\r\n{content}\r\n--B{ending}");
                for step in [1, 2, 3, 5, 4096] {
                    let part = receive_by(step, body.as_bytes()).unwrap();
                    assert_eq!(part.content.as_deref(), Some(content.as_bytes()), "{body:?} by {step}");
                    assert_eq!(part.size, content.len() as u64);
                }
            }
        }
    }

    #[test]
    fn the_digest_is_fnv_1a() {
        let part = receive_by(9, format!("--B\r\n{DISPOSITION}\r\n\r\nfoobar\r\n--B--").as_bytes()).unwrap();
        assert_eq!(part.digest, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_second_part_is_refused() {
        let part = format!("{DISPOSITION}\r\n\r\n{}\r\n--B", "x".repeat(30));
        assert!(refusal(&format!("--B\r\n{part}\r\n{part}--\r\n")).contains("one part"));
        assert!(refusal(&format!("--B\r\n{part}--\r\n--B--\r\n")).contains("one part"));
        assert!(refusal(&format!("--B\r\n{part}B\r\n--B--\r\n")).contains("one part"), "RFC 2046 §5.1.1");
    }

    #[test]
    fn nothing_may_stand_around_the_part() {
        let part = format!("--B\r\n{DISPOSITION}\r\n\r\nx\r\n--B");
        assert!(refusal(&format!("\r\n{part}--\r\n")).contains("begin"));
        assert!(refusal(&format!("--A\r\n{part}--\r\n")).contains("begin"));
        assert!(refusal("").contains("head"));
        for ending in ["", "-", "--\r", "--\n", "--\r\n\r\n", "--\r\nepilogue", "-- \r\n"] {
            refusal(&format!("{part}{ending}"));
        }
    }

    #[test]
    fn the_head_of_a_part_is_bounded() {
        let long = "y".repeat(MAX_PART_HEAD);
        let body = format!("--B\r\nX: {long}\r\n{DISPOSITION}\r\n\r\nx\r\n--B--");
        assert!(matches!(receive_by(4096, body.as_bytes()), Err(Stop::Refused(_))));
        assert!(refusal("--B\r\nX: y").contains("does not end"));
    }
}
