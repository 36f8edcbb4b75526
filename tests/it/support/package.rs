//! Packages to upload, each in a temporary directory that is removed with it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use mendix_deploy::emulator::Emulator;

/// Sizes in bytes.
pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) struct Package {
    path: PathBuf,
}

impl Package {
    /// 22 bytes.
    pub(crate) fn small() -> Package {
        Package::called("calc.mda")
    }

    /// The same with another name.
    pub(crate) fn called(name: impl AsRef<OsStr>) -> Package {
        Package::named(name, &Emulator::SMALLEST_PACKAGE)
    }

    /// A sparse file of this many bytes, zeros but for its end.
    pub(crate) fn sparse(bytes: u64) -> Package {
        let package = Package::named("calc.mda", b"");
        let mut file = File::options().write(true).open(&package).unwrap();
        file.set_len(bytes - Emulator::SMALLEST_PACKAGE.len() as u64).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(&Emulator::SMALLEST_PACKAGE).unwrap();
        package
    }

    pub(crate) fn named(name: impl AsRef<OsStr>, content: &[u8]) -> Package {
        let package = Package::missing(name);
        std::fs::write(&package, content).unwrap();
        package
    }

    /// The path of a file that does not exist, in a directory that does.
    pub(crate) fn missing(name: impl AsRef<OsStr>) -> Package {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("mendix-deploy-{}-{number}", std::process::id()));
        // A run that was killed may have left it.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        Package { path: directory.join(name.as_ref()) }
    }
}

/// Writes a file, and makes its folders.
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl AsRef<Path> for Package {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        // What cannot be deleted is left to the system.
        let _ = self.path.parent().map(std::fs::remove_dir_all);
    }
}
