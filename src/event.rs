//! Events: what an observer sees while a call blocks.

mod step;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::id::{AppId, EnvironmentName, JobId, PackageId, Short};
use crate::text;
use crate::units::{Bytes, Seconds};

pub use step::DeployStep;

/// During a transfer or a wait, a log gets a line at least this often.
pub(crate) const QUIET: Duration = Duration::from_secs(60);

/// A step in an upload or a wait, passed to the observer set by [`Client::on_event`](crate::Client::on_event).
///
/// `Display` is one line. There are enough events for a progress bar; a log needs only those that are not
/// [routine](Self::is_routine).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Upload progress: sent when the first bytes are about to be sent, then about five times a second, and when all
    /// have been sent. A retried upload starts again at 0.
    #[non_exhaustive]
    Uploading {
        /// The app that the package is for.
        app: AppId,
        /// The path of the package, as it was given.
        file: PathBuf,
        /// Bytes of the package that the operating system has accepted for sending.
        sent: u64,
        /// Size of the package in bytes.
        total: u64,
        /// How long the response may take once everything has been sent.
        response_timeout: Duration,
        /// See [`Event::is_routine`].
        routine: bool,
    },
    /// The server accepted the package. Sent before the first poll, so that the log has the ids even if the build is
    /// killed later.
    #[non_exhaustive]
    Accepted {
        /// The app that the package is for.
        app: AppId,
        /// The path of the package, as it was given.
        file: PathBuf,
        /// The package that the job will create.
        package_id: PackageId,
        /// The job to wait for.
        job_id: JobId,
        /// Time since the upload began, with all its attempts.
        elapsed: Duration,
    },
    /// The app already has the package, so nothing is uploaded ([`Upload::skip_existing`](crate::Upload::skip_existing)).
    #[non_exhaustive]
    Existing {
        /// The app that the package is for.
        app: AppId,
        /// The path of the package, as it was given.
        file: PathBuf,
        /// The existing package.
        package_id: PackageId,
        /// Its name.
        name: String,
    },
    /// An upload got no usable response, so its package is searched for; nothing is uploaded again.
    #[non_exhaustive]
    Searching {
        /// The app that the package is for.
        app: AppId,
        /// What is searched for: a name in quotes, or `package` and its id if that is known.
        sought: String,
        /// How long the search may take.
        timeout: Duration,
        /// Why the outcome of the upload is unknown, in one line.
        reason: String,
    },
    /// What is waited for was polled.
    #[non_exhaustive]
    Polled {
        /// The app that it belongs to.
        app: AppId,
        /// What was polled.
        subject: Subject,
        /// Its status as the API spells it, such as `Running`, or a few words about what is missing.
        status: String,
        /// Time since the wait began.
        elapsed: Duration,
        /// The pause until the next poll; `None` if this was the last one.
        next_poll: Option<Duration>,
        /// See [`Event::is_routine`].
        routine: bool,
    },
    /// A step of a deployment was taken.
    #[non_exhaustive]
    Deploying {
        /// The app.
        app: AppId,
        /// The environment.
        environment: EnvironmentName,
        /// What was done.
        step: DeployStep,
        /// Time since the stop was requested, or since the call began if there was none.
        elapsed: Duration,
    },
    /// A poll failed, and the wait continues.
    #[non_exhaustive]
    PollFailed {
        /// The app that it belongs to.
        app: AppId,
        /// What was polled.
        subject: Subject,
        /// How long there has been no status.
        outage: Duration,
        /// The pause until the next poll.
        next_poll: Duration,
        /// What went wrong, in one line.
        reason: String,
        /// See [`Event::is_routine`].
        routine: bool,
    },
    /// A call that waits has succeeded: [`upload_and_wait`](crate::upload_and_wait), or a deployment that changed something.
    #[non_exhaustive]
    Done {
        /// The app.
        app: AppId,
        /// The environment that runs the package, if it was deployed; without one, the package is ready to be deployed.
        environment: Option<EnvironmentName>,
        /// The package.
        package_id: PackageId,
        /// How long the call took.
        elapsed: Duration,
    },
    /// An attempt failed and will be retried.
    #[non_exhaustive]
    Retrying {
        /// The app that the request is about.
        app: AppId,
        /// The path of the package, as it was given, if it is an upload.
        file: Option<PathBuf>,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// The maximum number of attempts.
        of: u32,
        /// The pause before the next attempt.
        wait: Duration,
        /// What went wrong with what, in one line.
        reason: String,
    },
}

impl Event {
    /// Whether a log can do without this event: progress of an upload, or the same status or failure as before, less than a
    /// minute after the last event that was not routine.
    ///
    /// So during an upload or a wait, about one event a minute is not routine, unless the server or
    /// [`Poll::with_interval`](crate::Poll::with_interval) asks for longer pauses.
    pub fn is_routine(&self) -> bool {
        match self {
            Event::Uploading { routine, .. } | Event::Polled { routine, .. } | Event::PollFailed { routine, .. } => {
                *routine
            }
            Event::Accepted { .. }
            | Event::Existing { .. }
            | Event::Searching { .. }
            | Event::Deploying { .. }
            | Event::Done { .. }
            | Event::Retrying { .. } => false,
        }
    }

    /// Writes the event to stderr as one line, unless it is [routine](Self::is_routine): an observer for logs.
    ///
    /// A line that cannot be written is dropped: not even a full disk or a closed pipe ends an upload.
    ///
    /// ```no_run
    /// use mendix_deploy::{Client, Event};
    ///
    /// let client = Client::from_env()?.on_event(Event::log_to_stderr);
    /// # Ok::<(), mendix_deploy::Error>(())
    /// ```
    pub fn log_to_stderr(&self) {
        if !self.is_routine() {
            // One write, so that lines of several uploads do not mix. `eprintln!` would panic if it failed.
            let _ = io::stderr().write_all(format!("{self}\n").as_bytes());
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Uploading { app, file, sent, total, response_timeout, .. } => {
                write!(f, "uploading {} to app {app}: ", text::path(file))?;
                if sent == total {
                    let timeout = Seconds(*response_timeout);
                    write!(f, "all {} sent, awaiting the response for up to {timeout}", Bytes(*total))
                } else {
                    let percent = u128::from(*sent) * 100 / u128::from((*total).max(1));
                    write!(f, "{} of {} ({percent} %)", Bytes(*sent), Bytes(*total))
                }
            }
            Event::Accepted { app, file, package_id, job_id, elapsed } => {
                let (file, elapsed) = (text::path(file), Seconds(*elapsed));
                write!(f, "app {app} accepted {file} after {elapsed}: package {package_id}, job {job_id}")
            }
            Event::Existing { app, file, package_id, name } => {
                let (file, name) = (text::path(file), text::name(name));
                write!(f, "app {app} has {name} already, as package {package_id}, so {file} is not uploaded")
            }
            Event::Searching { app, sought, timeout, reason } => {
                write!(f, "app {app}, searching for {sought} for up to {}: {reason}", Seconds(*timeout))
            }
            Event::Polled { app, subject, status, elapsed, next_poll, .. } => {
                let status = match (subject, status.as_str()) {
                    (Subject::Package(_), "Succeeded") => "ready to be deployed",
                    (_, status) => status,
                };
                write!(f, "app {app}, {subject}: {status} after {}", Seconds(*elapsed))?;
                next_poll.map_or(Ok(()), |pause| write!(f, ", next poll in {}", Seconds(pause)))
            }
            Event::Deploying { app, environment, step, elapsed } => {
                write!(f, "app {app}, environment {environment}: {step}")?;
                match step {
                    DeployStep::Begun { .. } | DeployStep::AlreadyRuns { .. } | DeployStep::Unanswered { .. } => Ok(()),
                    _ => write!(f, " after {}", Seconds(*elapsed)),
                }
            }
            Event::Done { app, environment, package_id, elapsed } => {
                let (package, elapsed) = (Short(package_id.as_str()), Seconds(*elapsed));
                match environment {
                    Some(name) => write!(f, "app {app}, environment {name}: done in {elapsed}, runs package {package}"),
                    None => write!(f, "app {app}: done in {elapsed}, package {package} is ready to be deployed"),
                }
            }
            Event::PollFailed { app, subject, outage, next_poll, reason, .. } => {
                write!(f, "app {app}, {subject}: no status for {}", Seconds(*outage))?;
                write!(f, ", next poll in {}: {reason}", Seconds(*next_poll))
            }
            Event::Retrying { attempt, of, wait, reason, .. } => {
                write!(f, "attempt {attempt} of {of} failed, next one in {}: {reason}", Seconds(*wait))
            }
        }
    }
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A job.
    Job(JobId),
    /// A package.
    Package(PackageId),
    /// An environment.
    Environment(EnvironmentName),
    /// The package of an upload of unknown outcome: its name in quotes, or `package` and its id if that is known.
    Upload(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Job(id) => write!(f, "job {}", Short(id.as_str())),
            Subject::Package(id) => write!(f, "package {}", Short(id.as_str())),
            Subject::Environment(name) => write!(f, "environment {name}"),
            Subject::Upload(sought) => write!(f, "searching for {sought}"),
        }
    }
}

#[cfg(test)]
mod tests;
