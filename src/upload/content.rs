//! Tells a package from what is uploaded in its place by mistake. A package is a zip archive.

use std::io::{self, Read, Seek, SeekFrom};

/// The end record of a zip archive without a comment, in bytes (APPNOTE.TXT, 4.3.16).
const END_RECORD: usize = 22;
const COMMENT_MAX: usize = 0xffff;
/// How much of the beginning is looked at.
const BEGINNING: u64 = 64;

/// What `file`, of `size` bytes, is in place of a zip archive, and what helps; `None` for an archive.
pub(super) fn problem(file: &mut (impl Read + Seek), size: u64) -> io::Result<Option<&'static str>> {
    let mut beginning = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(BEGINNING).read_to_end(&mut beginning)?;

    let tail = size.min((END_RECORD + COMMENT_MAX) as u64);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(size - tail))?;
    file.take(tail).read_to_end(&mut end)?;
    let records = end.windows(END_RECORD).enumerate().rev().filter(|(_, record)| record.starts_with(b"PK\x05\x06"));
    for (start, record) in records {
        let comment = record.last_chunk().map_or(0, |length| usize::from(u16::from_le_bytes(*length)));
        if start + END_RECORD + comment <= end.len() && leads_to_a_directory(file, record)? {
            return Ok(None);
        }
    }
    Ok(Some(describe(&beginning)))
}

/// Whether the central directory is where an end record says, which the record of an archive within an archive does not.
fn leads_to_a_directory(file: &mut (impl Read + Seek), record: &[u8]) -> io::Result<bool> {
    let number =
        |at: usize| record.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let (length, offset) = (number(12), number(16));
    // An empty archive, or one so large that another record has the numbers.
    if length == 0 || offset == u32::MAX {
        return Ok(true);
    }
    let mut signature = Vec::new();
    file.seek(SeekFrom::Start(offset.into()))?;
    file.take(4).read_to_end(&mut signature)?;
    Ok(signature == b"PK\x01\x02")
}

fn describe(beginning: &[u8]) -> &'static str {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let is = |start: &[u8]| text.starts_with(start);
    if is(b"version https://git-lfs") {
        "it is a Git LFS pointer, not the package: run `git lfs pull` first"
    } else if is(b"/annex/objects/") {
        "it is a git-annex pointer, not the package: run `git annex get` first"
    } else if is(b"PK") {
        "it is a zip archive without its end: was the build cut off, or is the file still being written?"
    } else if is(b"<") {
        "it is a web page or XML, not a package: was it downloaded without logging in?"
    } else if is(b"{") || is(b"[{") {
        "it is JSON, not a package: was an error downloaded in its place?"
    } else {
        "it is not a zip archive, which a package is (Upload::without_content_check uploads it all the same)"
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(content: &[u8]) -> Option<&'static str> {
        problem(&mut Cursor::new(content), content.len() as u64).unwrap()
    }

    /// One file without content, stored.
    fn archive(comment: &[u8]) -> Vec<u8> {
        let local = [&b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0"[..], &[0; 12], b"\x01\0\0\0a"].concat();
        let central = [&b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\0\0"[..], &[0; 12], b"\x01\0", &[0; 16], b"a"].concat();
        let numbers = [central.len(), local.len()].map(|number| u32::try_from(number).unwrap().to_le_bytes()).concat();
        let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
        let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &numbers, &length, comment].concat();
        [local, central, end].concat()
    }

    fn smallest() -> Vec<u8> {
        [&b"PK\x05\x06"[..], &[0; 18]].concat()
    }

    #[test]
    fn a_zip_archive_is_known_by_its_end() {
        let large = {
            let mut archive = archive(b"");
            let offset = archive.len() - 6;
            archive[offset..offset + 4].copy_from_slice(&[0xff; 4]);
            archive
        };
        for content in [
            smallest(),
            archive(b""),
            archive(b"a comment"),
            archive(&vec![b'x'; COMMENT_MAX]),
            archive(b"PK\x05\x06, or so"),
            [archive(b""), b"padding".to_vec()].concat(),
            [vec![0; 100_000], smallest()].concat(),
            large,
        ] {
            assert_eq!(of(&content), None, "{} bytes", content.len());
        }
    }

    #[test]
    fn what_is_no_zip_archive_is_told_by_what_it_looks_like() {
        let whole = archive(b"");
        // An archive within one that was cut off, stored as it is.
        let nested = [&whole[..31], &vec![b'x'; 1000], &whole].concat();
        for (content, says) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..], "git lfs pull"),
            (b"/annex/objects/SHA256E-s31390--f50d7a.mda\n", "git annex get"),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", "web page"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"{\"error\":\"not found\"}", "JSON"),
            (b"[{\"error\":1}]", "JSON"),
            (b"[package]\nname = 1", "not a zip archive"),
            (&whole[..whole.len() - 1], "without its end"),
            (&whole[..40], "without its end"),
            (b"PK", "without its end"),
            (&nested, "without its end"),
            (&[0; 10_000], "without_content_check"),
            (b"\x1f\x8b\x08", "not a zip archive"),
            (b"a note", "not a zip archive"),
            (b"", "not a zip archive"),
        ] {
            assert!(of(content).is_some_and(|problem| problem.contains(says)), "{says}: {:?}", of(content));
        }
    }
}
