//! An upload whose file was opened and checked, before any socket is opened.

use std::time::Instant;

use super::outcome::{Attempt, NO_PACKAGE};
use super::package_file::PackageFile;
use super::post::Post;
use super::settings::{Name, Upload};
use super::uploaded::UploadedPackage;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, UnknownUpload};
use crate::event::Event;
use crate::id::AppId;
use crate::text;

/// Percent-encoded, a name of this length still fits the URLs that common servers accept.
const NAME_MAX: usize = 2048;

/// An upload whose file was opened and checked.
pub(crate) struct Opened<'a> {
    pub(super) client: &'a Client,
    pub(super) app: &'a AppId,
    pub(super) upload: &'a Upload,
    package: PackageFile,
}

impl<'a> Opened<'a> {
    pub(crate) fn new(client: &'a Client, app: &'a AppId, upload: &'a Upload) -> Result<Opened<'a>> {
        let refuse = |kind, problem: &str| refusal(app, upload, kind, problem);
        match &upload.name {
            Name::Given(name) if name.trim().is_empty() || name.len() > NAME_MAX => {
                let problem = match name.trim() {
                    "" if name.is_empty() => "the package's name is empty".to_owned(),
                    "" => "the package's name is blank".to_owned(),
                    _ => format!("the package's name has {} bytes; the maximum is {NAME_MAX}", name.len()),
                };
                return Err(refuse(ErrorKind::Config, &problem));
            }
            Name::OfTheFile | Name::ByTheServer if upload.skips_existing => {
                let problem =
                    "an existing package can only be found by a name that was set, and that no other build has";
                return Err(refuse(ErrorKind::Config, problem)
                    .with_setting("Upload::skip_existing")
                    .with_setting("Upload::with_name"));
            }
            _ => {}
        }
        let refuse = |problem: &str| refuse(ErrorKind::File, problem);
        let package = PackageFile::open(&upload.file, upload.size_limit, upload.checks_content, &refuse)?;
        Ok(Opened { client, app, upload, package })
    }

    /// The error for a problem found before the upload.
    pub(super) fn refuse(&self, kind: ErrorKind, problem: &str) -> Error {
        refusal(self.app, self.upload, kind, problem)
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.package.size()
    }

    /// The last component of the path.
    pub(super) fn file_name(&self) -> &str {
        self.package.file_name()
    }

    /// Checks that the package, once it is uploaded, can be deployed.
    pub(crate) fn check_unpacked(&mut self) -> Result<()> {
        let (file, app) = (text::path(&self.upload.file), self.app);
        self.package.check_unpacked(&|problem| {
            Error::new(ErrorKind::File, format!("{file} can be uploaded to app {app}, but not be deployed: {problem}"))
        })
    }

    /// `None` if the server chooses it.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.upload.name {
            Name::OfTheFile => Some(self.package.file_name()),
            Name::Given(name) => Some(name),
            Name::ByTheServer => None,
        }
    }

    /// The single step: uploads the file, without waiting.
    pub(crate) fn upload(&mut self) -> Result<UploadedPackage> {
        if self.upload.skips_existing {
            let problem = "this call does not wait, so it cannot wait for an existing package";
            let names = ["Upload::skip_existing", "upload_and_wait"];
            return Err(names.into_iter().fold(self.refuse(ErrorKind::Config, problem), Error::with_setting));
        }
        self.send()
    }

    /// Uploads the file, whether or not the package exists.
    pub(super) fn send(&mut self) -> Result<UploadedPackage> {
        let (client, app, file) = (self.client, self.app, &self.upload.file);
        let name = self.name().map(str::to_owned);
        let url_path = match &name {
            Some(name) => format!("/api/v2/apps/{app}/packages/upload?name={}", text::percent_encoded(name)),
            None => format!("/api/v2/apps/{app}/packages/upload"),
        };
        let (size, began, why) = (self.size(), Instant::now(), String::new());
        let attempt = Attempt::new(file, UnknownUpload { app: app.clone(), name, size, began, why });
        let package = &mut self.package;
        let uploaded = Post { client, attempt, package, url_path, expect_continue: true }.send()?;
        let (package_id, job_id) = (uploaded.package_id.clone(), uploaded.job_id.clone());
        let (app, file, elapsed) = (app.clone(), file.clone(), began.elapsed());
        client.notify(&Event::Accepted { app, file, package_id, job_id, elapsed });
        Ok(uploaded)
    }
}

fn refusal(app: &AppId, upload: &Upload, kind: ErrorKind, problem: &str) -> Error {
    let file = text::path(&upload.file);
    Error::new(kind, format!("cannot upload {file} to app {app}{NO_PACKAGE}: {problem}"))
}
