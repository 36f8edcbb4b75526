//! The environments of an app: what is on them and what runs, and what stops, transports and starts do to that.

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
    /// What was on it when the start was requested that brought the app up.
    runs: Option<PackageId>,
    /// What is going on, and how many looks will not see it done.
    changes: Vec<(u32, Change)>,
    /// The start job that ended last, and the code that it ended with, if it failed.
    ended: Option<(JobId, Option<Documented>)>,
    /// So many looks are shown the status before the last one.
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
    /// It runs, but the job is known no more.
    Forgotten,
}

impl Environment {
    /// Those that every app has to begin with.
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
        self.look();
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
        self.look();
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

    /// Changes neither what runs nor a start in progress.
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
        // Whatever is still being transported is there by now.
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

    /// Somebody else does this.
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
            Meanwhile::Start(looks) => (format!("start {mode}"), self.start(job, Some(Fault::Slow(looks)))),
        };
        done.map_or_else(|(code, ..)| format!("somebody else: {said}: {code}"), |()| format!("somebody else: {said}"))
    }

    /// As in Deploy API v1, "Get Start Environment Status".
    pub(super) fn start_status(&mut self, job: &JobId) -> Result<&'static str, Documented> {
        self.look();
        let goes_on =
            |(_, change): &(u32, Change)| matches!(change, Change::Start { job: going_on, .. } if going_on == job);
        match &self.ended {
            _ if self.changes.iter().any(goes_on) => Ok("Starting"),
            Some((ended, None)) if ended == job => Ok("Started"),
            Some((ended, Some(failed))) if ended == job => Err(*failed),
            _ => Err(codes::NO_SUCH_JOB),
        }
    }

    /// The same change is going on only once.
    fn begin(&mut self, fault: Option<Fault>, change: Change) {
        let kind = std::mem::discriminant(&change);
        self.changes.retain(|(_, other)| std::mem::discriminant(other) != kind);
        self.changes.push((looks(fault), change));
        if let Some(Fault::StaleStatus(looks)) = fault {
            self.stale = looks;
        }
    }

    /// A look brings what goes on nearer to its end.
    fn look(&mut self) {
        self.settle();
        for (left, _) in &mut self.changes {
            *left = if *left == u32::MAX { u32::MAX } else { left.saturating_sub(1) };
        }
    }

    /// What has been going on for long enough is done.
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

/// How many looks will not see a change.
fn looks(fault: Option<Fault>) -> u32 {
    match fault {
        Some(Fault::Slow(looks)) => looks,
        Some(Fault::NeverEnds) => u32::MAX,
        _ => 0,
    }
}
