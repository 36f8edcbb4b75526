//! The multipart/form-data encoder: one part, one file, streamed.
//!
//! Hand-written on purpose, and small: the head and the tail of the body are rendered once, their lengths are read
//! off them, and the file goes straight into the buffer that the HTTP client sends from. RFC 7578 says what a form
//! body is, RFC 2046 §5.1 how it is delimited, and the WHATWG HTML standard ("multipart/form-data encoding
//! algorithm") how a name is escaped.

use std::io::{self, Read};

use crate::retry::random_bits;

/// A delimiter that no file contains: 128 random bits (RFC 2046 §5.1.1 allows at most 70 characters).
#[derive(Debug, Clone)]
pub(crate) struct Boundary(String);

impl Boundary {
    pub(crate) fn random() -> Self {
        Boundary(format!("{:-<24}{:016x}{:016x}", "", random_bits(), random_bits()))
    }

    /// The value of the request's `Content-Type`. No character of a boundary needs quotes.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.0)
    }
}

/// The request body: implements [`Read`] over whatever the file is.
///
/// It yields exactly [`len`](Self::len) bytes or an error, never an early end: a reader that stops short of its
/// announced length makes the client below spin for ever. A file that turns out shorter or longer than it was
/// ends in an error before the closing boundary, so that the server can never take the body for whole.
#[derive(Debug)]
pub(crate) struct Multipart<R> {
    head: Vec<u8>,
    tail: Vec<u8>,
    file: R,
    file_len: u64,
    /// How much of the body was read so far.
    position: u64,
    /// Whether the file was seen to end where it should.
    end_seen: bool,
}

impl<R: Read> Multipart<R> {
    /// A body with the one part `name`, the content of `file`, which must have exactly `file_len` bytes.
    pub(crate) fn new(boundary: &Boundary, name: &str, file_name: &str, file: R, file_len: u64) -> Self {
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
        let (head, tail) = (head.into_bytes(), tail.into_bytes());
        Multipart { head, tail, file, file_len, position: 0, end_seen: false }
    }

    /// The length of the whole body, for `Content-Length`.
    pub(crate) fn len(&self) -> u64 {
        self.tail_start().saturating_add(self.tail.len() as u64)
    }

    fn tail_start(&self) -> u64 {
        (self.head.len() as u64).saturating_add(self.file_len)
    }

    /// Reads from the file, but not beyond its announced length.
    fn read_file(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.tail_start().saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..wanted).unwrap_or_default();
        let n = retry_interrupted(&mut self.file, buf)?;
        if n == 0 {
            let sent = self.file_len.saturating_sub(left);
            return Err(changed(format!("it became shorter: {sent} of {} bytes were there", self.file_len)));
        }
        Ok(n)
    }

    /// Looks one byte past the end of the file, before the closing boundary may be written.
    fn check_end(&mut self) -> io::Result<()> {
        if !self.end_seen {
            if retry_interrupted(&mut self.file, &mut [0])? > 0 {
                return Err(changed(format!("it grew beyond the {} bytes it had", self.file_len)));
            }
            self.end_seen = true;
        }
        Ok(())
    }
}

impl<R: Read> Read for Multipart<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut filled = copy_from(&self.head, self.position, buf);
        self.position = self.position.saturating_add(filled as u64);
        // One read of the file in a call: it fills the buffer unless the file has less to give.
        if filled < buf.len() && self.position < self.tail_start() {
            let n = self.read_file(buf.get_mut(filled..).unwrap_or_default())?;
            filled += n;
            self.position = self.position.saturating_add(n as u64);
        }
        if self.position >= self.tail_start() {
            self.check_end()?;
            let offset = self.position - self.tail_start();
            let n = copy_from(&self.tail, offset, buf.get_mut(filled..).unwrap_or_default());
            filled += n;
            self.position = self.position.saturating_add(n as u64);
        }
        Ok(filled)
    }
}

/// Copies what `bytes` has from `offset` on, as much as fits.
fn copy_from(bytes: &[u8], offset: u64, buf: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let n = rest.len().min(buf.len());
    if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}

/// A signal is no reason to abandon an upload; the HTTP client below would.
fn retry_interrupted(file: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The three characters that would end the quoted string, and nothing else: browsers and curl do the same.
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

fn changed(how: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how)
}

#[cfg(test)]
mod referee;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile but legal reader may do: short reads, and a signal in between.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1 % 3 == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = buf.len().min(self.0.len()).min(self.1 % 7 + 1);
            self.0.read(&mut buf[..n])
        }
    }

    fn boundary() -> Boundary {
        Boundary("B".into())
    }

    /// Reads with a buffer of `size` bytes, up to the end or the first error.
    fn read_all(mut body: impl Read, size: usize) -> (Vec<u8>, Option<io::Error>) {
        let (mut all, mut block) = (Vec::new(), vec![0; size]);
        loop {
            match body.read(&mut block) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&block[..n]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_rfc_7578() {
        let body = Multipart::new(&boundary(), "file", "calc.mda", &b"PK\r\n--B--"[..], 9);
        assert_eq!(boundary().content_type(), "multipart/form-data; boundary=B");
        let expected = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"calc.mda\"\r\n\
                        Content-Type: application/octet-stream\r\n\r\nPK\r\n--B--\r\n--B--\r\n";
        assert_eq!(body.len(), expected.len() as u64);
        assert_eq!(read_all(body, 1000).0, expected.as_bytes());
    }

    #[test]
    fn only_quotes_and_line_breaks_are_escaped() {
        assert_eq!(escaped("a\"b\r\nc;\\%+ é%22"), "a%22b%0D%0Ac;\\%+ é%22");
    }

    #[test]
    fn every_buffer_size_gives_the_same_bytes_and_the_announced_length() {
        let file: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = read_all(Multipart::new(&boundary(), "file", "f", &file[..], 1000), 1 << 17).0;
        for size in 1..=300 {
            let body = Multipart::new(&boundary(), "file", "f", Dribble(&file, 0), 1000);
            let length = body.len();
            let (bytes, error) = read_all(body, size);
            assert!(error.is_none());
            assert_eq!(bytes.len() as u64, length);
            assert_eq!(bytes, whole);
        }
    }

    #[test]
    fn a_file_of_another_length_never_gets_a_closing_boundary() {
        for (announced, there, says) in
            [(10_u64, 9_usize, "shorter: 9 of 10"), (10, 0, "shorter: 0 of 10"), (10, 11, "grew beyond the 10")]
        {
            for size in [1, 7, 64, 1 << 17] {
                let file = vec![b'x'; there];
                let (bytes, error) = read_all(Multipart::new(&boundary(), "file", "f", &file[..], announced), size);
                let error = error.expect("an error, not an end");
                assert!(error.to_string().contains(says), "{error}");
                assert!(!bytes.windows(5).any(|w| w == b"--B--"), "closed at buffer size {size}");
            }
        }
    }

    #[test]
    fn a_read_error_comes_through_as_it_is() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let (bytes, error) = read_all(Multipart::new(&boundary(), "file", "f", Broken, 5), 64);
        assert_eq!(error.unwrap().to_string(), "disk on fire");
        assert!(!bytes.windows(5).any(|w| w == b"--B--"));
    }

    #[test]
    fn an_empty_buffer_reads_nothing_and_breaks_nothing() {
        let mut body = Multipart::new(&boundary(), "file", "f", &b"x"[..], 1);
        assert_eq!(body.read(&mut []).unwrap(), 0);
        assert_eq!(read_all(&mut body, 3).0.len() as u64, body.len());
    }

    #[test]
    fn boundaries_are_long_legal_and_never_the_same() {
        let boundaries: Vec<_> = (0..1000).map(|_| Boundary::random().0).collect();
        for boundary in &boundaries {
            assert_eq!(boundary.len(), 24 + 32);
            assert!(boundary.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()), "{boundary}");
        }
        let distinct: std::collections::HashSet<_> = boundaries.iter().collect();
        assert_eq!(distinct.len(), 1000);
    }

    #[test]
    fn lengths_near_the_end_of_u64_do_not_overflow() {
        let mut body = Multipart::new(&boundary(), "file", "f", io::repeat(0), u64::MAX);
        assert_eq!(body.len(), u64::MAX);
        assert_eq!(body.read(&mut [0; 4096]).unwrap(), 4096);
    }
}
