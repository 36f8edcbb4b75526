//! What a call knows about an environment: its goal, its requests so far, and what was seen.

use std::time::Duration;

use super::request::{Evidence, Request, Start, Stop};
use crate::id::{JobId, PackageId};
use crate::status::EnvironmentStatus;

/// The state that a call wants the environment to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal<'a> {
    Stopped,
    /// The package is on it.
    On(&'a PackageId),
    /// The app runs, with any package.
    Runs,
    /// The app runs this package.
    Deployed {
        package: &'a PackageId,
        restart: bool,
    },
}

impl<'a> Goal<'a> {
    pub(crate) fn package(self) -> Option<&'a PackageId> {
        match self {
            Goal::On(package) | Goal::Deployed { package, .. } => Some(package),
            Goal::Stopped | Goal::Runs => None,
        }
    }
}

/// What was seen last. What the goal does not need is not polled.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) on_it: Option<PackageId>,
    /// Read after the package.
    pub(crate) status: Option<EnvironmentStatus>,
}

impl Seen {
    pub(super) fn runs(&self) -> bool {
        self.status == Some(EnvironmentStatus::Running)
    }

    pub(super) fn is_down(&self) -> bool {
        self.status.as_ref().is_some_and(EnvironmentStatus::is_down)
    }
}

/// A request that has not taken effect yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    Stop,
    Transport,
    Start,
    /// The API refused our start because of another one.
    ForeignStart,
}

/// Whether our package was seen on the environment.
#[derive(Debug, Default)]
pub(super) enum Place {
    #[default]
    NotSeen,
    There,
    /// Since then, another one was.
    Gone {
        since: Duration,
        other: PackageId,
    },
}

#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(crate) goal: Goal<'a>,
    /// How long a change may take to show, and how long a status may be stale.
    pub(super) patience: Duration,
    pub(super) stop: Stop,
    pub(super) transport: Request,
    /// The package that was on it right before the transport, or before the start if nothing is transported.
    pub(crate) before: Option<PackageId>,
    pub(super) place: Place,
    pub(super) start: Start,
    pub(super) evidence: Evidence,
    /// When the start was requested last.
    pub(super) start_requested: Option<Duration>,
    /// Another package was on it while the app ran, and the app was not seen down since: it may still run that package.
    pub(super) may_run_other: bool,
    /// This call has stopped the app, transported a package, or started an app that has to be stopped again.
    pub(super) has_changed: bool,
    /// A running app that may have been somebody else's was stopped once more. This happens only once.
    pub(super) has_restarted: bool,
    /// After that, this package was on it once more before ours was back.
    pub(super) contested_by: Option<PackageId>,
}

impl<'a> Course<'a> {
    pub(crate) fn new(goal: Goal<'a>, patience: Duration) -> Course<'a> {
        Course {
            goal,
            patience,
            stop: Stop::default(),
            transport: Request::default(),
            before: None,
            place: Place::default(),
            start: Start::default(),
            evidence: Evidence::default(),
            start_requested: None,
            may_run_other: false,
            has_changed: false,
            has_restarted: false,
            contested_by: None,
        }
    }

    /// The start job to poll.
    pub(crate) fn job(&self) -> Option<&JobId> {
        match &self.start {
            Start::Accepted { job, .. } => job.as_ref(),
            _ => None,
        }
    }

    /// Whether the app may run although its status says otherwise: a start was requested, or the API said that it runs.
    pub(crate) fn may_run(&self) -> bool {
        self.start.is_made() || self.stop.is_forced
    }

    /// Whether this call has made a request that took effect, or may have.
    pub(crate) fn has_acted(&self) -> bool {
        self.has_changed || self.start.is_made()
    }

    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_done
    }

    pub(crate) fn was_there(&self) -> bool {
        !matches!(self.place, Place::NotSeen)
    }

    pub(crate) fn waits_for_transport(&self) -> bool {
        !self.was_there() && self.transport != Request::NotMade
    }

    /// Whether this call has stopped the app, or found it stopped, and has not seen it run since. Until it requests the start,
    /// `Running` may be a stale status.
    pub(crate) fn may_be_down(&self, seen: &Seen, now: Duration) -> bool {
        let runs = self.is_shown(seen, now) || self.evidence.is_proof() || !self.has_acted();
        match &seen.status {
            Some(EnvironmentStatus::Running) => self.stop.is_pending() || !runs,
            Some(_) => true,
            None => false,
        }
    }

    /// The last request that has not taken effect yet.
    pub(crate) fn pending(&self, seen: &Seen, now: Duration) -> Option<Pending> {
        match &self.start {
            Start::Foreign(_) => Some(Pending::ForeignStart),
            start if start.is_made() => (!self.is_shown(seen, now)).then_some(Pending::Start),
            _ if self.waits_for_transport() => Some(Pending::Transport),
            _ => self.stop.is_pending().then_some(Pending::Stop),
        }
    }

    /// Whether the next call for the same goal must restart the app: a restart was asked for and the app was not stopped
    /// yet, or another package may be running or starting although ours is on the environment, or will be.
    pub(crate) fn needs_restart(&self, seen: &Seen, now: Duration) -> bool {
        let Goal::Deployed { restart, .. } = self.goal else { return false };
        let is_due = restart && !self.stop.is_done;
        let may_be_there = self.is_there(seen) || self.waits_for_transport();
        let is_ours = match self.start {
            Start::Accepted { .. } => seen.is_down() || self.is_shown(seen, now),
            _ => !self.is_to_differ(),
        };
        (is_due && !(self.has_acted() && seen.is_down())) || (self.has_acted() && may_be_there && !is_ours)
    }

    /// Whether the app has been seen to run since the start was requested.
    pub(super) fn is_shown(&self, seen: &Seen, now: Duration) -> bool {
        self.start.is_made() && seen.runs() && self.evidence.is_believed(now, self.patience)
    }

    /// Whether `Running` may be stale even if the app was seen down in between: of two servers that take turns, one may lag
    /// behind.
    pub(crate) fn may_be_stale(&self, now: Duration) -> bool {
        self.start_requested.is_some_and(|requested| now < requested + self.patience) && !self.evidence.is_proof()
    }

    /// Whether a starting app can only be the one that this call has started, or this call has changed nothing.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.start, Start::Accepted { .. }) || !self.is_to_differ()
    }

    /// Whether the package that should run differs from the one that ran before.
    pub(super) fn is_to_differ(&self) -> bool {
        self.has_changed || matches!(self.goal, Goal::Deployed { restart: true, .. })
    }

    /// Whether our package is on the environment, if there is one.
    pub(crate) fn is_there(&self, seen: &Seen) -> bool {
        self.goal.package().is_none() || seen.on_it.as_ref().is_some_and(|on_it| self.is_ours(on_it))
    }

    fn is_ours(&self, on_it: &PackageId) -> bool {
        self.goal.package().is_some_and(|package| package.is_same_as(on_it.as_str()))
    }

    /// The package to go back to: the previous one, unless that is ours.
    pub(crate) fn previous(&self) -> Option<&PackageId> {
        self.before.as_ref().filter(|before| !self.is_ours(before))
    }
}
