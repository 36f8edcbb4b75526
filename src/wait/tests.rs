//! Waits on scripted answers, under a clock that takes no time.

use std::cell::RefCell;

use super::*;

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
    Error::new(ErrorKind::Rejected, "later").with_status(status).with_transient(status != 404 && status != 401)
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
    let outcome =
        wait_on(&Poll::default(), |n| Ok(if n < 3 { JobStatus::Other("Paused".into()) } else { JobStatus::Completed }));
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
    assert_eq!(endless.pause(Duration::ZERO, Duration::ZERO), Some(Duration::MAX));
    assert_eq!(
        endless.pause(Duration::ZERO, S),
        Some(Duration::MAX.saturating_sub(S)),
        "never beyond what a clock can show"
    );
    let limited = endless.with_timeout(Duration::MAX);
    assert_eq!(limited.pause(Duration::MAX, Duration::MAX), None);
    assert_eq!(Poll::default().pause(Duration::MAX, S), Some(300 * S));
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
        (|| Error::new(ErrorKind::Connect, "refused").with_transient(true), ErrorKind::Connect),
        (|| later(429), ErrorKind::Rejected),
        (|| Error::new(ErrorKind::NoAnswer, "reset"), ErrorKind::NoAnswer),
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

#[test]
fn no_pause_is_beyond_the_time_left_or_so_short_that_it_spins() {
    use crate::random::duration;
    for _ in 0..10_000 {
        let (interval, longest, limit, elapsed) = (duration(), duration(), duration(), duration());
        let poll = Poll::default().with_interval(interval).with_max_interval(longest).with_timeout(limit);
        let case = format!("{poll:?} after {elapsed:?}");
        let left = limit.saturating_sub(elapsed);
        match poll.pause(Duration::ZERO, elapsed) {
            None => assert_eq!(left, Duration::ZERO, "{case}"),
            Some(pause) => {
                assert!(pause <= left, "{case}");
                assert!(pause == left || pause >= Duration::from_millis(100).max(interval), "{case}");
            }
        }
    }
}
