//! The environments of an app: their state, and what stops, transports and starts do to it.

use serde_json::{Value, json};

use super::codes::{self, Documented};
use super::fault::Fault;
use super::packages::DEPLOYED_PACKAGE;
use crate::id::{AppId, JobId, PackageId};

/// The documentation's example of an environment's id.
const ENVIRONMENT_ID: &str = "cd5fc610-edb0-43c5-a374-0439a6411ace";

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) app: AppId,
    pub(super) mode: &'static str,
    status: &'static str,
    package: Option<PackageId>,
    /// What is going on, and how many looks will not see it done.
    change: Option<(u32, Change)>,
    /// The start job that ended last, and the code that it ended with, if it failed.
    ended: Option<(JobId, Option<Documented>)>,
}

#[derive(Debug)]
enum Change {
    Stop,
    Transport(PackageId),
    Start { job: JobId, end: End },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Running,
    Failed(Documented),
    /// It runs, but the job is known no more.
    Forgotten,
}

impl Environment {
    /// Those that every app has to begin with.
    pub(super) fn all_of(app: &AppId) -> [Environment; 3] {
        let package = || DEPLOYED_PACKAGE.parse().ok();
        [("Test", "Empty", None), ("Acceptance", "Running", package()), ("Production", "Running", package())].map(
            |(mode, status, package)| Environment {
                app: app.clone(),
                mode,
                status,
                package,
                change: None,
                ended: None,
            },
        )
    }

    /// As in Deploy API v1, "Retrieve Environment".
    pub(super) fn shown(&mut self) -> Value {
        self.look();
        let suffix = match self.mode {
            "Acceptance" => "-accp",
            "Test" => "-test",
            _ => "",
        };
        json!({
            "Status": self.status,
            "EnvironmentId": ENVIRONMENT_ID,
            "Mode": self.mode,
            "Url": format!("https://{}{suffix}.mendixcloud.com", self.app),
            "ModelVersion": "1.1.0.253",
            "MendixVersion": "10.24.16.96987",
            "Production": self.mode == "Production",
            "Instances": 1,
        })
    }

    /// The package on it.
    pub(super) fn package(&mut self) -> Option<PackageId> {
        self.look();
        self.package.clone()
    }

    pub(super) fn stop(&mut self, fault: Option<Fault>) {
        self.settle();
        if self.status == "Running" {
            self.change = Some((looks(fault), Change::Stop));
        }
    }

    pub(super) fn transport(&mut self, package: PackageId, fault: Option<Fault>) -> Result<(), Documented> {
        self.settle();
        if self.status == "Running" {
            return Err(codes::APP_IS_RUNNING);
        }
        self.change = Some((looks(fault), Change::Transport(package)));
        Ok(())
    }

    pub(super) fn start(&mut self, job: JobId, fault: Option<Fault>) -> Result<(), Documented> {
        // Whatever is still being transported is there by now.
        if let Some((left, Change::Transport(_))) = &mut self.change {
            *left = 0;
        }
        self.settle();
        if matches!(self.change, Some((_, Change::Start { .. }))) {
            return Err(codes::STARTS_ALREADY);
        }
        if self.status == "Running" {
            return Err(codes::ALREADY_STARTED);
        }
        if self.package.is_none() {
            return Err(codes::NO_MDA);
        }
        let end = match fault {
            Some(Fault::Code(code)) => End::Failed(codes::documented(code)),
            Some(Fault::Forgotten) => End::Forgotten,
            _ => End::Running,
        };
        self.change = Some((looks(fault), Change::Start { job, end }));
        Ok(())
    }

    /// As in Deploy API v1, "Get Start Environment Status".
    pub(super) fn start_status(&mut self, job: &JobId) -> Result<&'static str, Documented> {
        self.look();
        match (&self.change, &self.ended) {
            (Some((_, Change::Start { job: going_on, .. })), _) if going_on == job => Ok("Starting"),
            (_, Some((ended, None))) if ended == job => Ok("Started"),
            (_, Some((ended, Some(failed)))) if ended == job => Err(*failed),
            _ => Err(codes::NO_SUCH_JOB),
        }
    }

    /// A look brings what goes on nearer to its end.
    fn look(&mut self) {
        self.settle();
        if let Some((left, _)) = &mut self.change {
            *left = if *left == u32::MAX { u32::MAX } else { left.saturating_sub(1) };
        }
    }

    /// What has been going on for long enough is done.
    fn settle(&mut self) {
        let Some((_, change)) = self.change.take_if(|(left, _)| *left == 0) else { return };
        match change {
            Change::Stop => self.status = "Stopped",
            Change::Transport(package) => (self.status, self.package) = ("Stopped", Some(package)),
            Change::Start { job, end } => {
                self.ended = match end {
                    End::Running => Some((job, None)),
                    End::Failed(code) => Some((job, Some(code))),
                    End::Forgotten => None,
                };
                if !matches!(end, End::Failed(_)) {
                    self.status = "Running";
                }
            }
        }
    }
}

/// How many looks will not see a change.
fn looks(fault: Option<Fault>) -> u32 {
    match fault {
        Some(Fault::Slow(looks)) => looks,
        Some(Fault::NeverEnds) => u32::MAX,
        _ => 0,
    }
}
