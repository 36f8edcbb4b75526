//! The deployment of a package: read, wait for the package, and then the steps that its course decides on.

use std::time::Instant;

use super::settings::{Deploy, Deployed};
use crate::environments::{At, Environment, Goal, Run};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{DeployStep, Event};
use crate::id::PackageId;
use crate::packages;
use crate::status::EnvironmentStatus;

pub(super) struct Chain<'a> {
    at: At<'a>,
    package: &'a PackageId,
    deploy: &'a Deploy,
    run: Run<'a>,
}

impl<'a> Chain<'a> {
    /// Shares its timeout with what the call has done since `began`.
    pub(super) fn new(at: At<'a>, package: &'a PackageId, deploy: &'a Deploy, began: Instant) -> Chain<'a> {
        let run = Run::new(at, Goal::Deployed { package, restart: deploy.restart }, &deploy.start, began);
        Chain { at, package, deploy, run }
    }

    /// Notes the status, for an error that comes before the first poll.
    pub(super) fn saw(&mut self, found: &Environment) {
        self.run.seen.status = Some(found.status.clone());
    }

    /// `call_began` is for the log, whose last line has the time of the whole call.
    pub(super) fn play(&mut self, url: Option<String>, call_began: Instant) -> Result<Deployed> {
        let (At { client, app, .. }, package, run) = (self.at, self.package, &mut self.run);
        run.first_read()?;
        let (previous, is_there) = (run.seen.on_it.clone(), run.course.is_there(&run.seen));
        if !is_there || run.seen.status != Some(EnvironmentStatus::Running) || self.deploy.restart {
            self.at.notify(DeployStep::Begun { package: package.clone(), previous }, run.elapsed());
        }
        if !is_there {
            let began = run.began;
            packages::wait(client, app, package, |wait| wait.limited_since(began).amid(true))?;
        }
        run.until_done(&format!("deploying package {package} to"))?;
        let changed = run.course.has_acted();
        if changed {
            run.notify_started();
            self.at.client.notify(&Event::Done {
                app: app.clone(),
                environment: Some(self.at.environment.clone()),
                package_id: package.clone(),
                elapsed: call_began.elapsed(),
            });
        } else {
            self.at.notify(DeployStep::AlreadyRuns { package: package.clone() }, run.elapsed());
        }
        let previous = run.course.previous().cloned();
        Ok(Deployed { package: package.clone(), previous, url, changed })
    }

    pub(super) fn report(&self, error: Error) -> Error {
        self.run.report(error).with_package(self.package)
    }
}

pub(crate) fn check_allowed(at: At, found: &Environment, deploy: &Deploy) -> Result<()> {
    if !found.production || deploy.allows_production {
        return Ok(());
    }
    let message =
        format!("{} is a production environment, or does not say otherwise, and production was not allowed", at.name());
    Err(Error::new(ErrorKind::NotAllowed, message).with_setting("Deploy::allow_production"))
}
