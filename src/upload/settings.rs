//! `Upload`: a file, and how to send it.

use std::path::PathBuf;

/// The documented limit is "1 GB". This is the larger of the two usual meanings, so that the server decides.
const SIZE_LIMIT: u64 = 1024 * 1024 * 1024;

/// An upload: a file, and how to send it. By default, the package is named after the file, and files that are larger than
/// 1 GiB or not zip archives are refused.
///
/// ```
/// use mendix_deploy::Upload;
///
/// let upload = Upload::new("target/calc.mda").with_name("calc_1.0.0.45.mda");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub(super) file: PathBuf,
    pub(super) name: Name,
    pub(super) size_limit: u64,
    pub(super) checks_content: bool,
    pub(super) skips_existing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    OfTheFile,
    Given(String),
    ByTheServer,
}

impl Upload {
    /// An upload of the package at this path. The file is opened when it is sent, not before.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let (file, name) = (file.into(), Name::OfTheFile);
        Upload { file, name, size_limit: SIZE_LIMIT, checks_content: true, skips_existing: false }
    }

    /// Sets the name of the package, 1 to 2048 bytes. Make it unique, for example with the number of the build: if the
    /// outcome of an upload is unknown, [`find_upload`](crate::find_upload) searches for the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::Given(name.into());
        self
    }

    /// Sends no name; the server then uses `default.mda`, and packages cannot be told apart.
    #[must_use]
    pub fn without_name(mut self) -> Self {
        self.name = Name::ByTheServer;
        self
    }

    /// Uploads nothing if the app already has the package, so that the same call can be made again, as when a CI job is
    /// retried. For [`upload_and_wait`](crate::upload_and_wait) and
    /// [`upload_and_deploy`](crate::upload_and_deploy).
    ///
    /// They list the packages of the app first. If one has this name and size and has not failed, they wait for it (the
    /// newest if there are several) and send [`Event::Existing`](crate::Event::Existing). If the list cannot be read, that
    /// is the error, and nothing is uploaded.
    ///
    /// Requires a name set by [`with_name`](Self::with_name) that no other build has, such as one with the number of the build.
    /// A package of that name with another size belongs to another build, which is an error.
    ///
    /// This relies on the list. A package can be uploaded a second time if it is listed late; if the last bytes of a killed
    /// upload were still on their way, from the operating system or a proxy; or if the call is made twice at the same time,
    /// which CI systems can prevent. Both packages are then the same build.
    #[must_use]
    pub fn skip_existing(mut self) -> Self {
        self.skips_existing = true;
        self
    }

    /// Sets the maximum size of the file in bytes. Default 1 GiB (1,073,741,824 bytes); Mendix Cloud documents 1 GB.
    #[must_use]
    pub fn with_size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = bytes;
        self
    }

    /// Uploads any file. By default, a file that is not a zip archive is refused: a Git LFS pointer, for example, a web page
    /// that was downloaded instead, or a truncated archive. This check reads only the first and last bytes.
    #[must_use]
    pub fn without_content_check(mut self) -> Self {
        self.checks_content = false;
        self
    }
}
