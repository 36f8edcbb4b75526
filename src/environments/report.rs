//! Completes an error with the state of the environment when it was last polled, and with the call that resumes.

use std::time::Duration;

use super::course::{Goal, Pending};
use super::run::Run;
use super::start::{ALREADY_STARTED, STARTS_ALREADY};
use super::transport;
use crate::answer::has_code;
use crate::error::{Advice, Again, Error, ErrorKind};
use crate::id::PackageId;
use crate::status::EnvironmentStatus;

/// In errors of a call that has changed nothing.
pub(crate) const UNTOUCHED: &str = "the app was not touched";

impl Run<'_> {
    /// Completes the error that ends the call.
    pub(crate) fn report(&self, error: Error) -> Error {
        let (kind, now) = (error.kind(), self.elapsed());
        let may_be_down = kind == ErrorKind::StartFailed || self.course.may_be_down(&self.seen, now);
        let is_about_the_start = matches!(kind, ErrorKind::StartFailed | ErrorKind::StillRunning);
        let start_job = self.start_job().filter(|_| is_about_the_start);
        let error = start_job.into_iter().fold(error.with_app_may_be_down(may_be_down), Error::with_start_job);
        let again = self.again(&error, now);
        // Without a restart, the same call could mistake another package for ours.
        let asks_for_it = matches!(self.course.goal, Goal::Deployed { restart: true, .. });
        let transient = error.is_transient() && (asks_for_it || again != Again::WithRestart);
        let error = error.with_transient(transient).with_again(again);
        let (stands, advice) = (self.stands(&error, now), self.resume(&error));
        let advice = if advice.names.is_empty() { error.advice().clone() } else { advice };
        match self.warning(kind, may_be_down) {
            Some(warning) => error.prefixed_with(warning),
            None => error,
        }
        .with_app_note(stands)
        .with_advice(advice)
    }

    /// The beginning of a message that says that the app is down, or may be.
    fn warning(&self, kind: ErrorKind, may_be_down: bool) -> Option<&'static str> {
        let wants_it_down = matches!(self.course.goal, Goal::Stopped | Goal::On(_));
        match kind {
            ErrorKind::StartFailed if self.seen.status != Some(EnvironmentStatus::Running) => Some("the app is DOWN"),
            _ if wants_it_down || !may_be_down || !self.course.has_acted() => None,
            _ if self.was_down() && !self.course.may_run() => Some("the app is down"),
            _ => Some("the app may be down"),
        }
    }

    fn was_down(&self) -> bool {
        self.seen.status.as_ref().is_some_and(EnvironmentStatus::is_down)
    }

    fn stands(&self, error: &Error, now: Duration) -> String {
        let status = self.seen.status.as_ref();
        // After a failed start, it matters more that the app is down.
        if !self.course.has_acted() && error.kind() != ErrorKind::StartFailed {
            let last = status.map_or_else(String::new, |status| format!(", last seen {status}"));
            return format!("{UNTOUCHED}{last}");
        }
        let on_it = self.has_read_package.then(|| self.name_of(error, self.seen.on_it.as_ref()));
        let last = match (status, on_it) {
            // The message already names the package on it.
            (Some(status), _) if error.kind() == ErrorKind::Overtaken => format!("last seen {status}"),
            (Some(status), Some(on_it)) => format!("last seen {status} with {on_it}"),
            (Some(status), None) => format!("last seen {status}"),
            (None, Some(on_it)) => format!("last seen with {on_it} on it"),
            (None, None) => return String::new(),
        };
        // The message names the package of the other deployment.
        let is_ours = error.kind() != ErrorKind::Overtaken;
        let before = self.course.before.as_ref().filter(|before| is_ours && self.seen.on_it.as_ref() != Some(before));
        let before = before.map_or_else(String::new, |before| format!(" (before: {before})"));
        let pending = if error.kind() == ErrorKind::StartFailed { "" } else { &self.pending(now) };
        format!("{last}{before}{pending}")
    }

    fn pending(&self, now: Duration) -> String {
        let what = match self.course.pending(&self.seen, now) {
            None => return String::new(),
            Some(Pending::ForeignStart) => return "; something else was starting it".to_owned(),
            Some(Pending::Stop) => "stop",
            Some(Pending::Transport) => "transport",
            Some(Pending::Start) => "start",
        };
        if self.is_lost {
            format!("; the {what} may have arrived")
        } else {
            format!("; the {what} may still take effect")
        }
    }

    /// A package, by its id unless the message already has it.
    fn name_of(&self, error: &Error, package: Option<&PackageId>) -> String {
        match package {
            None => "no package".to_owned(),
            Some(package) if self.course.goal.package() == Some(package) => self.ours(error).to_owned(),
            Some(package) if error.mentions(package) => "that package".to_owned(),
            Some(package) => package.to_string(),
        }
    }

    fn again(&self, error: &Error, now: Duration) -> Again {
        let is_unusable = error.kind() == ErrorKind::Rejected && has_code(error, &transport::UNUSABLE);
        match error.again() {
            Again::Same if is_unusable => Again::WithAnotherPackage,
            Again::Same if self.course.needs_restart(&self.seen, now) => Again::WithRestart,
            settled => settled,
        }
    }

    /// The package to deploy. If the message does not name it, its id follows in brackets.
    fn ours(&self, error: &Error) -> &'static str {
        let is_named = self.course.goal.package().is_some_and(|package| error.mentions(package));
        if is_named { "it" } else { "this package" }
    }

    fn resume(&self, error: &Error) -> Advice {
        let ours = self.ours(error);
        let (what, names): (_, &[&str]) = match self.course.goal {
            Goal::Stopped => ("stop it again".to_owned(), &["stop_environment"]),
            Goal::On(_) => (format!("transport {ours} again"), &["transport_package"]),
            Goal::Runs => ("start it again".to_owned(), &["start_environment"]),
            Goal::Deployed { .. } if error.again() == Again::WithRestart => {
                (format!("deploy {ours} again"), &["Deploy::with_restart"])
            }
            Goal::Deployed { .. } => (format!("deploy {ours} again"), &["deploy_package"]),
        };
        let (when, what) = match error.kind() {
            ErrorKind::NotAllowed => ("", String::new()),
            _ if error.again() == Again::WithAnotherPackage => ("", String::new()),
            ErrorKind::Rejected if has_code(error, &[ALREADY_STARTED, STARTS_ALREADY]) => ("", what),
            ErrorKind::StartFailed | ErrorKind::Rejected => ("once fixed, ", what),
            ErrorKind::Overtaken => ("once it has ended, ", what),
            _ => ("", what),
        };
        // If a stop may still take effect, the previous package seems to run, and deploying it would do nothing.
        let can_go_back = match error.kind() {
            ErrorKind::StartFailed => true,
            ErrorKind::Rejected => self.was_down() && self.course.has_acted(),
            _ => false,
        };
        let or = match (self.course.goal, self.course.previous()) {
            (Goal::Deployed { .. }, Some(previous)) if can_go_back && self.seen.on_it.as_ref() == Some(previous) => {
                "that package"
            }
            (Goal::Deployed { .. }, Some(_)) if can_go_back => "the one before",
            _ => "",
        };
        let names = if what.is_empty() && or.is_empty() { &[] } else { names };
        Advice { when, or, ..Advice::new(what, names) }
    }
}
