//! From a file to a package that can be deployed.

use std::time::Instant;

use super::opened::Opened;
use super::uploaded::UploadedPackage;
use crate::error::{Advice, Again, Error, ErrorKind, Result};
use crate::find_upload;
use crate::id::{JobId, PackageId};
use crate::job;
use crate::packages::{self, Package};
use crate::text;
use crate::wait::Wait;

const RESUMES: &str = "the same call finds it and resumes";
const UPLOADS_AGAIN: &str = "the same call uploads it again unless it is listed by then";

/// A package that can be deployed.
pub(crate) struct Ready {
    pub(crate) package: PackageId,
    /// The job of the upload, if this call has uploaded it.
    pub(crate) job: Option<JobId>,
    /// When the waiting began: right after the upload.
    pub(crate) began: Instant,
}

/// How to resume a wait, for messages.
pub(crate) struct Resume {
    /// What to do, such as "resume the wait".
    what: &'static str,
    /// The function that does it for a job, and for a package.
    with_job: &'static str,
    with_package: &'static str,
}

impl Resume {
    pub(super) const WAIT: Resume =
        Resume { what: "resume the wait", with_job: "wait_for_job", with_package: "wait_for_package" };
    pub(crate) const DEPLOY: Resume =
        Resume { what: "deploy this package", with_job: "deploy_package", with_package: "deploy_package" };

    /// A refusal that ends a wait does not say how to resume it, so this does.
    fn once_fixed(&self, error: Error, function: &'static str) -> Error {
        match error.kind() {
            ErrorKind::Rejected if error.advice().what.is_empty() => {
                let advice = Advice::new(self.what, &[function]);
                error.with_advice(Advice { when: "once fixed, ", ..advice })
            }
            _ => error,
        }
    }
}

impl<'a> Opened<'a> {
    /// Uploads the package unless it already exists, and waits until it can be deployed. After an unknown outcome, searches for
    /// the package, and never uploads it again.
    pub(crate) fn until_ready(&mut self, resume: &Resume) -> Result<Ready> {
        if let Some(package) = self.existing()? {
            let began = Instant::now();
            let package = self.wait_for_existing(&package, began, resume)?;
            return Ok(Ready { package, job: None, began });
        }
        let sent = self.send();
        let began = Instant::now();
        let (package, job) = match sent {
            Ok(UploadedPackage { package_id, job_id }) => {
                let end = self.wait_for_job(&job_id, began, resume);
                end.map_err(|error| self.accepted(error, &package_id, None))?;
                (package_id, Some(job_id))
            }
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let job = error.job_id().cloned();
                (self.wait_for_lost(error, began, resume)?, job)
            }
            Err(error) => return Err(error),
        };
        Ok(Ready { package, job, began })
    }

    fn wait_for_existing(&self, package: &Package, began: Instant, resume: &Resume) -> Result<PackageId> {
        self.notify_existing(package);
        let (id, file) = (&package.package_id, text::name(self.file_name()));
        let package = self.wait_for_package(id, began, resume).map_err(|error| {
            let advice = match error.kind() {
                ErrorKind::JobFailed => Advice::new("the same call uploads it", &[]),
                _ => Advice::new(
                    "the same call resumes; if that is never ready, use another name",
                    &["Upload::with_name"],
                ),
            };
            let has_name =
                if error.mentions(id) { "it has its name".to_owned() } else { format!("package {id} has its name") };
            let note = format!("{file} was not uploaded, because {has_name}");
            error.with_package(id).with_package_note(note).with_advice(advice)
        })?;
        self.check_size(&package).map_err(|how| self.refuse_other(&how))?;
        Ok(package.package_id)
    }

    fn wait_for_job(&self, job: &JobId, began: Instant, resume: &Resume) -> Result<()> {
        let set = |wait: Wait<'a>| wait.since(began).amid(true).resumed_by(resume.what, resume.with_job);
        job::wait(self.client, self.app, job, set).map_err(|error| resume.once_fixed(error, resume.with_job))
    }

    fn wait_for_package(&self, package: &PackageId, began: Instant, resume: &Resume) -> Result<Package> {
        let set = |wait: Wait<'a>| wait.since(began).amid(true).resumed_by(resume.what, resume.with_package);
        packages::wait(self.client, self.app, package, set)
            .map_err(|error| resume.once_fixed(error, resume.with_package))
    }

    /// Searches for the package of an upload of unknown outcome, and waits for it. If the list could not be read, returns the
    /// error of the upload.
    fn wait_for_lost(&self, unknown: Error, began: Instant, resume: &Resume) -> Result<PackageId> {
        if !unknown.upload().is_some_and(|upload| find_upload::can_be_found(upload, unknown.package_id())) {
            return Err(unknown);
        }
        let id = match find_upload::find(self.client, self.app, &unknown, began) {
            Ok(package) => package.package_id,
            Err(error) => match error.kind() {
                // Of several, the newest will do: all are of this build.
                ErrorKind::OutcomeUnknown => match self.existing_now() {
                    Ok(Some(package)) => package.package_id,
                    _ => return Err(self.maybe_accepted(error.with_response(unknown.response().cloned()))),
                },
                ErrorKind::JobFailed => {
                    let note = format!("it is the job of {}", text::path(&self.upload.file));
                    return Err(error.with_package_note(note));
                }
                // The error of the upload says what to do.
                _ => {
                    let cause = error.with_advice(Advice::default());
                    return Err(self.maybe_accepted(unknown.because_of(cause)));
                }
            },
        };
        let end = self.wait_for_package(&id, began, resume);
        let package = end.map_err(|error| self.accepted(error, &id, unknown.job_id()))?;
        // An id is from the server. A name may be shared, and the size may have been unknown until now.
        if unknown.package_id() != Some(&id) {
            self.check_size(&package)
                .map_err(|how| self.maybe_accepted(unknown.because_of(Error::new(ErrorKind::OutcomeUnknown, how))))?;
        }
        Ok(id)
    }

    /// Completes an error if the outcome is still unknown after the search.
    fn maybe_accepted(&self, error: Error) -> Error {
        let advice = Advice::new(UPLOADS_AGAIN, &[]);
        if self.upload.skips_existing { error.with_advice(advice) } else { error }
    }

    /// Completes an error that comes after the server has accepted the package.
    pub(crate) fn accepted(&self, error: Error, package: &PackageId, job: Option<&JobId>) -> Error {
        let is_usable = error.again() != Again::WithAnotherPackage;
        let is_found_again = is_usable && matches!(self.existing_now(), Ok(Some(_)));
        let transient = error.is_transient() && is_found_again;
        let (again, advice) = (error.again(), error.advice().clone());
        let (file, is_of_a_deployment) = (text::name(self.file_name()), !error.app_note().is_empty());
        let note = if is_of_a_deployment {
            // The error of a deployment already says what happened to the package.
            String::new()
        } else if error.mentions(package) {
            format!("{file} is this package")
        } else {
            format!("{file} is package {package}")
        };
        let error = error.with_ids(Some(package), job).with_transient(transient).with_package_note(note);
        let (what, names) = match again {
            Again::WithAnotherPackage => return error,
            _ if !self.upload.skips_existing => {
                let resume = advice.what.trim_end_matches(" again");
                (format!("{resume} without another upload"), advice.names)
            }
            _ if !is_found_again => (UPLOADS_AGAIN.to_owned(), Vec::new()),
            Again::WithRestart => (RESUMES.to_owned(), vec!["Deploy::with_restart"]),
            Again::Same => (RESUMES.to_owned(), Vec::new()),
        };
        error.with_advice(Advice { when: advice.when, what, or: "", names })
    }
}
