//! Opens regular files, without ever waiting for the other end of a FIFO.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Error, Result};
use crate::text;

/// Opening a FIFO returns at once, as does reading from it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = 0o4000;
/// Its value on macOS and the BSDs.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const O_NONBLOCK: i32 = 0x4;

/// Builds the error for a problem with the file.
pub(crate) type Refuse<'a> = &'a dyn Fn(&str) -> Error;

/// Opens a regular file.
pub(crate) fn open(path: &Path, refuse: Refuse<'_>) -> Result<File> {
    // Checked before opening it, because opening a device or a FIFO has side effects.
    let metadata = std::fs::metadata(path);
    let failed = metadata.as_ref().err().map_or_else(String::new, |error| no_metadata(path, error.kind()));
    check(metadata, &failed, refuse)?;
    open_and_check(path, refuse)
}

/// Why there is no metadata. For a relative path, names the current directory, which a log does not show.
fn no_metadata(path: &Path, kind: ErrorKind) -> String {
    let what = match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "it cannot be found",
        _ => "it cannot be accessed",
    };
    match std::path::absolute(path) {
        Ok(absolute) if path.is_relative() => format!("{what} as {}", text::path(&absolute)),
        _ => what.to_owned(),
    }
}

/// Opens the file and checks the open file, because the path may lead elsewhere by now.
fn open_and_check(path: &Path, refuse: Refuse<'_>) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, O_NONBLOCK);
    let file = options.open(path).map_err(|e| refuse("it cannot be opened").with_source(e))?;
    check(file.metadata(), "its metadata cannot be read", refuse)?;
    Ok(file)
}

fn check(metadata: io::Result<Metadata>, failed: &str, refuse: Refuse<'_>) -> Result<()> {
    match metadata {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) if metadata.is_dir() => Err(refuse("it is a directory")),
        Ok(_) => Err(refuse("it is not a regular file")),
        Err(cause) => Err(refuse(failed).with_source(cause)),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_that_takes_the_place_of_a_file_is_refused_at_once() {
        let problem = |path: &Path| open_and_check(path, &|problem| Error::config(problem)).unwrap_err().to_string();
        let path = std::env::temp_dir().join(format!("mendix-deploy-fifo-{}", std::process::id()));
        // std cannot create one.
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            let said = problem(&path);
            std::fs::remove_file(&path).unwrap();
            assert_eq!(said, "it is not a regular file");
        }
        assert_eq!(problem(Path::new("/")), "it is a directory");
        assert_eq!(problem(Path::new("/missing/file")), "it cannot be opened");
    }
}
