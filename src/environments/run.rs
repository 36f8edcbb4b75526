//! Carries out what `course` decides for an environment, and polls in between.

use std::time::{Duration, Instant};

use super::at::At;
use super::course::{Answer, Course, Goal, Job, Next, Seen, Step};
use super::start::{self, ALREADY_STARTED, LOCKED, NO_SUCH_JOB, Start};
use super::{stop, transport};
use crate::answer::has_code;
use crate::error::{Error, ErrorKind, Result, SaidBy};
use crate::event::{DeployStep, Subject};
use crate::id::{JobId, PackageId, Short};
use crate::packages::Package;
use crate::units::Seconds;
use crate::wait::{Polled, Wait};

/// The environment is polled as well at every fourth poll of a start job: the service has been known to leave jobs in
/// "starting" (release notes of October 2025).
const JOB_POLLS: u32 = 4;

pub(crate) struct Run<'a> {
    pub(super) at: At<'a>,
    start: &'a Start,
    pub(crate) course: Course<'a>,
    /// What was seen last.
    pub(crate) seen: Seen,
    /// Whether the package on it was ever read.
    pub(super) has_read_package: bool,
    /// When the call began to wait.
    pub(crate) began: Instant,
    step_begun: Instant,
    job: StartJob,
    /// Whether the last request that may have been carried out got no response.
    pub(super) is_lost: bool,
}

/// What is known about the start job.
#[derive(Default)]
struct StartJob {
    /// The job of the last accepted start.
    id: Option<JobId>,
    polls: u32,
    status: String,
    /// Why it could not be polled, if the environment was polled instead.
    failure: Option<Error>,
}

impl<'a> Run<'a> {
    /// `began` is when the call began to wait.
    pub(crate) fn new(at: At<'a>, goal: Goal<'a>, start: &'a Start, began: Instant) -> Run<'a> {
        let course = Course::new(goal, at.client.poll.patience());
        let (seen, job) = (Seen::default(), StartJob::default());
        Run { at, start, course, seen, has_read_package: false, began, step_begun: Instant::now(), job, is_lost: false }
    }

    /// How long the call has waited.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Reads the package on it, and the status unless that was already read.
    pub(crate) fn first_read(&mut self) -> Result<()> {
        let At { client, app, environment } = self.at;
        let (name, subject) =
            (format!("waiting for the package on {}", self.at.name()), Subject::Environment(environment.clone()));
        let wait = Wait::new(client, app, subject, name).limited_since(self.began).amid(true);
        let (on_it, status) = wait.until_end(|| {
            let on_it = self.at.package()?;
            let status = self.seen.status.clone().map_or_else(|| Ok(self.at.status()?.0), Ok)?;
            Ok(Polled::ended(Ok((on_it, status))))
        })?;
        self.saw_package(on_it);
        self.seen.status = Some(status);
        self.course.saw(&self.seen, self.elapsed());
        Ok(())
    }

    /// Polls and requests until the goal is reached, or until the timeout. Messages call it `what`, such as "stopping".
    pub(crate) fn until_done(&mut self, what: &str) -> Result<()> {
        let At { client, app, environment } = self.at;
        let (name, subject) = (format!("{what} {}", self.at.short_name()), Subject::Environment(environment.clone()));
        let wait = Wait::new(client, app, subject, name).limited_since(self.began).amid(self.seen.status.is_some());
        let done = wait.until_end(|| self.poll(&wait));
        if matches!(&done, Err(error) if error.kind() == ErrorKind::StartFailed) {
            // So that the report is newer than the failure, if possible.
            let _ = self.see();
        }
        done
    }

    /// Polls once, and makes the requests that follow from it.
    fn poll(&mut self, wait: &Wait) -> Result<Polled<()>> {
        let mut has_requested = false;
        loop {
            if let Some(polled) = self.poll_job()? {
                return Ok(polled.with_new_step(has_requested));
            }
            let retry_after = self.see()?;
            wait.note_answer();
            let now = self.elapsed();
            let step = match self.course.next(&self.seen, now) {
                Next::Do(Step::Stop) if self.is_too_late_to_stop(now) => {
                    return Ok(Polled::ended(Err(self.too_late())));
                }
                Next::Do(step) => step,
                Next::Done if !self.course.may_be_stale(now) => return Ok(Polled::ended(Ok(()))),
                // `Done` that may be stale has to be seen again.
                Next::Done | Next::Wait => {
                    let polled = Polled::at(self.waits_for(), retry_after).with_new_step(has_requested);
                    return self.job.failure.take().map_or(Ok(polled), Err);
                }
                Next::GiveWayTo(other) => return Ok(Polled::ended(Err(self.overtaken(&other)))),
            };
            let result = self.request(step);
            let now = self.elapsed();
            match result {
                Ok(job) => {
                    has_requested = true;
                    self.course.answered(step, Answer::Accepted(job), now);
                }
                Err(error) => {
                    let Some(answer) = Answer::of(&error) else { return Err(error) };
                    let is_lost = matches!(answer, Answer::Lost(_));
                    if is_lost {
                        // It may have been carried out.
                        (self.is_lost, has_requested) = (true, true);
                        self.notify(DeployStep::Unanswered { reason: error.reason() });
                    }
                    // After a lost response, polls may show the effect sooner.
                    let retry_after = error.retry_after().filter(|_| !is_lost);
                    let can_continue = self.course.answered(step, answer, now);
                    // The response to a start confirms a status, but not the package.
                    let is_confirmed =
                        matches!(self.course.goal, Goal::Runs) && self.course.next(&self.seen, now) == Next::Done;
                    return Ok(if !can_continue {
                        Polled::ended(Err(error))
                    } else if is_confirmed {
                        Polled::ended(Ok(()))
                    } else {
                        Polled::at(self.waits_because(step, &error), retry_after).with_new_step(has_requested)
                    });
                }
            }
        }
    }

    /// Polls the start job, if there is one. `None` if the environment has to be polled as well.
    fn poll_job(&mut self) -> Result<Option<Polled<()>>> {
        let Some(job) = self.course.job() else { return Ok(None) };
        self.job.polls += 1;
        self.job.failure = None;
        let is_time = self.job.polls % JOB_POLLS == 0;
        let (said, error) = match start::job_status(self.at, job) {
            Ok(start::Status { is_started: true, .. }) => (Job::Started, None),
            Ok(start::Status { text, retry_after, .. }) => {
                self.job.status = text;
                return Ok((!is_time).then(|| Polled::at(&self.job.status, retry_after)));
            }
            Err(error) if has_code(&error, &[NO_SUCH_JOB]) => (Job::Forgotten, None),
            Err(error) if has_code(&error, &[LOCKED]) => (Job::Locked, Some(error)),
            Err(error) if has_code(&error, &[ALREADY_STARTED]) => (Job::Runs, Some(error)),
            // The job is only a hint: the environment decides.
            Err(error) if is_time && error.said_by() != SaidBy::Verdict => {
                self.job.failure = Some(error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let can_continue = self.course.job_said(said, self.elapsed());
        Ok(match error {
            Some(error) if !can_continue => Some(Polled::ended(Err(error))),
            Some(error) => Some(Polled::at(error.code().unwrap_or_default(), error.retry_after())),
            None => None,
        })
    }

    fn see(&mut self) -> Result<Option<Duration>> {
        let goal = self.course.goal;
        if goal.package().is_some() {
            let on_it = self.at.package()?;
            self.saw_package(on_it);
        }
        let mut retry_after = None;
        if !matches!(goal, Goal::On(_)) {
            let (status, asked) = self.at.status()?;
            (self.seen.status, retry_after) = (Some(status), asked);
        }
        let (was_stopped, was_there) = (self.course.is_stopped(), self.course.was_there());
        self.course.saw(&self.seen, self.elapsed());
        if !was_stopped && self.course.is_stopped() {
            self.notify(DeployStep::Stopped);
        }
        let is_new = !was_there && self.course.was_there() && self.course.has_changed();
        if let Some(package) = goal.package().filter(|_| is_new) {
            self.notify(DeployStep::Transported { package: package.clone() });
        }
        Ok(retry_after)
    }

    fn saw_package(&mut self, on_it: Option<Package>) {
        (self.seen.on_it, self.has_read_package) = (on_it.map(|package| package.package_id), true);
    }

    /// Returns the start job, if the API names one.
    fn request(&mut self, step: Step) -> Result<Option<JobId>> {
        self.step_begun = if step == Step::Stop { Instant::now() } else { self.step_begun };
        let result = match (step, self.course.goal.package()) {
            (Step::Stop, _) => stop::request(self.at).map(|()| None),
            (Step::Transport, Some(package)) => transport::request(self.at, package).map(|()| None),
            (Step::Transport, None) => Ok(None),
            (Step::Start, _) => start::request(self.at, self.start),
        };
        if result.is_ok() {
            self.is_lost = false;
        }
        match (&result, step) {
            (Ok(_), Step::Stop) => self.notify(DeployStep::StopRequested),
            (Ok(job), Step::Start) => {
                self.job.id.clone_from(job);
                self.notify(DeployStep::StartRequested { job: job.clone() });
            }
            _ => {}
        }
        result
    }

    fn notify(&mut self, step: DeployStep) {
        self.at.notify(step, self.step_begun.elapsed());
    }

    pub(crate) fn notify_started(&mut self) {
        self.notify(DeployStep::Started);
    }

    fn waits_for(&self) -> String {
        match (&self.seen.status, self.course.goal.package()) {
            (_, Some(package)) if self.course.waits_for_transport() => {
                format!("package {} is not transported yet", Short(package.as_str()))
            }
            _ if self.course.job().is_some() => self.job.status.clone(),
            (Some(status), _) => status.to_string(),
            (None, _) => String::new(),
        }
    }

    fn waits_because(&self, step: Step, error: &Error) -> String {
        match (step, self.course.goal.package()) {
            (Step::Transport, Some(package)) if has_code(error, &[transport::LATER]) => {
                format!("package {} is still being processed", Short(package.as_str()))
            }
            _ if error.kind() == ErrorKind::NoAnswer && !error.said_by().is_of_the_api() => self.waits_for(),
            _ => error.code().map_or_else(|| error.in_brief(), str::to_owned),
        }
    }

    /// Whether a deployment would stop the app without much time left to start it again.
    fn is_too_late_to_stop(&self, now: Duration) -> bool {
        matches!(self.course.goal, Goal::Deployed { .. }) && self.at.client.poll.is_nearly_over(now)
    }

    fn too_late(&self) -> Error {
        let (name, elapsed) = (self.at.short_name(), Seconds(self.elapsed()));
        let message = format!("after {elapsed}, too little time is left to restart {name}");
        Error::new(ErrorKind::StillRunning, message).with_setting("Poll::with_timeout")
    }

    fn overtaken(&self, other: &PackageId) -> Error {
        let ours = self.course.goal.package().map_or_else(String::new, |ours| format!(" in place of {ours}"));
        let message = format!("another deployment has put package {other} on {}{ours}", self.at.short_name());
        Error::new(ErrorKind::Overtaken, message)
    }

    /// The job of the last accepted start, for messages.
    pub(super) fn start_job(&self) -> Option<&JobId> {
        self.job.id.as_ref()
    }
}
