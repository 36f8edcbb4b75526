//! Does to an environment what its course says is next, and looks in between.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::at::At;
use super::course::{Answer, Course, Goal, Job, Next, Seen, Step};
use super::start::{self, ALREADY_STARTED, LOCKED, NO_SUCH_JOB, Start};
use super::{stop, transport};
use crate::error::{Error, ErrorKind, Result, SaidBy};
use crate::event::{DeployStep, Subject};
use crate::id::{JobId, Short};
use crate::poll::Poll;
use crate::wait::{Look, Wait};

/// Every so many looks at a start job, the environment is looked at as well: the service is known to have left jobs in
/// "starting" (release notes of October 2025).
const JOB_LOOKS: u32 = 4;

pub(crate) struct Run<'a> {
    at: At<'a>,
    start: &'a Start,
    pub(crate) course: Course<'a>,
    /// What was seen last.
    pub(crate) seen: Seen,
    begun: Instant,
    step_begun: Instant,
    job_looks: u32,
    job_status: String,
    job_failure: Option<Error>,
    /// The start job, and why the last request to start was not answered.
    job: Option<JobId>,
    lost: Option<String>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(at: At<'a>, goal: Goal<'a>, start: &'a Start) -> Run<'a> {
        let (course, now) = (Course::new(goal, at.client.poll.patience()), Instant::now());
        let (seen, job_status) = (Seen::default(), String::new());
        Run {
            at,
            start,
            course,
            seen,
            begun: now,
            step_begun: now,
            job_looks: 0,
            job_status,
            job_failure: None,
            job: None,
            lost: None,
        }
    }

    /// Goes on until the goal is reached. `what` it is in messages, such as "the stop of". `is_seen`: whether the environment
    /// was seen by an earlier step of the call.
    pub(crate) fn until_done(&mut self, what: &str, poll: Poll, is_seen: bool) -> Result<()> {
        let At { client, app, environment } = self.at;
        let (name, subject) = (format!("{what} {}", self.at.name()), Subject::Environment(environment.clone()));
        let is_amid = Cell::new(is_seen);
        let wait = Wait { client, app, subject, name, resume: "", may_appear_late: false, is_amid, poll };
        let done = wait.until_end(|| self.look(&wait.is_amid));
        done.map_err(|error| self.with_what_is_known(error))
    }

    /// Goes on as far as it does without a pause.
    fn look(&mut self, has_seen: &Cell<bool>) -> Result<Look<()>> {
        let mut goes_on = false;
        loop {
            if let Some(look) = self.look_at_job()? {
                return Ok(look.anew(goes_on));
            }
            let retry_after = self.see()?;
            has_seen.set(true);
            let step = match self.course.next(&self.seen, self.begun.elapsed()) {
                Next::Do(step) => step,
                Next::Wait => {
                    let look = Look::not_yet(self.waits_for(), retry_after).anew(goes_on);
                    return self.job_failure.take().map_or(Ok(look), Err);
                }
                Next::Done => return Ok(Look::ended(Ok(()))),
                Next::GiveWayTo(other) => return Ok(Look::ended(Err(self.other_deployment(other.as_ref())))),
            };
            let result = self.request(step);
            let now = self.begun.elapsed();
            match result {
                Ok(job) => {
                    goes_on = true;
                    self.course.answered(step, Answer::Accepted(job), now);
                }
                Err(error) => {
                    let Some(answer) = Answer::of(&error) else { return Err(error) };
                    // While an answer is missing, looks may tell.
                    let retry_after = error.retry_after().filter(|_| !matches!(answer, Answer::Lost(_)));
                    return Ok(if self.course.answered(step, answer, now) {
                        Look::not_yet(self.waits_because(step, &error), retry_after).anew(goes_on)
                    } else {
                        Look::ended(Err(error))
                    });
                }
            }
        }
    }

    /// `None` if the environment is to be looked at.
    fn look_at_job(&mut self) -> Result<Option<Look<()>>> {
        let Some(job) = self.course.job() else { return Ok(None) };
        self.job_looks += 1;
        self.job_failure = None;
        let is_time = self.job_looks % JOB_LOOKS == 0;
        let (said, error) = match start::job_status(self.at, job) {
            Ok((status, _)) if status.eq_ignore_ascii_case("Started") => (Job::Started, None),
            Ok((status, retry_after)) => {
                self.job_status = status;
                return Ok((!is_time).then(|| Look::not_yet(&self.job_status, retry_after)));
            }
            Err(error) if error.has_code(NO_SUCH_JOB) => (Job::Forgotten, None),
            Err(error) if error.has_code(LOCKED) => (Job::Locked, Some(error)),
            Err(error) if error.has_code(ALREADY_STARTED) => (Job::Runs, Some(error)),
            // It is a hint, and the environment decides.
            Err(error) if is_time && error.said_by() != SaidBy::Verdict => {
                self.job_failure = Some(error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let has_a_way_on = self.course.job_said(said, self.begun.elapsed());
        Ok(match error {
            Some(error) if !has_a_way_on => Some(Look::ended(Err(error))),
            Some(error) => Some(Look::not_yet(error.code().unwrap_or_default(), error.retry_after())),
            None => None,
        })
    }

    fn see(&mut self) -> Result<Option<Duration>> {
        let goal = self.course.goal;
        let on_it = match goal.package() {
            Some(_) => self.at.package()?.map(|package| package.package_id),
            None => None,
        };
        let (status, retry_after) = match goal {
            Goal::On(_) => (None, None),
            _ => self.at.status().map(|(status, retry_after)| (Some(status), retry_after))?,
        };
        self.seen = Seen { on_it, status };
        let before = (self.course.is_stopped, self.course.was_there);
        self.course.saw(&self.seen, self.begun.elapsed());
        if !before.0 && self.course.is_stopped {
            self.tell(DeployStep::Stopped);
        }
        if let Some(package) = goal.package().filter(|_| !before.1 && self.course.was_there && self.course.has_changed)
        {
            self.tell(DeployStep::Transported { package: package.clone() });
        }
        Ok(retry_after)
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
        match (&result, step) {
            (Ok(_), Step::Stop) => self.tell(DeployStep::StopRequested),
            (Ok(job), Step::Start) => {
                (self.job, self.lost) = (job.clone(), None);
                self.tell(DeployStep::StartRequested { job: job.clone() });
            }
            (Err(error), _) if error.kind() == ErrorKind::NoAnswer => {
                self.lost = (step == Step::Start).then(|| error.in_brief());
                self.tell(DeployStep::Unanswered { reason: error.reason() });
            }
            _ => {}
        }
        result
    }

    fn tell(&mut self, step: DeployStep) {
        self.at.notify(step, self.step_begun.elapsed());
    }

    pub(crate) fn tell_started(&mut self) {
        self.tell(DeployStep::Started);
    }

    fn waits_for(&self) -> String {
        match (&self.seen.status, self.course.goal.package()) {
            (_, Some(package)) if self.course.waits_for_transport() => {
                format!("package {} is not yet on it", Short(package.as_str()))
            }
            _ if self.course.job().is_some() => self.job_status.clone(),
            (Some(status), _) => status.to_string(),
            (None, _) => String::new(),
        }
    }

    fn waits_because(&self, step: Step, error: &Error) -> String {
        match (step, self.course.goal.package()) {
            (Step::Transport, Some(package)) if error.has_code(transport::LATER) => {
                format!("package {} is still being processed", Short(package.as_str()))
            }
            _ if error.kind() == ErrorKind::NoAnswer && error.said_by() == SaidBy::Others => self.waits_for(),
            _ => error.code().map_or_else(|| error.in_brief(), str::to_owned),
        }
    }

    fn other_deployment(&self, other: Option<&crate::id::PackageId>) -> Error {
        let has = other.map_or_else(|| "no package".to_owned(), |other| format!("package {other}"));
        let ours = self.course.goal.package().map_or_else(String::new, |ours| format!(" in place of package {ours}"));
        let message = format!("another deployment is under way: {} has {has} on it{ours}", self.at.name());
        Error::new(ErrorKind::Rejected, message)
    }

    fn with_what_is_known(&self, error: Error) -> Error {
        match (&self.job, &self.lost) {
            (_, Some(why)) => {
                error.with_note(&format!("; whether the request to start it arrived is not known: {why}"))
            }
            (Some(job), _) if !error.to_string().contains(job.as_str()) => {
                error.with_note(&format!(" [start job {job}]"))
            }
            _ => error,
        }
    }
}
