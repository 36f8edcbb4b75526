//! Decides what is done next to an environment, from what was seen of it and what this call has done, without any I/O.
//!
//! Only what was seen after its cause is believed. Once this call has stopped or transported anything, an app that runs may be
//! somebody else's, so that only a start that was accepted can be a success.

mod answer;
mod request;

use std::time::Duration;

pub(super) use answer::{Answer, Job};
use request::{Evidence, Request, Start, Stop};

use crate::id::{JobId, PackageId};
use crate::status::EnvironmentStatus;

/// The state that a call should bring the environment to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal<'a> {
    Stopped,
    /// The package is on it.
    On(&'a PackageId),
    /// The app runs, whatever it is.
    Runs,
    /// The app runs this package.
    Deployed {
        package: &'a PackageId,
        restart: bool,
    },
}

impl<'a> Goal<'a> {
    pub(super) fn package(self) -> Option<&'a PackageId> {
        match self {
            Goal::On(package) | Goal::Deployed { package, .. } => Some(package),
            Goal::Stopped | Goal::Runs => None,
        }
    }
}

/// What was seen last. What the goal does not need is not looked at.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) on_it: Option<PackageId>,
    /// Read after the package.
    pub(crate) status: Option<EnvironmentStatus>,
}

impl Seen {
    fn runs(&self) -> bool {
        self.status == Some(EnvironmentStatus::Running)
    }

    fn is_down(&self) -> bool {
        self.status.as_ref().is_some_and(EnvironmentStatus::is_down)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Stop,
    Transport,
    Start,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Do(Step),
    Wait,
    Done,
    /// This package, which is neither ours nor the one before, was transported by somebody else.
    GiveWayTo(PackageId),
}

impl Next {
    fn when(is_due: bool, step: Step) -> Next {
        if is_due { Next::Do(step) } else { Next::Wait }
    }
}

/// A request that was made, and has not shown any effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Stop,
    Transport,
    Start,
    /// The API has refused ours because of another one.
    ForeignStart,
}

/// Whether our package was seen on the environment.
#[derive(Debug, Default)]
enum Place {
    #[default]
    NotSeen,
    There,
    /// Not any more, since then.
    GoneSince(Duration),
}

#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(super) goal: Goal<'a>,
    /// How long a change may take to show, and how long a status may be from before.
    patience: Duration,
    stop: Stop,
    transport: Request,
    /// The package that was on it right before the transport, or before the start if there is none.
    pub(super) before: Option<PackageId>,
    place: Place,
    start: Start,
    evidence: Evidence,
    /// When the start was requested last.
    start_requested: Option<Duration>,
    /// Another package was on it while the app ran, and the app was not seen down since: it may still run that one.
    may_run_other: bool,
    /// This call has stopped the app or transported a package.
    has_changed: bool,
    /// An app that may have been somebody else's was stopped once more. There is no second time.
    has_restarted: bool,
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
        }
    }

    /// The start job to poll.
    pub(super) fn job(&self) -> Option<&JobId> {
        match &self.start {
            Start::Accepted { job, .. } => job.as_ref(),
            _ => None,
        }
    }

    /// Whether the app may run although its status says otherwise: it was asked to start, or the API said that it runs.
    pub(super) fn may_run(&self) -> bool {
        self.start.is_made() || self.stop.is_forced
    }

    /// Whether this call has made any request that was answered, or may have arrived.
    pub(crate) fn has_acted(&self) -> bool {
        self.has_changed || self.start.is_made()
    }

    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_done
    }

    pub(super) fn was_there(&self) -> bool {
        !matches!(self.place, Place::NotSeen)
    }

    pub(super) fn waits_for_transport(&self) -> bool {
        !self.was_there() && self.transport != Request::NotMade
    }

    /// Whether this call has stopped the app, or found it stopped, and has not seen it run since. If it has not requested the
    /// start yet, `Running` may well be a status from before.
    pub(crate) fn may_be_down(&self, seen: &Seen, now: Duration) -> bool {
        let runs = self.is_shown(seen, now) || self.evidence.is_proof() || !self.has_acted();
        match &seen.status {
            Some(EnvironmentStatus::Running) => self.stop.is_pending() || !runs,
            Some(_) => true,
            None => false,
        }
    }

    /// The last request that has not shown any effect.
    pub(super) fn pending(&self, seen: &Seen, now: Duration) -> Option<Pending> {
        match &self.start {
            Start::Foreign(_) => Some(Pending::ForeignStart),
            start if start.is_made() => (!self.is_shown(seen, now)).then_some(Pending::Start),
            _ if self.waits_for_transport() => Some(Pending::Transport),
            _ => self.stop.is_pending().then_some(Pending::Stop),
        }
    }

    /// Whether another call for the same goal must restart the app: it was to be restarted and was not stopped yet, or what
    /// runs or comes up may be another package although ours is on the environment, or will be.
    pub(super) fn needs_restart(&self, seen: &Seen, now: Duration) -> bool {
        let Goal::Deployed { restart, .. } = self.goal else { return false };
        let is_due = restart && !self.stop.is_done;
        let may_be_there = self.is_there(seen) || self.waits_for_transport();
        let is_ours = match self.start {
            Start::Accepted { .. } => seen.is_down() || self.is_shown(seen, now),
            _ => !self.is_to_differ(),
        };
        (is_due && !(self.has_acted() && seen.is_down())) || (self.has_acted() && may_be_there && !is_ours)
    }

    /// Whether there are signs that what runs or comes up is another package, so that the same call could take it for ours.
    pub(super) fn may_run_another(&self, seen: &Seen, now: Duration) -> bool {
        let is_said = matches!(self.start, Start::Foreign(_)) || (self.stop.is_forced && !self.start.is_made());
        self.needs_restart(seen, now) && (is_said || seen.runs())
    }

    /// Whether the app has been seen to run since the start was requested.
    fn is_shown(&self, seen: &Seen, now: Duration) -> bool {
        self.start.is_made() && seen.runs() && self.evidence.is_believed(now, self.patience)
    }

    pub(super) fn next(&self, seen: &Seen, now: Duration) -> Next {
        if let Some(other) = self.overtaken_by(seen, now) {
            return Next::GiveWayTo(other.clone());
        }
        match &self.start {
            Start::NotMade => self.before_the_start(seen, now),
            Start::Foreign(_) if seen.runs() => Next::when(self.stop.request.is_due(now), Step::Stop),
            _ if seen.runs() && self.is_own() => {
                let is_done = self.evidence.is_believed(now, self.patience) && self.is_there(seen);
                if is_done { Next::Done } else { Next::Wait }
            }
            start => Next::when(start.is_due(now), Step::Start),
        }
    }

    fn before_the_start(&self, seen: &Seen, now: Duration) -> Next {
        let is_there = self.is_there(seen);
        let is_wanted = match self.goal {
            Goal::Stopped => true,
            Goal::On(_) | Goal::Runs => false,
            Goal::Deployed { restart, .. } => restart || !is_there || self.may_run_other,
        };
        let is_begun = self.stop.is_forced || self.stop.is_pending();
        if !self.stop.is_done && (is_begun || (is_wanted && !seen.is_down())) {
            return Next::when(self.stop.request.is_due(now), Step::Stop);
        }
        if !is_there {
            return Next::when(self.transport.is_due(now), Step::Transport);
        }
        match self.goal {
            Goal::Stopped | Goal::On(_) => Next::Done,
            Goal::Deployed { restart: false, .. } if seen.runs() && !self.has_changed => Next::Done,
            // Requested even if the status is `Running`: the caller may have stopped the app, and the status may be stale.
            Goal::Runs | Goal::Deployed { .. } => Next::Do(Step::Start),
        }
    }

    /// A third package after our transport is somebody else's at once. The one from before may be shown by what lags behind, and
    /// without a transport of ours, that can be any. No package at all is nobody's: it is not there yet.
    fn overtaken_by<'s>(&self, seen: &'s Seen, now: Duration) -> Option<&'s PackageId> {
        let has_transported = self.transport != Request::NotMade;
        let is_third = has_transported && seen.on_it != self.before;
        let is_gone = matches!(self.place, Place::GoneSince(since) if now >= since + self.patience);
        let is_overtaken = (has_transported || self.start.is_made()) && !self.is_there(seen) && (is_third || is_gone);
        seen.on_it.as_ref().filter(|_| is_overtaken)
    }

    /// Whether `Running` may be a status from before, even if the app was seen down in between: of two that are asked in turn, one
    /// may lag behind.
    pub(super) fn may_be_stale(&self, now: Duration) -> bool {
        self.start_requested.is_some_and(|requested| now < requested + self.patience) && !self.evidence.is_proof()
    }

    /// Whether what comes up can only be what this call has asked for, or nothing was changed that it could differ from.
    fn is_own(&self) -> bool {
        matches!(self.start, Start::Accepted { .. }) || !self.is_to_differ()
    }

    /// Whether what is to run is not what ran before.
    fn is_to_differ(&self) -> bool {
        self.has_changed || matches!(self.goal, Goal::Deployed { restart: true, .. })
    }

    /// Whether our package is on the environment, if there is one.
    pub(crate) fn is_there(&self, seen: &Seen) -> bool {
        self.goal.package().is_none() || seen.on_it.as_ref().is_some_and(|on_it| self.is_ours(on_it))
    }

    fn is_ours(&self, on_it: &PackageId) -> bool {
        self.goal.package().is_some_and(|package| package.is_same_as(on_it.as_str()))
    }

    /// The package to go back to: the one before, unless that is ours.
    pub(crate) fn previous(&self) -> Option<&PackageId> {
        self.before.as_ref().filter(|before| !self.is_ours(before))
    }

    /// Takes in what was seen, before `next` is asked.
    pub(super) fn saw(&mut self, seen: &Seen, now: Duration) {
        if self.transport == Request::NotMade && !self.start.is_made() {
            // Another deployment has come in between: if the app was down, it was not seen.
            if self.stop.is_pending() && self.before != seen.on_it {
                self.stop.request = Request::NotMade;
            }
            self.before.clone_from(&seen.on_it);
        }
        self.stop.is_done |= self.stop.is_pending() && seen.is_down();
        if matches!(self.place, Place::GoneSince(_)) && self.is_there(seen) && self.start.is_made() {
            self.doubt_the_start(now);
        }
        self.place = match self.place {
            _ if self.is_there(seen) => Place::There,
            Place::There => Place::GoneSince(now),
            Place::NotSeen => Place::NotSeen,
            Place::GoneSince(since) => Place::GoneSince(since),
        };
        self.may_run_other = seen.runs() && (self.may_run_other || !self.is_there(seen));
        self.evidence.saw(seen.runs(), now);
    }

    /// Our package was seen, then not, and then again: what was started in between may be another one.
    fn doubt_the_start(&mut self, now: Duration) {
        (self.start, self.evidence) = (Start::Foreign(now + self.patience), Evidence::None);
        self.stop.force();
        self.has_changed = true;
    }

    /// Returns whether there is a way on.
    pub(super) fn answered(&mut self, step: Step, answer: Answer, now: Duration) -> bool {
        let again = now + self.patience;
        if step == Step::Start {
            self.start_requested = Some(now);
        }
        match (step, answer) {
            // The same request again, at the next poll.
            (_, Answer::Later) | (Step::Stop, Answer::Runs | Answer::ComesUp) | (Step::Transport, Answer::ComesUp) => {}
            (Step::Stop, answer) => {
                if matches!(self.start, Start::Foreign(_)) {
                    (self.start, self.has_restarted) = (Start::NotMade, true);
                }
                (self.stop.request, self.stop.settles, self.stop.is_done) = (self.open(&answer, now), again, false);
                (self.has_changed, self.evidence) = (true, Evidence::None);
            }
            (Step::Transport, Answer::Runs) if matches!(self.goal, Goal::On(_)) => return false,
            // The stop may not have ended.
            (Step::Transport | Step::Start, Answer::Runs) if now < self.stop.settles => {}
            (Step::Transport, Answer::Runs) if self.stop.is_forced => {}
            (Step::Transport, Answer::Runs) => self.stop.force(),
            (Step::Transport, answer) => {
                (self.transport, self.has_changed) = (self.open(&answer, now), true);
                self.place = Place::NotSeen;
            }
            (Step::Start, Answer::Accepted(job)) => {
                let again = job.is_none().then_some(again);
                (self.start, self.evidence) = (Start::Accepted { job, again }, Evidence::None);
            }
            (Step::Start, Answer::Lost(least)) => {
                self.start.repeat_from(now + self.patience.max(least));
                self.evidence = Evidence::None;
            }
            (Step::Start, answer) if self.is_own() => {
                self.start.repeat_from(again);
                // If the app was shown as down, what was shown of the package may have been as old.
                let is_same = matches!(self.start, Start::Accepted { .. }) || matches!(self.goal, Goal::Runs);
                let is_proof = is_same && matches!(answer, Answer::Runs);
                self.evidence = if is_proof { Evidence::Proven } else { Evidence::None };
            }
            (Step::Start, answer) if self.has_restarted => {
                if matches!(answer, Answer::Runs) {
                    self.evidence = Evidence::Proven;
                }
                return false;
            }
            (Step::Start, Answer::Runs) => {
                (self.start, self.has_restarted) = (Start::NotMade, true);
                self.stop.force();
            }
            (Step::Start, Answer::ComesUp) => {
                (self.start, self.evidence) = (Start::Foreign(again), Evidence::None);
                self.stop.force();
            }
        }
        true
    }

    /// Returns whether there is a way on.
    pub(super) fn job_said(&mut self, said: Job, now: Duration) -> bool {
        match said {
            Job::Started => {
                self.start = Start::Accepted { job: None, again: None };
                self.evidence = Evidence::Proven;
            }
            Job::Forgotten => self.start = Start::Accepted { job: None, again: None },
            Job::Locked => self.start = Start::Open(now),
            Job::Runs => {
                self.start = Start::Open(now);
                return self.answered(Step::Start, Answer::Runs, now);
            }
        }
        true
    }

    fn open(&self, answer: &Answer, now: Duration) -> Request {
        match answer {
            Answer::Lost(least) => Request::Open(now + self.patience.max(*least)),
            _ => Request::Accepted,
        }
    }
}

#[cfg(test)]
mod tests;
