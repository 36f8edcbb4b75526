//! The environments of an app: the package on each, the package that runs, and how stops, transports and starts change them.

use serde_json::{Value, json};

use super::codes::{self, Documented};
use super::fault::{Fault, Meanwhile};
use super::store::DEPLOYED_PACKAGE;
use crate::id::{AppId, JobId, PackageId};

/// The documentation's example of an environment's id.
const ENVIRONMENT_ID: &str = "cd5fc610-edb0-43c5-a374-0439a6411ace";

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) app: AppId,
    pub(super) mode: &'static str,
    on_it: Option<PackageId>,
    /// The package that was on it when the last successful start was requested.
    runs: Option<PackageId>,
    /// Pending changes, and how many polls will not show each.
    changes: Vec<(u32, Change)>,
    /// The start job that ended last, and the code that it ended with, if it failed.
    ended: Option<(JobId, Option<Documented>)>,
    /// How many polls are shown the status before the last one.
    stale: u32,
    last_status: &'static str,
}

#[derive(Debug)]
enum Change {
    Stop,
    Transport(PackageId),
    Start { job: JobId, package: PackageId, end: End },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Running,
    Failed(Documented),
    /// The app runs, but the job is forgotten.
    Forgotten,
}

impl Environment {
    /// The environments that every app has at first.
    pub(super) fn all_of(app: &AppId) -> [Environment; 3] {
        let package = || DEPLOYED_PACKAGE.parse().ok();
        [("Test", None), ("Acceptance", package()), ("Production", package())].map(|(mode, package)| {
            let (app, on_it, runs) = (app.clone(), package.clone(), package);
            let mut found =
                Environment { app, mode, on_it, runs, changes: Vec::new(), ended: None, stale: 0, last_status: "" };
            found.last_status = found.status();
            found
        })
    }

    fn status(&self) -> &'static str {
        match (&self.runs, &self.on_it) {
            (Some(_), _) => "Running",
            (None, Some(_)) => "Stopped",
            (None, None) => "Empty",
        }
    }

    /// As in Deploy API v1, "Retrieve Environment".
    pub(super) fn shown(&mut self) -> Value {
        self.poll();
        let suffix = match self.mode {
            "Acceptance" => "-accp",
            "Test" => "-test",
            _ => "",
        };
        let status = if self.stale > 0 { self.last_status } else { self.status() };
        self.stale = self.stale.saturating_sub(1);
        json!({
            "Status": status,
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
        self.poll();
        self.on_it.clone()
    }

    /// The package that runs.
    pub(super) fn running(&mut self) -> Option<PackageId> {
        self.settle();
        self.runs.clone()
    }

    pub(super) fn stop(&mut self, fault: Option<Fault>) {
        self.settle();
        if self.runs.is_some() {
            self.begin(fault, Change::Stop);
        }
    }

    /// Changes neither the package that runs nor a start in progress.
    pub(super) fn transport(
        &mut self,
        package: PackageId,
        is_strict: bool,
        fault: Option<Fault>,
    ) -> Result<(), Documented> {
        self.settle();
        if is_strict && self.runs.is_some() {
            return Err(codes::APP_IS_RUNNING);
        }
        self.begin(fault, Change::Transport(package));
        Ok(())
    }

    pub(super) fn start(&mut self, job: JobId, fault: Option<Fault>) -> Result<(), Documented> {
        // A pending transport is done by now.
        for (left, change) in &mut self.changes {
            if matches!(change, Change::Transport(_)) {
                *left = 0;
            }
        }
        self.settle();
        if self.changes.iter().any(|(_, change)| matches!(change, Change::Start { .. })) {
            return Err(codes::STARTS_ALREADY);
        }
        if self.runs.is_some() {
            return Err(codes::ALREADY_STARTED);
        }
        let package = self.on_it.clone().ok_or(codes::NO_MDA)?;
        let end = match fault {
            Some(Fault::Code(code)) => End::Failed(codes::documented(code)),
            Some(Fault::Forgotten) => End::Forgotten,
            _ => End::Running,
        };
        self.begin(fault, Change::Start { job, package, end });
        Ok(())
    }

    /// Carries out what somebody else does.
    pub(super) fn meanwhile(&mut self, job: JobId, deed: Meanwhile) -> String {
        let mode = self.mode;
        let (said, done) = match deed {
            Meanwhile::Stop => {
                self.stop(None);
                (format!("stop {mode}"), Ok(()))
            }
            Meanwhile::Transport(package) => {
                (format!("transport {package} to {mode}"), self.transport(package, false, None))
            }
            Meanwhile::Start(polls) => (format!("start {mode}"), self.start(job, Some(Fault::Slow(polls)))),
        };
        done.map_or_else(|(code, ..)| format!("somebody else: {said}: {code}"), |()| format!("somebody else: {said}"))
    }

    /// As in Deploy API v1, "Get Start Environment Status".
    pub(super) fn start_status(&mut self, job: &JobId) -> Result<&'static str, Documented> {
        self.poll();
        let is_starting =
            |(_, change): &(u32, Change)| matches!(change, Change::Start { job: going_on, .. } if going_on == job);
        match &self.ended {
            _ if self.changes.iter().any(is_starting) => Ok("Starting"),
            Some((ended, None)) if ended == job => Ok("Started"),
            Some((ended, Some(failed))) if ended == job => Err(*failed),
            _ => Err(codes::NO_SUCH_JOB),
        }
    }

    /// Adds a pending change, in place of one of the same kind.
    fn begin(&mut self, fault: Option<Fault>, change: Change) {
        let kind = std::mem::discriminant(&change);
        self.changes.retain(|(_, other)| std::mem::discriminant(other) != kind);
        self.changes.push((polls(fault), change));
        if let Some(Fault::StaleStatus(polls)) = fault {
            self.stale = polls;
        }
    }

    /// Each poll counts the pending changes down.
    fn poll(&mut self) {
        self.settle();
        for (left, _) in &mut self.changes {
            *left = if *left == u32::MAX { u32::MAX } else { left.saturating_sub(1) };
        }
    }

    /// Applies the changes that have counted down.
    fn settle(&mut self) {
        let before = self.status();
        let all = std::mem::take(&mut self.changes).into_iter();
        let (done, going_on): (Vec<_>, Vec<_>) = all.partition(|(left, _)| *left == 0);
        self.changes = going_on;
        for (_, change) in done {
            match change {
                Change::Stop => self.runs = None,
                Change::Transport(package) => self.on_it = Some(package),
                Change::Start { job, package, end } => {
                    self.ended = match end {
                        End::Running => Some((job, None)),
                        End::Failed(code) => Some((job, Some(code))),
                        End::Forgotten => None,
                    };
                    if !matches!(end, End::Failed(_)) {
                        self.runs = Some(package);
                    }
                }
            }
        }
        if self.status() != before {
            self.last_status = before;
        }
    }
}

/// How many polls will not show a change.
fn polls(fault: Option<Fault>) -> u32 {
    match fault {
        Some(Fault::Slow(polls)) => polls,
        Some(Fault::NeverEnds) => u32::MAX,
        _ => 0,
    }
}
