//! From a file to a package that can be deployed.

use std::time::Instant;

use super::opened::Opened;
use super::uploaded::UploadedPackage;
use crate::error::{Error, ErrorKind, Result};
use crate::find_upload;
use crate::id::PackageId;
use crate::text;
use crate::{job, packages};

/// What resumes a wait, for messages.
pub(crate) struct Resume {
    with_job: &'static str,
    with_package: &'static str,
}

impl Resume {
    pub(super) const WAIT: Resume =
        Resume { with_job: "call wait_for_job with this job", with_package: "call wait_for_package with this package" };
}

impl Opened<'_> {
    /// Uploads the package, and waits until it can be deployed. What may have been accepted is searched for, and never
    /// uploaded again.
    pub(crate) fn until_ready(&mut self, resume: &Resume) -> Result<PackageId> {
        let sent = self.send();
        let began = Instant::now();
        match sent {
            Ok(uploaded) => {
                self.wait_for_job(&uploaded, began, resume)?;
                Ok(uploaded.package_id)
            }
            Err(unknown) if unknown.kind() == ErrorKind::OutcomeUnknown => {
                let package = self.find(unknown, began)?;
                self.wait_for_package(&package, began, resume)?;
                Ok(package)
            }
            Err(error) => Err(error),
        }
    }

    fn wait_for_job(&self, uploaded: &UploadedPackage, began: Instant, resume: &Resume) -> Result<()> {
        let end = job::wait(self.client, self.app, &uploaded.job_id, |wait| {
            wait.since(began).amid(true).resumed_by(resume.with_job)
        });
        end.map_err(|error| self.accepted(error, &uploaded.package_id))
    }

    fn wait_for_package(&self, package: &PackageId, began: Instant, resume: &Resume) -> Result<()> {
        let end = packages::wait(self.client, self.app, package, |wait| {
            wait.since(began).amid(true).resumed_by(resume.with_package)
        });
        end.map(drop).map_err(|error| self.accepted(error, package))
    }

    /// Finds the package of an upload of unknown outcome. If that cannot be told because the API could not be asked, the error
    /// is that of the upload.
    fn find(&self, unknown: Error, began: Instant) -> Result<PackageId> {
        if !unknown.upload().is_some_and(|upload| find_upload::can_be_found(upload, unknown.package_id())) {
            return Err(unknown);
        }
        match find_upload::find(self.client, self.app, &unknown, began) {
            Ok(found) => Ok(found.package_id),
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::JobFailed) => Err(error),
            Err(error) => Err(unknown.because_of(error)),
        }
    }

    /// What an error says once the package is known. The same call would upload it again.
    fn accepted(&self, error: Error, package: &PackageId) -> Error {
        let advice = if error.kind() == ErrorKind::JobFailed { "" } else { ", so do not upload it again" };
        let note = format!("; {} was accepted as package {package}{advice}", text::path(&self.upload.file));
        error.with_package(package).with_transient(false).with_note(&note)
    }
}
