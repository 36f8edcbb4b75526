//! Opens regular files, without ever waiting for the other end of a FIFO.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Opening a FIFO returns at once, as does reading from it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = 0o4000;
/// Its value on macOS and the BSDs.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const O_NONBLOCK: i32 = 0x4;

/// Why a path cannot be used, and the system's reason if it has one.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) problem: &'static str,
    pub(crate) cause: Option<io::Error>,
}

/// Opens a regular file.
pub(crate) fn open(path: &Path) -> Result<File, Unusable> {
    // Asked before it is opened, because opening a device or a FIFO has effects on others.
    check(std::fs::metadata(path), "it cannot be found")?;
    open_unseen(path)
}

/// What was looked at need not be what is opened.
fn open_unseen(path: &Path) -> Result<File, Unusable> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, O_NONBLOCK);
    let file = options.open(path).map_err(|cause| Unusable { problem: "it cannot be opened", cause: Some(cause) })?;
    check(file.metadata(), "its metadata cannot be read")?;
    Ok(file)
}

fn check(metadata: io::Result<Metadata>, failed: &'static str) -> Result<(), Unusable> {
    let problem = match metadata {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_dir() => "it is a directory",
        Ok(_) => "it is not a regular file",
        Err(cause) => return Err(Unusable { problem: failed, cause: Some(cause) }),
    };
    Err(Unusable { problem, cause: None })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_that_takes_the_place_of_a_file_is_refused_at_once() {
        let path = std::env::temp_dir().join(format!("mendix-deploy-fifo-{}", std::process::id()));
        // std cannot create one.
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            let unusable = open_unseen(&path).unwrap_err();
            std::fs::remove_file(&path).unwrap();
            assert_eq!(unusable.problem, "it is not a regular file");
        }
        assert_eq!(open_unseen(Path::new("/")).unwrap_err().problem, "it is a directory");
        assert_eq!(open(Path::new("/missing/file")).unwrap_err().problem, "it cannot be found");
    }
}
