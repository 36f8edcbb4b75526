//! The local file: opened once for all attempts, and checked for changes until its last byte has been sent.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::archive::{self, Directory, Unpacked};
use super::content;
use crate::error::Result;
use crate::file::{self, Refuse};
use crate::units::{Bytes, Grouped};

/// What Mendix Cloud documents for deployment: "1 GB", taken as the larger of its two meanings, and "about 64,000 files".
const UNPACKED_MAX: u64 = 1024 * 1024 * 1024;
const FILES_MAX: u64 = 64_000;

/// A plausible package: a regular, readable file, neither empty nor too large, and a zip archive unless that is not
/// checked.
#[derive(Debug)]
pub(super) struct PackageFile {
    file: File,
    file_name: String,
    stamp: Stamp,
    /// `None` if the content was not checked.
    directory: Option<Directory>,
}

impl PackageFile {
    pub(super) fn open(path: &Path, size_limit: u64, check_content: bool, refuse: Refuse<'_>) -> Result<Self> {
        let mut file = file::open(path, refuse)?;
        let stamp = Stamp::of(&file).map_err(|e| refuse("its metadata cannot be read").with_source(e))?;
        let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(refuse("its name is not UTF-8, but the upload needs one that is"));
        };
        // Quotes and line breaks are escaped in the part's header; other control characters cannot be written there.
        if file_name.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n')) {
            return Err(refuse("its name contains a control character"));
        }
        if stamp.size == 0 {
            return Err(refuse("it is empty"));
        }
        if stamp.size > size_limit {
            let (size, limit) = (Bytes(stamp.size), Bytes(size_limit));
            let problem = format!("it has {size:#}, more than the limit of {limit:#}; Mendix Cloud takes up to 1 GB");
            return Err(refuse(&problem).with_setting("Upload::with_size_limit"));
        }
        let unreadable = |e| refuse("it cannot be read").with_source(e);
        let mut directory = None;
        if check_content {
            let Some(found) = archive::directory(&mut file, stamp.size).map_err(unreadable)? else {
                let what = content::describe(&mut file).map_err(unreadable)?;
                let anyway = (what == content::NOT_A_ZIP_ARCHIVE).then_some("Upload::without_content_check");
                return Err(refuse(what).with_setting(anyway));
            };
            if archive::is_artifact(&mut file, &found).map_err(unreadable)? {
                return Err(refuse(content::ARTIFACT));
            }
            directory = Some(found);
        }
        Ok(PackageFile { file_name: file_name.to_owned(), file, stamp, directory })
    }

    /// Checks that the archive, unpacked, is within the limits of Mendix Cloud, unless its content is not checked.
    pub(super) fn check_unpacked(&mut self, refuse: Refuse<'_>) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let Unpacked { files, bytes } = archive::unpacked(&mut self.file, directory)
            .map_err(|e| refuse("its central directory is damaged").with_source(e))?;
        if bytes > UNPACKED_MAX {
            let size = Bytes(bytes);
            return Err(refuse(&format!("it has {size:#} when unpacked, and Mendix Cloud takes up to 1 GB")));
        }
        if files > FILES_MAX {
            let (files, most) = (Grouped(files), Grouped(FILES_MAX));
            return Err(refuse(&format!("it has {files} files, and Mendix Cloud takes up to {most}")));
        }
        Ok(())
    }

    /// The last component of the path.
    pub(super) fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.stamp.size
    }

    /// A reader of exactly [`size`](Self::size) bytes from the start. It ends in an error if the file has changed since
    /// it was opened. Whether the path still leads to the file does not matter.
    pub(super) fn read_from_start(&mut self) -> io::Result<impl Read + '_> {
        self.stamp.check(&self.file)?;
        self.file.seek(SeekFrom::Start(0))?;
        let (source, stamp) = (&self.file, &self.stamp);
        Ok(Exactly { source, left: stamp.size, check: || stamp.check(source) })
    }
}

/// Exactly `left` bytes of a source that ends there, or an error.
struct Exactly<R, F> {
    source: R,
    left: u64,
    /// Called at the end.
    check: F,
}

impl<R: Read, F: Fn() -> io::Result<()>> Read for Exactly<R, F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        // At the end, tries to read one more byte: on a network drive, for example, the size may be stale.
        let mut beyond = [0];
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let into = if wanted == 0 { &mut beyond[..] } else { buf.get_mut(..wanted).unwrap_or_default() };
        let n = loop {
            // A signal must not end an upload, which ureq would allow.
            match self.source.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        match (n, self.left) {
            (0, 0) => (self.check)().map(|()| 0),
            (0, _) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")),
            (_, 0) => Err(io::Error::new(io::ErrorKind::InvalidData, "it became longer")),
            _ => {
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}

/// The metadata that shows whether a file has changed, without reading it again.
#[derive(Debug)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// The time of the last change to content, name, owner or permissions, which cannot be set back.
    changed: Option<(i64, i64)>,
    /// The number of names. Removing, replacing or adding one also changes the time, but not the content.
    names: u64,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Stamp {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            changed: Some((metadata.ctime(), metadata.ctime_nsec())),
            #[cfg(unix)]
            names: metadata.nlink(),
            #[cfg(not(unix))]
            changed: None,
            #[cfg(not(unix))]
            names: 1,
        })
    }

    fn check(&self, file: &File) -> io::Result<()> {
        let now = Stamp::of(file)?;
        let how = if now.size != self.size {
            format!("it has {:#} now and had {:#} when it was opened", Bytes(now.size), Bytes(self.size))
        } else if now.modified != self.modified {
            "it was written to".to_owned()
        } else if now.names == self.names && now.changed != self.changed {
            "its content, name or permissions were changed".to_owned()
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &[u8], size: u64) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let result = Exactly { source, left: size, check: || Ok(()) }.read_to_end(&mut bytes);
        (bytes, result.err().map(|error| error.to_string()))
    }

    #[test]
    fn a_source_ends_after_its_size_or_in_an_error() {
        assert_eq!(read(b"abc", 3), (b"abc".to_vec(), None));
        assert_eq!(read(b"abc", 4), (b"abc".to_vec(), Some("it became shorter".into())));
        assert_eq!(read(b"abcd", 3), (b"abc".to_vec(), Some("it became longer".into())));
        assert_eq!(read(b"", 0), (Vec::new(), None));
    }

    /// Fails in these ways, the last one first, and then yields a byte.
    struct Failing(Vec<io::ErrorKind>);

    impl Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.pop().map_or_else(|| b"a".as_slice().read(buf), |kind| Err(kind.into()))
        }
    }

    #[test]
    fn a_signal_does_not_end_a_source_but_a_failure_does() {
        let read = |failures: &[io::ErrorKind]| {
            let source = Failing(failures.to_vec());
            Exactly { source, left: 3, check: || Ok(()) }.read(&mut [0; 9]).map_err(|error| error.kind())
        };
        assert_eq!(read(&[io::ErrorKind::Interrupted; 2]), Ok(1));
        assert_eq!(read(&[io::ErrorKind::TimedOut]), Err(io::ErrorKind::TimedOut));
    }
}
