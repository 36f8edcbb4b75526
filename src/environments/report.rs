//! What an error says of the environment: where it stood when it was last polled, and which call resumes.

use std::time::Duration;

use super::course::{Goal, Pending};
use super::run::Run;
use super::start::{ALREADY_STARTED, STARTS_ALREADY};
use super::transport;
use crate::answer::has_code;
use crate::error::{Again, Error, ErrorKind};
use crate::id::PackageId;
use crate::status::EnvironmentStatus;

impl Run<'_> {
    /// Adds all that to the error that ends the call.
    pub(crate) fn report(&self, error: Error) -> Error {
        let (kind, now) = (error.kind(), self.elapsed());
        let may_be_down = kind == ErrorKind::StartFailed || self.course.may_be_down(&self.seen, now);
        let error = self.start_job().into_iter().fold(error.with_app_may_be_down(may_be_down), Error::with_start_job);
        let again = self.again(&error, now);
        // The same call could take another package for ours.
        let asks_for_it = matches!(self.course.goal, Goal::Deployed { restart: true, .. });
        let transient = error.is_transient() && (asks_for_it || again != Again::WithRestart);
        let error = error.with_transient(transient).with_again(again);
        let notes = self.stands(kind, now) + &self.resume(&error);
        match self.warning(kind, may_be_down) {
            Some(warning) => error.prefixed_with(warning),
            None => error,
        }
        .with_note(&notes)
    }

    /// What somebody who wants the app to run must read first.
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

    fn stands(&self, kind: ErrorKind, now: Duration) -> String {
        let environment = self.at.environment;
        let status = self.seen.status.as_ref().map(|status| format!("was {status}"));
        let on_it = self.has_read_package.then(|| format!("{} on it", name_of(self.seen.on_it.as_ref())));
        let was = match (status, on_it) {
            (Some(status), Some(on_it)) => format!("environment {environment} {status} with {on_it}"),
            (Some(status), None) => format!("environment {environment} {status}"),
            (None, Some(on_it)) => format!("environment {environment} had {on_it}"),
            (None, None) if self.course.has_acted() => return String::new(),
            (None, None) => return "; the app was not touched".to_owned(),
        };
        if !self.course.has_acted() {
            return format!("; the app was not touched: {was}");
        }
        let before = self.course.before.as_ref().filter(|before| self.seen.on_it.as_ref() != Some(before));
        let before = before.map_or_else(String::new, |before| format!(" (before: package {before})"));
        let pending = if kind == ErrorKind::StartFailed { String::new() } else { self.pending(now) };
        format!("; when last polled, {was}{before}{pending}")
    }

    fn pending(&self, now: Duration) -> String {
        let what = match self.course.pending(&self.seen, now) {
            None => return String::new(),
            Some(Pending::ForeignStart) => {
                return "; something else was starting the app, perhaps with another package".to_owned();
            }
            Some(Pending::Stop) => "stop",
            Some(Pending::Transport) => "transport",
            Some(Pending::Start) => "start",
        };
        match &self.lost {
            Some(why) => format!("; whether the request to {what} arrived is unknown ({why})"),
            None => format!("; the {what} that was requested may still take effect"),
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

    fn resume(&self, error: &Error) -> String {
        let call = match self.course.goal {
            Goal::Stopped => "stop_environment".to_owned(),
            Goal::On(package) => format!("transport_package with package {package}"),
            Goal::Runs => "start_environment".to_owned(),
            Goal::Deployed { package, .. } if error.again() == Again::WithRestart => {
                format!("deploy_package with package {package} and Deploy::with_restart(true)")
            }
            Goal::Deployed { package, .. } => format!("deploy_package with package {package}"),
        };
        let resume = match error.kind() {
            ErrorKind::NotAllowed => String::new(),
            _ if error.again() == Again::WithAnotherPackage => String::new(),
            ErrorKind::Rejected if has_code(error, &[ALREADY_STARTED, STARTS_ALREADY]) => {
                format!("; call {call} again")
            }
            ErrorKind::StartFailed | ErrorKind::Rejected => format!("; once the cause is fixed, call {call} again"),
            ErrorKind::Overtaken => format!("; once that has ended, call {call} again"),
            _ if self.course.has_acted() => format!("; call {call} again to resume"),
            _ => format!("; call {call} again"),
        };
        // If a stop may still take effect, the package before seems to run, and nothing would be done.
        let can_go_back = match error.kind() {
            ErrorKind::StartFailed => true,
            ErrorKind::Rejected => self.was_down() && self.course.has_acted(),
            _ => false,
        };
        match (self.course.goal, self.course.previous()) {
            (Goal::Deployed { .. }, Some(previous)) if can_go_back => {
                format!("{resume}; to go back, call deploy_package with package {previous}")
            }
            _ => resume,
        }
    }
}

fn name_of(package: Option<&PackageId>) -> String {
    package.map_or_else(|| "no package".to_owned(), |package| format!("package {package}"))
}
