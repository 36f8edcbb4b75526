//! Packages to upload, each in a temporary directory that is removed with it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Sizes in bytes.
pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) struct Package {
    path: PathBuf,
}

impl Package {
    /// A few bytes.
    pub(crate) fn small() -> Package {
        Package::named("calc.mda", b"PK\x03\x04 a package")
    }

    /// A sparse file of this many bytes.
    pub(crate) fn sparse(bytes: u64) -> Package {
        let package = Package::named("calc.mda", b"");
        File::options().write(true).open(&package).unwrap().set_len(bytes).unwrap();
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
        std::fs::create_dir(&directory).unwrap();
        Package { path: directory.join(name.as_ref()) }
    }
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
