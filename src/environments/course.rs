//! What is done next to an environment: decided from what was seen of it and what this call has done, without any I/O.
//!
//! Only what was seen after its cause is believed. Once this call has stopped or transported anything, an app that runs may be
//! anybody's, so that only a start that was accepted, and is this call's own, can be a success.

use std::time::Duration;

use super::start::{ALREADY_STARTED, LOCKED, STARTS_ALREADY};
use super::transport::APP_IS_RUNNING;
use crate::error::{Error, ErrorKind, SaidBy};
use crate::id::{JobId, PackageId};
use crate::poll::MAX_RETRY_AFTER;
use crate::status::EnvironmentStatus;

/// What is to be true at the end.
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

/// What was seen at one look. What the goal does not need is not looked at.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) on_it: Option<PackageId>,
    /// Read last.
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

/// A request.
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
    GiveWayTo(Option<PackageId>),
}

/// How a request was answered, if it was not refused.
#[derive(Debug)]
pub(super) enum Answer {
    /// A start may have a job.
    Accepted(Option<JobId>),
    /// It may have been carried out. It is not to be repeated before so much time has passed.
    Lost(Duration),
    /// Not now.
    Later,
    /// The app runs.
    Runs,
    /// The app is being started.
    ComesUp,
}

impl Answer {
    /// What an error means that is no refusal.
    pub(super) fn of(error: &Error) -> Option<Answer> {
        let has_code = |codes: &[&str]| codes.iter().any(|code| error.has_code(code));
        let is_later = matches!(error.status(), Some(429 | 503)) && error.said_by() != SaidBy::Others;
        match error.kind() {
            _ if has_code(&[ALREADY_STARTED, APP_IS_RUNNING]) => Some(Answer::Runs),
            _ if has_code(&[STARTS_ALREADY]) => Some(Answer::ComesUp),
            _ if is_later || has_code(&[LOCKED]) => Some(Answer::Later),
            ErrorKind::NoAnswer => Some(Answer::Lost(error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER))),
            _ => None,
        }
    }
}

/// What a start job says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    Started,
    /// It is not known any more.
    Forgotten,
    /// Something else was being done to the environment.
    Locked,
    /// The app ran already.
    Runs,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Request {
    #[default]
    NotMade,
    /// To be repeated from then on.
    Open(Duration),
    Accepted,
}

impl Request {
    fn make(&self, step: Step, now: Duration) -> Next {
        match self {
            Request::NotMade => Next::Do(step),
            Request::Open(until) if now >= *until => Next::Do(step),
            Request::Open(_) | Request::Accepted => Next::Wait,
        }
    }
}

#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
struct Start {
    request: Request,
    job: Option<JobId>,
    /// It was accepted.
    is_accepted: bool,
    /// Somebody else's app comes up in its place.
    is_foreign: bool,
    /// The job, or the answer to the request, says that the app runs.
    is_proven: bool,
    /// Since the request, `Running` has been seen from then on.
    runs_since: Option<Duration>,
    /// Since the request, something else has been seen.
    was_down: bool,
}

#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(super) goal: Goal<'a>,
    /// How long a look may not show what was done, and how long a status may be from before.
    patience: Duration,
    stop: Request,
    /// Until then, the app may run on although it was asked to stop.
    stops_until: Duration,
    /// A stop is requested although the status may say that the app does not run.
    is_forced: bool,
    pub(crate) is_stopped: bool,
    transport: Request,
    /// The package that was on it before ours.
    pub(crate) before: Option<PackageId>,
    /// Our package was seen on it, and when it was not any more.
    pub(super) was_there: bool,
    gone_since: Option<Duration>,
    start: Start,
    /// This call has stopped the app or transported a package.
    pub(crate) has_changed: bool,
    /// The app of somebody else was stopped.
    is_second: bool,
}

impl<'a> Course<'a> {
    pub(crate) fn new(goal: Goal<'a>, patience: Duration) -> Course<'a> {
        Course {
            goal,
            patience,
            stop: Request::NotMade,
            stops_until: Duration::ZERO,
            is_forced: false,
            is_stopped: false,
            transport: Request::NotMade,
            before: None,
            was_there: false,
            gone_since: None,
            start: Start::default(),
            has_changed: false,
            is_second: false,
        }
    }

    /// The job to ask for.
    pub(super) fn job(&self) -> Option<&JobId> {
        self.start.job.as_ref().filter(|_| !self.start.is_proven)
    }

    pub(crate) fn has_requested_start(&self) -> bool {
        self.start.request != Request::NotMade
    }

    pub(super) fn waits_for_transport(&self) -> bool {
        !self.was_there && self.transport != Request::NotMade
    }

    pub(super) fn next(&self, seen: &Seen, now: Duration) -> Next {
        let is_there = self.is_there(seen);
        let is_touched = self.transport != Request::NotMade || self.has_requested_start();
        let is_gone = self.gone_since.is_some_and(|since| now >= since + self.patience);
        if !is_there && is_touched && (seen.on_it != self.before || is_gone) {
            return Next::GiveWayTo(seen.on_it.clone());
        }
        if self.has_requested_start() {
            return self.watch(seen, is_there, now);
        }
        let must_stop = match self.goal {
            Goal::Stopped => true,
            Goal::On(_) | Goal::Runs => false,
            Goal::Deployed { restart, .. } => restart || !is_there,
        };
        let is_due = self.is_forced && self.stop != Request::Accepted;
        if !self.is_stopped && (is_due || ((must_stop || self.is_forced) && !seen.is_down())) {
            return self.stop.make(Step::Stop, now);
        }
        if !is_there {
            return self.transport.make(Step::Transport, now);
        }
        match self.goal {
            Goal::Stopped | Goal::On(_) => Next::Done,
            Goal::Runs | Goal::Deployed { restart: false, .. } if seen.runs() && !self.has_changed => Next::Done,
            Goal::Runs | Goal::Deployed { .. } => Next::Do(Step::Start),
        }
    }

    /// The start was requested.
    fn watch(&self, seen: &Seen, is_there: bool, now: Duration) -> Next {
        let start = &self.start;
        if start.is_foreign && seen.runs() {
            return self.stop.make(Step::Stop, now);
        }
        let is_believed =
            start.is_proven || start.runs_since.is_some_and(|since| start.was_down || now >= since + self.patience);
        match seen.runs() && self.is_own() {
            true if is_believed && is_there => Next::Done,
            true => Next::Wait,
            false => start.request.make(Step::Start, now),
        }
    }

    /// Whether what comes up can only be what this call has asked for, or nothing was changed that it could differ from.
    fn is_own(&self) -> bool {
        let is_to_differ = self.has_changed || matches!(self.goal, Goal::Deployed { restart: true, .. });
        self.start.is_accepted || !is_to_differ
    }

    fn is_there(&self, seen: &Seen) -> bool {
        let is_it = |package: &PackageId| seen.on_it.as_ref().is_some_and(|on_it| package.is_same_as(on_it.as_str()));
        self.goal.package().is_none_or(is_it)
    }

    /// What `next` is to go by is noted first.
    pub(super) fn saw(&mut self, seen: &Seen, now: Duration) {
        if self.transport == Request::NotMade && !self.has_requested_start() {
            self.before.clone_from(&seen.on_it);
        }
        self.is_stopped |= self.stop != Request::NotMade && seen.is_down();
        if self.is_there(seen) {
            (self.was_there, self.gone_since) = (true, None);
        } else if self.was_there {
            self.gone_since.get_or_insert(now);
        }
        if self.has_requested_start() && seen.runs() {
            self.start.runs_since.get_or_insert(now);
        } else if self.has_requested_start() {
            (self.start.runs_since, self.start.was_down) = (None, true);
        }
    }

    /// Returns whether there is a way on.
    pub(super) fn answered(&mut self, step: Step, answer: Answer, now: Duration) -> bool {
        let again = Request::Open(now + self.patience);
        match (step, answer) {
            (_, Answer::Later) | (Step::Stop, Answer::Runs | Answer::ComesUp) | (Step::Transport, Answer::ComesUp) => {}
            (Step::Stop, answer) => {
                if self.start.is_foreign {
                    (self.is_second, self.is_forced, self.start) = (true, true, Start::default());
                }
                (self.stop, self.stops_until) = (self.open(&answer, now), now + self.patience);
                (self.is_stopped, self.has_changed) = (false, true);
            }
            (Step::Transport, Answer::Runs) if matches!(self.goal, Goal::On(_)) => return false,
            (Step::Transport | Step::Start, Answer::Runs) if now < self.stops_until => {}
            (Step::Transport, Answer::Runs) if self.is_forced => {}
            (Step::Transport, Answer::Runs) => self.force_stop(),
            (Step::Transport, answer) => {
                (self.transport, self.has_changed) = (self.open(&answer, now), true);
                (self.was_there, self.gone_since) = (false, None);
            }
            (Step::Start, Answer::Accepted(job)) => {
                self.start.is_accepted = true;
                self.start.request = if job.is_some() { Request::Accepted } else { again };
                self.start.job = job;
            }
            (Step::Start, answer @ Answer::Lost(_)) => self.start.request = self.open(&answer, now),
            (Step::Start, answer) if self.is_own() => {
                self.start.is_proven |= matches!(answer, Answer::Runs);
                self.start.request = again;
            }
            (Step::Start, _) if self.is_second => return false,
            (Step::Start, Answer::Runs) => {
                (self.is_second, self.start) = (true, Start::default());
                self.force_stop();
            }
            (Step::Start, Answer::ComesUp) => {
                (self.start.is_foreign, self.start.request, self.stop) = (true, again, Request::NotMade);
            }
        }
        true
    }

    /// Returns whether there is a way on.
    pub(super) fn job_said(&mut self, said: Job, now: Duration) -> bool {
        match said {
            Job::Started => self.start.is_proven = true,
            Job::Forgotten => self.start.job = None,
            Job::Locked => (self.start.job, self.start.request) = (None, Request::Open(now)),
            Job::Runs => {
                (self.start.job, self.start.is_accepted) = (None, false);
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

    fn force_stop(&mut self) {
        (self.stop, self.is_forced, self.is_stopped) = (Request::NotMade, true, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// What happens: what is seen (status and package on it), how the request that is next is answered, what the job says.
    #[derive(Debug)]
    enum Then {
        See(&'static str, &'static str, &'static str),
        Answer(Answer),
        Job(Job),
        Pass(u64),
    }
    use Then::{Answer as A, Job as J, Pass, See};

    fn id(text: &str) -> Option<PackageId> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    fn status_of(text: &str) -> Option<EnvironmentStatus> {
        match text {
            "" => None,
            "Running" => Some(EnvironmentStatus::Running),
            _ => Some(EnvironmentStatus::Stopped),
        }
    }

    fn accepted() -> Then {
        A(Answer::Accepted(None))
    }

    fn with_job() -> Then {
        A(Answer::Accepted(Some("j-1".parse().unwrap())))
    }

    /// Plays a course; each `See` says what must be next. The patience is 10 s.
    fn play(goal: Goal, script: Vec<Then>) {
        let (mut course, mut now, mut step) = (Course::new(goal, 10 * S), S, None);
        let told = format!("{goal:?}: {script:?}");
        for (n, then) in script.into_iter().enumerate() {
            match then {
                See(status, on_it, expected) => {
                    let seen = Seen { status: status_of(status), on_it: id(on_it) };
                    course.saw(&seen, now);
                    let next = course.next(&seen, now);
                    assert_eq!(format!("{next:?}"), expected, "{n} of {told}");
                    step = if let Next::Do(step) = next { Some(step) } else { None };
                }
                A(answer) => assert!(course.answered(step.unwrap(), answer, now), "{n} of {told}"),
                J(said) => assert!(course.job_said(said, now), "{n} of {told}"),
                Pass(seconds) => now += Duration::from_secs(seconds),
            }
        }
    }

    #[test]
    fn each_step_follows_from_what_was_seen_after_its_cause() {
        let package: PackageId = "new".parse().unwrap();
        let goal = |restart| Goal::Deployed { package: &package, restart };
        let (stop, transport, start) = ("Do(Stop)", "Do(Transport)", "Do(Start)");
        let down = || See("Stopped", "old", transport);
        let transported = || vec![down(), accepted(), See("Stopped", "new", start)];
        let after = |rest: Vec<Then>| transported().into_iter().chain(rest).collect::<Vec<_>>();
        let cases = [
            // As it should be; what is true already; what was begun by an earlier call.
            vec![
                See("Running", "old", stop),
                accepted(),
                See("Running", "old", "Wait"),
                down(),
                accepted(),
                See("Stopped", "old", "Wait"),
                See("Stopped", "new", start),
                with_job(),
                See("Stopped", "new", "Wait"),
                J(Job::Started),
                See("Running", "new", "Done"),
            ],
            vec![See("Running", "new", "Done")],
            vec![See("Stopped", "new", start), with_job(), J(Job::Started), See("Running", "new", "Done")],
            vec![
                See("Stopped", "new", start),
                A(Answer::ComesUp),
                See("Stopped", "new", "Wait"),
                See("Running", "new", "Done"),
            ],
            // A status from before is no success, nor is one that is not proven.
            after(vec![
                See("Running", "new", start),
                with_job(),
                See("Running", "new", "Wait"),
                See("Stopped", "new", "Wait"),
                See("Running", "new", "Done"),
            ]),
            after(vec![with_job(), See("Running", "new", "Wait"), Pass(10), See("Running", "new", "Done")]),
            // What was lost is repeated after the patience, and what runs may be somebody else's.
            vec![
                See("Running", "old", stop),
                A(Answer::Lost(S)),
                See("Running", "old", "Wait"),
                Pass(10),
                See("Running", "old", stop),
            ],
            vec![down(), A(Answer::Lost(30 * S)), Pass(10), See("Stopped", "old", "Wait"), Pass(20), down()],
            after(vec![
                A(Answer::Lost(S)),
                See("Running", "new", "Wait"),
                Pass(10),
                See("Running", "new", start),
                A(Answer::Runs),
                See("Running", "new", stop),
                accepted(),
                See("Stopped", "new", start),
                with_job(),
                J(Job::Started),
                See("Running", "new", "Done"),
            ]),
            after(vec![
                A(Answer::ComesUp),
                See("Stopped", "new", "Wait"),
                See("Running", "new", stop),
                accepted(),
                See("Running", "new", "Wait"),
                See("Stopped", "new", start),
                with_job(),
                J(Job::Started),
                See("Running", "new", "Done"),
            ]),
            // Busy is waited out; a job that is forgotten is not begun again.
            after(vec![
                A(Answer::Later),
                See("Stopped", "new", start),
                with_job(),
                J(Job::Locked),
                See("Stopped", "new", start),
            ]),
            after(vec![
                with_job(),
                J(Job::Forgotten),
                Pass(60),
                See("Stopped", "new", "Wait"),
                See("Running", "new", "Done"),
            ]),
        ];
        for script in cases {
            play(goal(false), script);
        }
    }

    #[test]
    fn somebody_else_is_given_way_to_and_what_runs_unseen_is_stopped() {
        let package: PackageId = "new".parse().unwrap();
        let goal = |restart| Goal::Deployed { package: &package, restart };
        let (stop, transport, start) = ("Do(Stop)", "Do(Transport)", "Do(Start)");
        let down = || See("Stopped", "old", transport);
        let after = |rest: Vec<Then>| {
            vec![down(), accepted(), See("Stopped", "new", start)].into_iter().chain(rest).collect::<Vec<_>>()
        };
        let cases = [
            // Somebody else's package.
            vec![down(), accepted(), See("Stopped", "other", "GiveWayTo(Some(PackageId(\"other\")))")],
            after(vec![with_job(), J(Job::Started), See("Running", "other", "GiveWayTo(Some(PackageId(\"other\")))")]),
            after(vec![
                with_job(),
                J(Job::Started),
                See("Running", "old", "Wait"),
                Pass(10),
                See("Running", "old", "GiveWayTo(Some(PackageId(\"old\")))"),
            ]),
            // The status says that it is down, and it runs.
            vec![
                down(),
                A(Answer::Runs),
                See("Stopped", "old", stop),
                accepted(),
                down(),
                A(Answer::Runs),
                down(),
                accepted(),
                See("Stopped", "new", start),
            ],
        ];
        for script in cases {
            play(goal(false), script);
        }
        play(goal(true), vec![See("Running", "new", stop), accepted(), See("Stopped", "new", start), with_job()]);
        play(
            Goal::Stopped,
            vec![See("Running", "", stop), accepted(), See("Running", "", "Wait"), See("Stopped", "", "Done")],
        );
        play(Goal::Runs, vec![See("Stopped", "", start), A(Answer::Runs), See("Running", "", "Done")]);
        play(Goal::On(&package), vec![down(), accepted(), See("", "new", "Done")]);
    }
}
