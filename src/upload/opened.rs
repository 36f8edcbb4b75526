//! An upload whose file was opened and checked, before any socket is.

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

/// Percent-encoded, such a name still fits the URLs that common servers accept.
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
        let refuse = |kind, problem: &str| {
            let file = text::path(&upload.file);
            Error::new(kind, format!("cannot upload {file} to app {app}{NO_PACKAGE}: {problem}"))
        };
        if matches!(&upload.name, Name::Given(name) if name.is_empty() || name.len() > NAME_MAX) {
            return Err(refuse(ErrorKind::Config, &format!("the package's name must have 1 to {NAME_MAX} bytes")));
        }
        let refuse = |problem: &str| refuse(ErrorKind::File, problem);
        let package = PackageFile::open(&upload.file, upload.size_limit, upload.checks_content, &refuse)?;
        Ok(Opened { client, app, upload, package })
    }

    /// Checks that the package, once it is uploaded, can be deployed.
    pub(crate) fn check_unpacked(&mut self) -> Result<()> {
        let (file, app) = (text::path(&self.upload.file), self.app);
        self.package.check_unpacked(&|problem| {
            Error::new(ErrorKind::File, format!("{file} can be uploaded to app {app}, but not be deployed: {problem}"))
        })
    }

    /// `None` if the server is to choose it.
    fn name(&self) -> Option<&str> {
        match &self.upload.name {
            Name::OfTheFile => Some(self.package.file_name()),
            Name::Given(name) => Some(name),
            Name::ByTheServer => None,
        }
    }

    pub(super) fn send(&mut self) -> Result<UploadedPackage> {
        let (client, app, file) = (self.client, self.app, &self.upload.file);
        let name = self.name().map(str::to_owned);
        let url_path = match &name {
            Some(name) => format!("/api/v2/apps/{app}/packages/upload?name={}", text::percent_encoded(name)),
            None => format!("/api/v2/apps/{app}/packages/upload"),
        };
        let (size, began, why) = (self.package.size(), Instant::now(), String::new());
        let attempt = Attempt::new(file, UnknownUpload { app: app.clone(), name, size, began, why });
        let package = &mut self.package;
        let uploaded = Post { client, attempt, package, url_path, expect_continue: true }.send()?;
        let (package_id, job_id) = (uploaded.package_id.clone(), uploaded.job_id.clone());
        client.notify(&Event::Accepted { app: app.clone(), file: file.clone(), package_id, job_id });
        Ok(uploaded)
    }
}
