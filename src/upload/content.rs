//! Recognizes what is uploaded instead of a package by mistake. A package is a zip archive.

use std::io::{self, Read, Seek, SeekFrom};

/// How much of the beginning is read, in bytes.
const BEGINNING: u64 = 64;

/// A zip archive with a package in it.
pub(super) const ARTIFACT: &str =
    "it is a zip archive that holds a package, such as a downloaded CI artifact: unpack it, and upload the .mda in it";

/// Anything else; it may be a package after all.
pub(super) const NOT_A_ZIP_ARCHIVE: &str = "it is not a zip archive, which a package is";

/// What `file` seems to be if it is not a zip archive, and what helps.
pub(super) fn describe(file: &mut (impl Read + Seek)) -> io::Result<&'static str> {
    let mut beginning = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(BEGINNING).read_to_end(&mut beginning)?;
    Ok(meaning(&beginning))
}

fn meaning(beginning: &[u8]) -> &'static str {
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
        NOT_A_ZIP_ARCHIVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_a_zip_archive_is_described_by_what_it_seems_to_be() {
        for (content, says) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..], "git lfs pull"),
            (b"/annex/objects/SHA256E-s31390--f50d7a.mda\n", "git annex get"),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", "web page"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"{\"error\":\"not found\"}", "JSON"),
            (b"[{\"error\":1}]", "JSON"),
            (b"[package]\nname = 1", "not a zip archive"),
            (b"PK\x03\x04", "without its end"),
            (b"PK", "without its end"),
            (&[0; 10_000], "not a zip archive"),
            (b"\x1f\x8b\x08", "not a zip archive"),
            (b"a note", "not a zip archive"),
            (b"", "not a zip archive"),
        ] {
            let said = describe(&mut io::Cursor::new(content)).unwrap();
            assert!(said.contains(says), "{says}: {said}");
        }
    }
}
