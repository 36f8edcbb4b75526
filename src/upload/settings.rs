//! `Upload`: a file, and how to send it.

use std::path::PathBuf;

/// The documented limit is "1 GB". This is the larger of the two usual meanings, so that the server decides.
const SIZE_LIMIT: u64 = 1024 * 1024 * 1024;

/// An upload: a file, and how to send it. By default, the package is named after the file, and files over 1 GiB or that
/// are no zip archives are refused.
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
    /// outcome of an upload is unknown, [`find_upload`](crate::find_upload) looks for the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::Given(name.into());
        self
    }

    /// Sends no name; the server then uses `default.mda`, by which no package can be told from another.
    #[must_use]
    pub fn without_name(mut self) -> Self {
        self.name = Name::ByTheServer;
        self
    }

    /// Uploads nothing if the app has the package already, so that the same call can simply be made again, as a CI job is run
    /// again after it has failed. For [`upload_and_wait`](crate::upload_and_wait) and
    /// [`upload_and_deploy`](crate::upload_and_deploy).
    ///
    /// They list the packages of the app first. If one of this name and size is there that has not failed, they wait for that
    /// one, the newest if there are several, and send [`Event::Existing`](crate::Event::Existing). If the list cannot be had,
    /// that is the error, and nothing is uploaded.
    ///
    /// This takes a name that was given by [`with_name`](Self::with_name) and that no other build has, such as one with the
    /// number of the build: it decides, with the size if the list has that. A package of that name with another size is refused
    /// as another build's.
    ///
    /// What is promised is what the list shows. A package can be uploaded a second time if it is listed late; if the upload was
    /// interrupted so shortly before that its last bytes were still on their way, from the operating system or a proxy; or if
    /// the call is made twice at the same time, which CI systems can exclude. Both are the same build.
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

    /// Uploads any file. By default, one that is not a zip archive, which a package is, is refused: a Git LFS pointer,
    /// a web page that was downloaded in its place, an archive that was cut off. Only its first and last bytes are read
    /// for this.
    #[must_use]
    pub fn without_content_check(mut self) -> Self {
        self.checks_content = false;
        self
    }
}
