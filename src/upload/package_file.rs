//! The local file: opened once, measured while open, and watched for change until its last byte was sent.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// A file that is a plausible package: regular, readable, not empty, not over the limit.
#[derive(Debug)]
pub(crate) struct PackageFile {
    path: PathBuf,
    file: File,
    file_name: String,
    stamp: Stamp,
}

impl PackageFile {
    pub(crate) fn open(path: &Path, size_limit: u64) -> Result<Self> {
        let refuse = |problem: &str| Error::package(path, problem);
        // Looked at before it is opened, because opening a FIFO would block until somebody writes to it.
        let metadata = std::fs::metadata(path).map_err(|e| refuse("it cannot be found").because(e))?;
        if metadata.is_dir() {
            return Err(refuse("it is a directory"));
        }
        if !metadata.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        let file = File::open(path).map_err(|e| refuse("it cannot be opened").because(e))?;
        let metadata = file.metadata().map_err(|e| refuse("it cannot be measured").because(e))?;
        let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(refuse("its name is not UTF-8, and the form's part must be named after it"));
        };
        // A line break and a quote are escaped in the form's part; other control characters have no way to be written.
        if file_name.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n')) {
            return Err(refuse("its name holds a control character"));
        }
        match metadata.len() {
            0 => Err(refuse("it is empty")),
            size if size > size_limit => Err(refuse(&format!(
                "it has {size} bytes, and the limit is {size_limit} (Mendix Cloud takes packages of up to 1 GB)"
            ))),
            _ => Ok(PackageFile {
                path: path.to_owned(),
                file_name: file_name.to_owned(),
                stamp: Stamp::of(&metadata),
                file,
            }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last component of the path.
    pub(crate) fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.stamp.size
    }

    /// A reader of exactly [`size`](Self::size) bytes from the first byte on. It ends in an error if the file is no
    /// longer the one that was opened: shorter, written to, or replaced.
    pub(crate) fn read_from_start(&mut self) -> io::Result<impl Read + '_> {
        self.stamp.check(&self.path)?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(Unchanged { left: self.size(), package: self })
    }
}

struct Unchanged<'a> {
    package: &'a PackageFile,
    left: u64,
}

impl Read for Unchanged<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let n = loop {
            // A signal is no reason to abandon an upload; ureq would.
            match (&self.package.file).read(buf.get_mut(..wanted).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.left -= n as u64;
        // Also after a read that brought nothing: then the file became shorter, and its stamp says so.
        if n == 0 && !buf.is_empty() {
            self.package.stamp.check(&self.package.path)?;
            if self.left > 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter"));
            }
        }
        Ok(n)
    }
}

/// What tells one state of a file from another without reading it again.
#[derive(Debug, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Device and inode, where the platform has them: they change when another file takes the name.
    identity: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let identity = (0, 0);
        Stamp { size: metadata.len(), modified: metadata.modified().ok(), identity }
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        let now = Stamp::of(&std::fs::metadata(path)?);
        if now == *self {
            return Ok(());
        }
        let how = if now.size != self.size {
            format!("it has {} bytes now and had {} when it was opened", now.size, self.size)
        } else if now.identity != self.identity {
            "another file took its place".to_owned()
        } else {
            "it was written to".to_owned()
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, how))
    }
}
