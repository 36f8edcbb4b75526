//! Decides the next request about an environment, from what was seen and what this call has done. Without any I/O.
//!
//! Only what was seen after its cause counts. Once this call has stopped the app or transported a package, a running app may
//! be somebody else's doing, so only an accepted start can lead to success.

mod answer;
mod request;
mod state;

use std::mem;
use std::time::Duration;

pub(super) use answer::{Answer, Job};
use request::{Evidence, Request, Start};
use state::Place;
pub(crate) use state::{Course, Goal, Pending, Seen};

use crate::id::PackageId;

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
    /// Somebody else transported this package, which is neither ours nor the previous one.
    GiveWayTo(PackageId),
}

impl Next {
    fn when(is_due: bool, step: Step) -> Next {
        if is_due { Next::Do(step) } else { Next::Wait }
    }
}

impl Course<'_> {
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

    /// After our transport, a third package is somebody else's at once. The previous one may be a stale response, and before
    /// our transport that can be any package. No package at all means that ours is not there yet.
    fn overtaken_by<'s>(&'s self, seen: &'s Seen, now: Duration) -> Option<&'s PackageId> {
        let has_transported = self.transport != Request::NotMade;
        let is_third = has_transported && seen.on_it != self.before;
        let is_gone = matches!(self.place, Place::Gone { since, .. } if now >= since + self.patience);
        let is_overtaken = (has_transported || self.start.is_made()) && !self.is_there(seen) && (is_third || is_gone);
        self.contested_by.as_ref().or(seen.on_it.as_ref().filter(|_| is_overtaken))
    }

    /// Records what was seen. Call it before `next`.
    pub(super) fn saw(&mut self, seen: &Seen, now: Duration) {
        // No package where there was one is no news: nothing takes a package away, but a response may lack it.
        let is_before = self.transport == Request::NotMade && !self.start.is_made();
        if is_before && seen.on_it.is_some() && self.before != seen.on_it {
            // Another deployment came in between, so the app may have been down unseen.
            if self.stop.is_pending() {
                self.stop.request = Request::NotMade;
            }
            self.before.clone_from(&seen.on_it);
        }
        self.stop.is_done |= self.stop.is_pending() && seen.is_down();
        let is_there = self.is_there(seen);
        self.place = match (mem::take(&mut self.place), &seen.on_it) {
            (Place::Gone { other, .. }, _) if is_there && self.start.is_made() => {
                self.doubt_the_start(other, now);
                Place::There
            }
            _ if is_there => Place::There,
            (Place::There, Some(other)) => Place::Gone { since: now, other: other.clone() },
            (place, _) => place,
        };
        self.may_run_other = seen.runs() && (self.may_run_other || !is_there);
        self.evidence.saw(seen.runs(), now);
    }

    /// Our package was seen, then another one, and then ours again: what was started in between may be the other one.
    fn doubt_the_start(&mut self, other: PackageId, now: Duration) {
        if self.has_restarted {
            self.contested_by = Some(other);
            return;
        }
        (self.start, self.evidence) = (Start::Foreign(now + self.patience), Evidence::None);
        self.stop.force();
        self.has_changed = true;
    }

    /// Records the response to a request. Returns whether the call can continue.
    pub(super) fn answered(&mut self, step: Step, answer: Answer, now: Duration) -> bool {
        let again = now + self.patience;
        if step == Step::Start {
            self.start_requested = Some(now);
        }
        match (step, answer) {
            // Repeated at the next poll.
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
                // If the app was shown as down, the package shown with it may be stale, too.
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
                self.has_changed |= self.start.is_made();
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

    /// Records the status of the start job. Returns whether the call can continue.
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
