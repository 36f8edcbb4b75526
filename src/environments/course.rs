//! Decides what is done next to an environment, from what was seen of it and what this call has done, without any I/O.
//!
//! Only what was seen after its cause is believed. Once this call has stopped or transported anything, an app that runs may be
//! somebody else's, so that only a start that was accepted can be a success.

mod answer;
mod request;
mod state;

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
    /// This package, which is neither ours nor the one before, was transported by somebody else.
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

    /// A third package after our transport is somebody else's at once. The one from before may be shown by what lags behind, and
    /// without a transport of ours, that can be any. No package at all is nobody's: it is not there yet.
    fn overtaken_by<'s>(&self, seen: &'s Seen, now: Duration) -> Option<&'s PackageId> {
        let has_transported = self.transport != Request::NotMade;
        let is_third = has_transported && seen.on_it != self.before;
        let is_gone = matches!(self.place, Place::GoneSince(since) if now >= since + self.patience);
        let is_overtaken = (has_transported || self.start.is_made()) && !self.is_there(seen) && (is_third || is_gone);
        seen.on_it.as_ref().filter(|_| is_overtaken)
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
