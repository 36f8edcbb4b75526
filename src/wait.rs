//! Waiting for a job: when to poll, and the only loop that sleeps between polls.

use std::time::{Duration, Instant};

use crate::attempts::one_line;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::event::{Event, Seconds};
use crate::id::{AppId, JobId};
use crate::job::{JobStatus, ask};

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
/// own duration, and half an hour takes about 150 requests. A `Retry-After` of the server's makes a pause longer, up to 5 min.
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

    /// The pause after a poll that ended `elapsed` into the wait, or `None` when the time is up: the schedule on its
    /// own, for a loop of yours around [`job_status`](crate::job_status).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pause = mendix_deploy::Poll::default().pause(Duration::from_secs(60));
    /// assert_eq!(pause, Some(Duration::from_secs(6)));
    /// ```
    pub fn pause(&self, elapsed: Duration) -> Option<Duration> {
        self.pause_at_least(Duration::ZERO, elapsed)
    }

    fn pause_at_least(&self, asked: Duration, elapsed: Duration) -> Option<Duration> {
        let left = self.timeout.unwrap_or(Duration::MAX).saturating_sub(elapsed);
        let pause =
            (elapsed / 10).min(self.max_interval).max(self.interval).max(SHORTEST_PAUSE).max(asked.min(LONGEST_ASKED));
        (!left.is_zero()).then_some(pause.min(left))
    }
}

/// Waits until the job has completed: `Ok` means that it has, and nothing else.
///
/// A wait survives brown-outs: transport failures, 408, 425, 429 and 5xx are polled over until too many come in a
/// row. So does a 404 for the first 30 s, as the job may not be visible at once. Blocks for at most the time limit
/// of `poll` and one request.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind), each with the job's id: `JobFailed`; `StillRunning` when the time is up (call again
/// to go on waiting); `Rejected` for any other refusal, such as 401 or 403, at once; `Connect`, `Rejected` or `Unknown`
/// after too many failures in a row, with the last one as its source.
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
        let pause = poll.pause_at_least(retry_after.unwrap_or_default(), elapsed);
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
    Error::job_failed(
        format!(
            "job {job} failed, so there is no package to deploy; the API gives no reason: look at the Environments \
             page of app {app}, and whether the package is over 1 GB or 64,000 files when unpacked"
        ),
        job,
    )
}

fn gave_up(last: Error, failures: u32, job: &JobId) -> Error {
    let message = format!("gave up waiting for job {job}: {failures} polls in a row failed; the job goes on");
    let error = match (last.kind(), last.status()) {
        (crate::ErrorKind::Connect, _) => Error::connect(message, true),
        (crate::ErrorKind::Rejected, Some(status)) => Error::rejected(message, status, true),
        _ => Error::unknown_status(message),
    };
    let error = match last.status() {
        Some(status) => error.with_status(status),
        None => error,
    };
    error.with_job(job).with_retry_after(last.retry_after()).because(last)
}

fn still_running(
    app: &AppId,
    job: &JobId,
    elapsed: Duration,
    last_status: Option<&JobStatus>,
    failure: Option<Error>,
) -> Error {
    let status = last_status.map_or("not known", JobStatus::as_str);
    let message = format!(
        "job {job} of app {app} had not ended after {} (last status: {status}); it goes on: call wait_for_job with \
         this job to go on waiting",
        Seconds(elapsed)
    );
    let error = Error::still_running(message, job);
    match failure {
        Some(failure) => error.because(failure),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::ErrorKind;

    const S: Duration = Duration::from_secs(1);

    /// A clock that stands still but for the pauses, and for what each poll takes.
    #[derive(Default)]
    struct TestClock {
        now: Duration,
        pauses: Vec<Duration>,
    }

    impl Clock for TestClock {
        fn elapsed(&self) -> Duration {
            self.now
        }

        fn sleep(&mut self, pause: Duration) {
            self.pauses.push(pause);
            self.now = self.now.saturating_add(pause);
        }
    }

    struct Outcome {
        result: Result<()>,
        clock: TestClock,
        polls: usize,
        events: Vec<String>,
    }

    /// Waits on a script: answer `n` comes from `script(n)`, n from 0.
    fn wait_on(poll: &Poll, script: impl Fn(usize) -> Result<JobStatus>) -> Outcome {
        let (app, job) = ("calc".parse().unwrap(), "j-1".parse().unwrap());
        let (mut clock, mut polls, events) = (TestClock::default(), 0, RefCell::new(Vec::new()));
        let mut ask = || {
            polls += 1;
            assert!(polls < 1_000_000, "no end");
            script(polls - 1).map_err(|e| e.with_job(&"j-1".parse().unwrap()))
        };
        let notify = |event: &Event| events.borrow_mut().push(event.to_string());
        let result = wait(poll, &job, &app, &mut clock, &mut ask, &notify);
        Outcome { result, clock, polls, events: events.into_inner() }
    }

    fn later(status: u16) -> Error {
        Error::rejected("later".into(), status, status != 404 && status != 401)
    }

    #[test]
    fn polls_at_once_then_after_a_tenth_of_the_time_between_the_two_intervals() {
        let poll = Poll::default().with_timeout(30 * 60 * S);
        let outcome = wait_on(&poll, |_| Ok(JobStatus::Running));
        let pauses = &outcome.clock.pauses;
        assert_eq!(pauses[..10], [S; 10]);
        assert_eq!(pauses[10], S, "a tenth of 10 s");
        assert_eq!(pauses[11], Duration::from_millis(1100));
        assert!(pauses.iter().all(|pause| *pause <= 15 * S));
        assert!(pauses.contains(&(15 * S)));
        assert_eq!(outcome.clock.now, 30 * 60 * S, "the last pause is cut to the time left");
        assert!((140..=160).contains(&outcome.polls), "{} polls", outcome.polls);
        let error = outcome.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StillRunning);
        let text = error.to_string();
        assert!(text.contains("j-1") && text.contains("Running") && text.contains("30 min"), "{text}");
        assert!(error.is_transient() && error.may_have_been_accepted());
    }

    #[test]
    fn the_usual_course_is_four_polls_and_four_events() {
        use JobStatus::{Completed, Queued, Running};
        let course = [Queued, Running, Running, Completed];
        let outcome = wait_on(&Poll::default(), |n| Ok(course[n].clone()));
        assert!(outcome.result.is_ok());
        assert_eq!(outcome.clock.pauses, [S; 3]);
        assert_eq!(
            outcome.events,
            [
                "job j-1: Queued after 0.0 s, next look in 1.0 s",
                "job j-1: Running after 1.0 s, next look in 1.0 s",
                "job j-1: Running after 2.0 s, next look in 1.0 s",
                "job j-1: Completed after 3.0 s",
            ]
        );
    }

    #[test]
    fn a_completed_or_failed_job_costs_no_sleep() {
        let done = wait_on(&Poll::default(), |_| Ok(JobStatus::Completed));
        assert!(done.result.is_ok() && done.clock.pauses.is_empty() && done.polls == 1);
        let failed = wait_on(&Poll::default(), |_| Ok(JobStatus::Failed));
        let error = failed.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::JobFailed);
        assert_eq!(error.job_id().unwrap().as_str(), "j-1");
        assert!(!error.is_transient() && failed.polls == 1);
    }

    #[test]
    fn an_unknown_status_is_waited_on() {
        let outcome = wait_on(&Poll::default(), |n| {
            Ok(if n < 3 { JobStatus::Other("Paused".into()) } else { JobStatus::Completed })
        });
        assert!(outcome.result.is_ok());
        assert_eq!(outcome.polls, 4);
        assert!(outcome.events[0].contains("Paused"));
    }

    #[test]
    fn a_zero_limit_polls_once_and_zero_intervals_do_not_spin() {
        let once = wait_on(&Poll::default().with_timeout(Duration::ZERO), |_| Ok(JobStatus::Queued));
        assert_eq!(once.polls, 1);
        assert_eq!(once.result.unwrap_err().kind(), ErrorKind::StillRunning);
        let poll = Poll::default().with_interval(Duration::ZERO).with_max_interval(Duration::ZERO);
        let quick = wait_on(&poll.with_timeout(S), |_| Ok(JobStatus::Queued));
        assert_eq!(quick.clock.pauses, [Duration::from_millis(100); 10]);
    }

    #[test]
    fn no_setting_overflows() {
        let endless = Poll::default().without_timeout().with_interval(Duration::MAX).with_max_interval(Duration::MAX);
        assert_eq!(endless.pause(Duration::ZERO), Some(Duration::MAX));
        assert_eq!(endless.pause(S), Some(Duration::MAX.saturating_sub(S)), "never beyond what a clock can show");
        let limited = endless.with_timeout(Duration::MAX);
        assert_eq!(limited.pause_at_least(Duration::MAX, Duration::MAX), None);
        assert_eq!(Poll::default().pause_at_least(Duration::MAX, S), Some(300 * S));
    }

    #[test]
    fn retry_after_makes_a_pause_longer_but_not_shorter() {
        let outcome = wait_on(&Poll::default(), |n| match n {
            0 => Err(later(503).with_retry_after(Some(7 * S))),
            1 => Err(later(429).with_retry_after(Some(Duration::ZERO))),
            _ => Ok(JobStatus::Completed),
        });
        assert!(outcome.result.is_ok());
        assert_eq!(outcome.clock.pauses, [7 * S, S]);
    }

    #[test]
    fn a_404_is_tolerated_for_thirty_seconds() {
        let seen = wait_on(&Poll::default(), |n| if n < 2 { Err(later(404)) } else { Ok(JobStatus::Completed) });
        assert!(seen.result.is_ok());
        let never = wait_on(&Poll::default().with_max_failures(2), |_| Err(later(404)));
        let error = never.result.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(404)));
        assert!((30 * S..34 * S).contains(&never.clock.now), "{:?}", never.clock.now);
    }

    #[test]
    fn brown_outs_are_survived_and_ten_failures_in_a_row_are_not() {
        let outcome = wait_on(&Poll::default(), |n| match n {
            50 => Ok(JobStatus::Completed),
            n if n % 10 == 9 => Ok(JobStatus::Running),
            _ => Err(later(500)),
        });
        assert!(outcome.result.is_ok(), "nine in a row, again and again");
        let down = wait_on(&Poll::default(), |n| if n == 0 { Ok(JobStatus::Running) } else { Err(later(503)) });
        assert_eq!(down.polls, 11);
        let error = down.result.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(503)));
        assert!(error.to_string().contains("10 polls in a row") && error.to_string().contains("j-1"), "{error}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().starts_with("later"), "{source}");
        let strict = wait_on(&Poll::default().with_max_failures(0), |_| Err(later(503)));
        assert_eq!(strict.polls, 1);
    }

    #[test]
    fn what_ended_the_wait_keeps_the_kind_of_its_cause() {
        for (cause, kind) in [
            (|| Error::connect("refused".into(), true), ErrorKind::Connect),
            (|| Error::rejected("later".into(), 429, true), ErrorKind::Rejected),
            (|| Error::unknown_status("reset".into()), ErrorKind::Unknown),
        ] as [(fn() -> Error, ErrorKind); 3]
        {
            let outcome = wait_on(&Poll::default(), |_| Err(cause()));
            assert_eq!((outcome.result.unwrap_err().kind(), outcome.polls), (kind, 10));
        }
    }

    #[test]
    fn a_404_exactly_at_the_limit_ends_the_wait() {
        let poll = Poll::default().with_interval(UNSEEN_LIMIT);
        let outcome = wait_on(&poll, |_| Err(later(404)));
        assert_eq!((outcome.polls, outcome.result.unwrap_err().status()), (2, Some(404)));
    }

    #[test]
    fn a_refusal_ends_the_wait_at_once_with_the_job() {
        let outcome = wait_on(&Poll::default(), |n| if n == 0 { Ok(JobStatus::Running) } else { Err(later(401)) });
        assert_eq!(outcome.polls, 2);
        let error = outcome.result.unwrap_err();
        assert_eq!((error.status(), error.job_id().unwrap().as_str()), (Some(401), "j-1"));
    }

    #[test]
    fn time_that_runs_out_during_a_brown_out_keeps_the_last_status_and_the_cause() {
        let poll = Poll::default().with_timeout(3 * S);
        let outcome = wait_on(&poll, |n| if n == 0 { Ok(JobStatus::Running) } else { Err(later(500)) });
        let error = outcome.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StillRunning);
        assert!(error.to_string().contains("last status: Running"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(outcome.polls, 4, "the last poll is made when the time is up");
    }
}
