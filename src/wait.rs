//! Waiting for a job: when to poll, and the only loop that sleeps between polls.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::event::{Event, Seconds};
use crate::id::{AppId, JobId};
use crate::job::ask;
use crate::status::JobStatus;

/// No pause is shorter, whatever is set: a wait must never become a busy loop.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// A `Retry-After` beyond this is not waited for as a whole: the job may be done long before.
const LONGEST_ASKED: Duration = Duration::from_secs(5 * 60);
/// For so long a 404 is taken for a job that is not visible yet.
const UNSEEN_LIMIT: Duration = Duration::from_secs(30);

/// How often a job is asked after, and for how long.
///
/// The first poll comes at once. Then each pause is a tenth of the time waited so far, at least the interval
/// (default 1 s) and at most the longest interval (default 15 s): a finished job is noticed within a tenth of its
/// own duration, and half an hour takes about 150 requests. A `Retry-After` of the server's makes a pause longer, up to
/// 5 min.
/// The last pause is cut to the time that is left, and one last poll is made when the time (default 30 min) is up.
///
/// ```
/// use mendix_deploy::Poll;
/// use std::time::Duration;
///
/// let poll = Poll::default().with_timeout(Duration::from_secs(2 * 60 * 60));
/// ```
#[derive(Debug, Clone)]
pub struct Poll {
    interval: Duration,
    max_interval: Duration,
    timeout: Option<Duration>,
    max_failures: u32,
}

impl Default for Poll {
    fn default() -> Self {
        Poll {
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(15),
            timeout: Some(Duration::from_secs(30 * 60)),
            max_failures: 10,
        }
    }
}

impl Poll {
    /// The shortest pause between two polls. Default 1 s; anything under 100 ms counts as 100 ms.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The longest pause between two polls. Default 15 s; if it is under the interval, the interval holds.
    pub fn with_max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = interval;
        self
    }

    /// How long to wait for the job to end. Default 30 min. One poll is made even if it is zero; the call blocks
    /// for at most this time and one request.
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Waits for as long as the job takes. A run of failed polls still ends the wait.
    pub fn without_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// How many polls in a row may fail before the wait is given up. Default 10; 0 counts as 1.
    pub fn with_max_failures(mut self, failures: u32) -> Self {
        self.max_failures = failures.max(1);
        self
    }

    /// The pause after a poll that ended `elapsed` into the wait, or `None` when the time is up. The server may have `asked`
    /// for a longer one.
    fn pause(&self, asked: Duration, elapsed: Duration) -> Option<Duration> {
        let left = self.timeout.unwrap_or(Duration::MAX).saturating_sub(elapsed);
        let pause =
            (elapsed / 10).min(self.max_interval).max(self.interval).max(SHORTEST_PAUSE).max(asked.min(LONGEST_ASKED));
        (!left.is_zero()).then_some(pause.min(left))
    }
}

/// Waits until the job has completed: `Ok` means that it has, and nothing else.
///
/// A wait survives brown-outs: transport failures, 408, 425, 429, 5xx and a 4xx that is not registered with IANA are polled
/// over until too many come in a row. So does a 404 for the first 30 s, as the job may not be visible at once. Blocks for at most the time limit
/// of `poll` and one request.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the job's id: `JobFailed`; `StillRunning` when the time is up (call
/// again to go on waiting); `Rejected` for any other refusal, such as 401 or 403, at once; `Connect`, `Rejected` or
/// `NoAnswer` after too many failures in a row, with the last one as its source.
///
/// ```no_run
/// use mendix_deploy::{ErrorKind, Poll, wait_for_job};
///
/// # let client = mendix_deploy::Client::from_env()?;
/// match wait_for_job(&client, &"calc".parse()?, &"66046953-ecf7-4550".parse()?, &Poll::default()) {
///     Err(error) if error.kind() == ErrorKind::StillRunning => eprintln!("later: {error}"),
///     result => result?,
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn wait_for_job(client: &Client, app: &AppId, job: &JobId, poll: &Poll) -> Result<()> {
    let mut clock = WallClock(Instant::now());
    wait(poll, job, app, &mut clock, &mut || ask(client, app, job), &|event| client.notify(event))
}

/// The time of a wait. Tests have one of their own, so that they take none.
trait Clock {
    /// Since the wait began.
    fn elapsed(&self) -> Duration;
    fn sleep(&mut self, pause: Duration);
}

struct WallClock(Instant);

impl Clock for WallClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

fn wait(
    poll: &Poll,
    job: &JobId,
    app: &AppId,
    clock: &mut dyn Clock,
    ask: &mut dyn FnMut() -> Result<JobStatus>,
    notify: &dyn Fn(&Event),
) -> Result<()> {
    // Polls in a row that brought no status, and those of them that count as failures.
    let (mut missed, mut failures) = (0_u32, 0);
    let mut last_status = None;
    loop {
        let answer = ask();
        let elapsed = clock.elapsed();
        let retry_after = answer.as_ref().err().and_then(Error::retry_after);
        let pause = poll.pause(retry_after.unwrap_or_default(), elapsed);
        let failure = match answer {
            Ok(status) => {
                (missed, failures) = (0, 0);
                let ended = matches!(status, JobStatus::Completed | JobStatus::Failed);
                let next_poll = if ended { None } else { pause };
                notify(&Event::Polled { job_id: job.clone(), status: status.clone(), elapsed, next_poll });
                match status {
                    JobStatus::Completed => return Ok(()),
                    JobStatus::Failed => return Err(job_failed(app, job)),
                    _ => last_status = Some(status),
                }
                None
            }
            Err(error) => {
                missed = missed.saturating_add(1);
                if error.status() == Some(404) && elapsed < UNSEEN_LIMIT {
                    // The server is there and says so; this is no failure.
                    failures = 0;
                } else if !error.is_transient() {
                    return Err(error);
                } else {
                    failures += 1;
                    if failures >= poll.max_failures {
                        return Err(gave_up(error, failures, job));
                    }
                }
                if let Some(wait) = pause {
                    notify(&Event::Retrying { attempt: missed, wait, reason: one_line(&error) });
                }
                Some(error)
            }
        };
        match pause {
            Some(pause) => clock.sleep(pause),
            None => return Err(still_running(app, job, elapsed, last_status.as_ref(), failure)),
        }
    }
}

fn job_failed(app: &AppId, job: &JobId) -> Error {
    Error::new(
        ErrorKind::JobFailed,
        format!(
            "job {job} failed, so there is no package to deploy; the API gives no reason: look at the Environments \
             page of app {app}, and whether the package is over 1 GB or 64,000 files when unpacked"
        ),
    )
    .with_job(job)
}

fn gave_up(last: Error, failures: u32, job: &JobId) -> Error {
    let polls = if failures == 1 { "the last poll".to_owned() } else { format!("{failures} polls in a row") };
    let message = format!("gave up waiting for job {job}: {polls} failed; the job may go on");
    let error = Error::new(last.kind(), message).with_transient(true);
    let error = match last.status() {
        Some(status) => error.with_status(status),
        None => error,
    };
    let code = last.code().map(str::to_owned);
    error.with_job(job).with_code(code).with_retry_after(last.retry_after()).with_source(last)
}

fn still_running(
    app: &AppId,
    job: &JobId,
    elapsed: Duration,
    last_status: Option<&JobStatus>,
    failure: Option<Error>,
) -> Error {
    let elapsed = Seconds(elapsed);
    let so_far = match last_status {
        Some(status) => format!("had not ended after {elapsed} (last status: {status}); it goes on"),
        None => format!("has shown no status for {elapsed}; it may go on"),
    };
    let message = format!("job {job} of app {app} {so_far}: call wait_for_job with this job to go on waiting");
    let error = Error::new(ErrorKind::StillRunning, message).with_job(job);
    match failure {
        Some(failure) => error.with_source(failure),
        None => error,
    }
}

#[cfg(test)]
mod tests;
