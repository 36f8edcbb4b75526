//! Waits on scripted answers, under a clock that takes no time.

use std::error::Error as _;
use std::sync::{Arc, Mutex};

use super::*;
use crate::error::Response;
use crate::random::duration;

const S: Duration = Duration::from_secs(1);

#[allow(clippy::unnecessary_wraps)] // scripts mix it with errors
fn said(status: &str, retry_after: Option<Duration>) -> Result<Polled<&'static str>> {
    let end = (status == "Completed").then_some(Ok("Completed"));
    Ok(Polled::at(status, retry_after).with_end(end))
}

fn running() -> Result<Polled<&'static str>> {
    said("Running", None)
}

fn completed() -> Result<Polled<&'static str>> {
    said("Completed", None)
}

/// A clock that only advances by the pauses.
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

#[derive(Debug)]
struct Logged {
    line: String,
    /// Since the wait began, or since there was a status.
    elapsed: Duration,
    routine: bool,
}

fn logged(event: &Event) -> Logged {
    match event {
        Event::Polled { status, elapsed, next_poll, routine, .. } => {
            let line = format!("{status} after {elapsed:?}, next in {next_poll:?}");
            Logged { line, elapsed: *elapsed, routine: *routine }
        }
        Event::PollFailed { outage, next_poll, reason, routine, .. } => {
            let line = format!("no status for {outage:?}, next in {next_poll:?}: {reason}");
            Logged { line, elapsed: *outage, routine: *routine }
        }
        other => panic!("{other}"),
    }
}

struct Outcome {
    result: Result<&'static str>,
    clock: TestClock,
    polls: usize,
    /// The lines of all events, and the events that are not routine.
    events: Vec<String>,
    log: Vec<Logged>,
}

impl Outcome {
    #[track_caller]
    fn error(&self) -> &Error {
        self.result.as_ref().expect_err("an error")
    }
}

/// Waits on a script: the answer to poll `n` is `script(n)`, n from 0.
fn wait_on(poll: &Poll, script: impl Fn(usize) -> Result<Polled<&'static str>>) -> Outcome {
    let (mut clock, mut polls) = (TestClock::default(), 0);
    let log = Arc::new(Mutex::new(Vec::new()));
    let into = log.clone();
    let client = Client::new("me", "key")
        .unwrap()
        .with_poll(poll.clone())
        .on_event(move |event| into.lock().unwrap().push(logged(event)));
    let (app, subject) = ("calc".parse().unwrap(), Subject::Job("j-1".parse().unwrap()));
    let name = "waiting for thing 1".to_owned();
    let wait = Wait::new(&client, &app, subject, name).resumed_by("resume the wait", "wait_for_it").may_appear_late();
    let result = wait.by(&mut clock, || {
        polls += 1;
        assert!(polls < 1_000_000, "no end");
        script(polls - 1)
    });
    let mut log = std::mem::take(&mut *log.lock().unwrap());
    let events = log.iter().map(|logged| logged.line.clone()).collect();
    log.retain(|logged| !logged.routine);
    Outcome { result, clock, polls, events, log }
}

/// A poll that was answered with an error; 404 and 401 are not transient.
fn answered(status: u16) -> Error {
    Error::new(ErrorKind::Rejected, "no")
        .with_response(Response::bare(status))
        .with_transient(![401, 404].contains(&status))
}

fn asking(status: u16, wait: Duration) -> Error {
    answered(status).with_response(Response { retry_after: Some(wait), ..Response::bare(status) })
}

fn broken() -> Error {
    Error::new(ErrorKind::NoAnswer, "reset")
}

#[test]
fn polls_at_once_then_after_a_tenth_of_the_time_between_the_two_intervals() {
    let outcome = wait_on(&Poll::default(), |_| running());
    let pauses = &outcome.clock.pauses;
    assert_eq!(pauses[..11], [S; 11], "a tenth of up to 10 s");
    assert_eq!(pauses[11], Duration::from_millis(1100));
    assert_eq!(pauses.iter().max(), Some(&(15 * S)));
    assert_eq!(outcome.clock.now, 30 * 60 * S, "the last pause is cut to the time left");
    assert!((140..=160).contains(&outcome.polls), "{} polls", outcome.polls);
    assert_eq!((outcome.error().kind(), outcome.error().is_transient()), (ErrorKind::StillRunning, true));
    assert_eq!(
        outcome.error().to_string(),
        "waiting for thing 1 took over 30 min (last status: Running); resume the wait (wait_for_it, Poll::with_timeout)"
    );
}

#[test]
fn pauses_are_short_again_when_a_step_has_begun() {
    let outcome = wait_on(&Poll::default(), |n| Ok(running()?.with_new_step(n == 100)));
    assert_eq!(outcome.clock.pauses[98..102], [15 * S, 15 * S, S, S]);
    assert_eq!(outcome.clock.now, 30 * 60 * S);
}

fn times(log: &[Logged]) -> Vec<Duration> {
    log.iter().map(|logged| logged.elapsed).collect()
}

#[test]
fn a_log_has_a_line_for_each_change_and_one_a_minute() {
    let outcome = wait_on(&Poll::default(), |n| match n {
        0 => said("Queued", None),
        _ => running(),
    });
    let times = times(&outcome.log);
    assert_eq!(times[..5], [0, 1, 61, 121, 181].map(|second| second * S), "{:?}", outcome.log);
    assert!(times.windows(2).skip(1).all(|pair| pair[0] + 60 * S == pair[1]), "{times:?}");
    assert_eq!(times.len(), 31);
}

#[test]
fn a_log_has_a_line_a_minute_however_long_the_pauses_may_be_but_the_shortest_pause_counts_more() {
    let rare = Poll::default().with_max_interval(600 * S);
    let outcome = wait_on(&rare, |_| running());
    let times_of_lines = times(&outcome.log);
    let is_a_minute = |pair: &[Duration]| (pair[0] + 60 * S..pair[0] + 61 * S).contains(&pair[1]);
    assert!(times_of_lines.len() == 30 && times_of_lines.windows(2).all(is_a_minute), "{times_of_lines:?}");
    let rarer = wait_on(&rare.with_interval(200 * S), |_| running());
    assert_eq!(times(&rarer.log), (0..=9).map(|n| n * 200 * S).collect::<Vec<_>>(), "each poll is worth a line");
}

#[test]
fn a_log_shows_the_first_failure_and_then_one_a_minute() {
    let outage = wait_on(&Poll::default(), |n| if n == 0 { running() } else { Err(broken()) });
    let lines: Vec<_> = outage.log.iter().map(|logged| logged.line.split(", next").next().unwrap()).collect();
    assert_eq!(lines[..3], ["Running after 0ns", "no status for 1s", "no status for 61s"]);
    assert_eq!(lines.len(), 6, "five minutes: {lines:?}");
    let flapping = wait_on(&Poll::default(), |n| if n % 2 == 0 { running() } else { Err(broken()) });
    assert!(flapping.log.len() <= 61, "{:?}", flapping.log);
}

#[test]
fn every_status_is_an_event_and_nothing_follows_the_last_one() {
    let outcome = wait_on(&Poll::default(), |n| if n < 2 { running() } else { completed() });
    assert_eq!(outcome.result.unwrap(), "Completed");
    assert_eq!(outcome.clock.pauses, [S; 2]);
    let events = [
        "Running after 0ns, next in Some(1s)", "Running after 1s, next in Some(1s)", "Completed after 2s, next in None",
    ];
    assert_eq!(outcome.events, events);
}

#[test]
fn a_zero_timeout_polls_once_and_zero_intervals_do_not_spin() {
    let at_once = Poll::default().with_timeout(Duration::ZERO);
    let ended = wait_on(&at_once, |_| completed());
    assert!(ended.result.is_ok() && ended.polls == 1);
    let once = wait_on(&at_once, |_| running());
    assert_eq!((once.polls, once.error().kind()), (1, ErrorKind::StillRunning));
    let poll = Poll::default().with_interval(Duration::ZERO).with_max_interval(Duration::ZERO);
    let quick = wait_on(&poll.with_timeout(S), |_| running());
    assert_eq!(quick.clock.pauses, [Duration::from_millis(100); 10]);
}

#[test]
fn retry_after_makes_a_pause_longer_but_not_shorter_whatever_it_comes_with() {
    let asked = |status, wait| said(status, Some(wait));
    let outcome = wait_on(&Poll::default(), |n| match n {
        0 => Err(asking(503, 7 * S)),
        1 => Err(asking(429, Duration::ZERO)),
        2 => asked("Running", 9 * S),
        3 => asked("Running", Duration::ZERO),
        _ => asked("Completed", 900 * S),
    });
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.clock.pauses, [7 * S, S, 9 * S, S * 17 / 10]);
}

#[test]
fn failures_end_a_wait_after_five_minutes_without_a_status_and_not_after_a_count() {
    for (cause, kind) in [
        (|| Error::new(ErrorKind::Connect, "refused").with_transient(true), ErrorKind::Connect),
        (
            || answered(503).with_response(Response { code: Some("DOWN".into()), ..Response::bare(503) }),
            ErrorKind::Rejected,
        ),
        (broken, ErrorKind::NoAnswer),
    ] as [(fn() -> Error, ErrorKind); 3]
    {
        let outcome = wait_on(&Poll::default(), |n| if n == 0 { running() } else { Err(cause()) });
        let (error, last) = (outcome.error(), cause());
        assert_eq!((error.kind(), error.status(), error.code()), (kind, last.status(), last.code()));
        assert!(error.is_transient() && (300 * S..315 * S).contains(&outcome.clock.now), "{:?}", outcome.clock.now);
        assert!(error.to_string().contains("gave up waiting for thing 1: no status for 5 min"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), last.to_string());
        assert_eq!(outcome.events[1], format!("no status for 1s, next in 1s: {last}"));
    }
}

#[test]
fn a_status_ends_an_outage() {
    let outcome = wait_on(&Poll::default().with_timeout(7200 * S), |n| match n {
        150 => completed(),
        n if n % 20 == 19 => running(),
        _ => Err(answered(500)),
    });
    assert!(outcome.result.is_ok() && outcome.clock.now > 1200 * S, "{:?}", outcome.clock.now);
}

#[test]
fn no_outage_is_over_before_the_second_failure() {
    let strict = Poll::default().with_max_outage(Duration::ZERO);
    for poll in [strict.clone(), strict.with_interval(600 * S)] {
        let outcome = wait_on(&poll, |n| match n {
            0 | 2 => Err(broken()),
            1 => running(),
            _ => completed(),
        });
        assert!(outcome.result.is_ok());
        let outcome = wait_on(&poll, |n| if n == 0 { running() } else { Err(broken()) });
        assert_eq!((outcome.polls, outcome.error().kind()), (3, ErrorKind::NoAnswer));
    }
    let endless = wait_on(&Poll::default().with_max_outage(Duration::MAX), |_| Err(broken()));
    assert_eq!((endless.error().kind(), endless.clock.now), (ErrorKind::StillRunning, 1800 * S));
}

#[test]
fn a_404_is_tolerated_for_thirty_seconds_if_nothing_was_ever_seen() {
    let shown_late = wait_on(&Poll::default(), |n| if n < 12 { Err(answered(404)) } else { completed() });
    assert!(shown_late.result.is_ok());
    for poll in [Poll::default(), Poll::default().with_max_outage(Duration::ZERO)] {
        let never = wait_on(&poll, |_| Err(answered(404)));
        assert_eq!((never.error().kind(), never.error().status()), (ErrorKind::Rejected, Some(404)));
        assert!((30 * S..34 * S).contains(&never.clock.now), "{:?}", never.clock.now);
    }
    let exactly = wait_on(&Poll::default().with_interval(NOT_FOUND_GRACE), |_| Err(answered(404)));
    assert_eq!((exactly.polls, exactly.error().status()), (2, Some(404)));
    let broken_at_first = wait_on(&Poll::default(), |n| Err(if n < 30 { broken() } else { answered(404) }));
    assert_eq!((broken_at_first.polls, broken_at_first.error().status()), (31, Some(404)));
}

#[test]
fn a_404_for_what_was_seen_before_is_an_outage() {
    let found = wait_on(&Poll::default(), |n| match n {
        0 => running(),
        1..40 => Err(answered(404)),
        _ => completed(),
    });
    assert!(found.result.is_ok() && found.clock.now > 60 * S, "{:?}", found.clock.now);
    let gone = wait_on(&Poll::default(), |n| if n == 0 { running() } else { Err(answered(404)) });
    assert_eq!((gone.error().kind(), gone.error().status()), (ErrorKind::Rejected, Some(404)));
    assert!((300 * S..315 * S).contains(&gone.clock.now) && gone.error().to_string().contains("5 min"));
}

fn refused(status: u16, said_by: SaidBy) -> Error {
    Error::new(ErrorKind::Rejected, "no").with_response(Response { said_by, ..Response::bare(status) })
}

#[test]
fn at_first_a_refusal_ends_a_wait_and_later_it_takes_two_of_the_api_or_five_minutes_of_a_gateway() {
    let of_api = [(401, SaidBy::Api), (403, SaidBy::Api)];
    let of_others = [(401, SaidBy::Others), (403, SaidBy::Others), (302, SaidBy::Others), (400, SaidBy::Others)];
    for (status, said_by) in of_api.into_iter().chain(of_others) {
        let answer = || Err(refused(status, said_by));
        let at_first = wait_on(&Poll::default(), |_| answer());
        assert_eq!((at_first.polls, at_first.error().status()), (1, Some(status)));
        let once = wait_on(&Poll::default(), |n| match n {
            1 | 3 => answer(),
            4 => completed(),
            _ => running(),
        });
        assert!(once.result.is_ok(), "{status}, {said_by:?}: {:?}", once.result);
        let for_good = wait_on(&Poll::default(), |n| if n == 0 { running() } else { answer() });
        let time = if said_by == SaidBy::Api { 2 * S..3 * S } else { 300 * S..315 * S };
        assert!(time.contains(&for_good.clock.now), "{status}, {said_by:?}: {:?}", for_good.clock.now);
        assert_eq!((for_good.error().kind(), for_good.error().status()), (ErrorKind::Rejected, Some(status)));
    }
    // An outage in between makes no difference; any other response of the API ends the wait.
    let between = wait_on(&Poll::default(), |n| match n {
        0 => running(),
        2 => Err(broken()),
        _ => Err(refused(401, SaidBy::Api)),
    });
    assert_eq!((between.polls, between.error().status()), (4, Some(401)));
    for (status, said_by) in [(400, SaidBy::Api), (409, SaidBy::Api), (403, SaidBy::Verdict), (500, SaidBy::Verdict)] {
        let outcome = wait_on(&Poll::default(), |n| if n == 0 { running() } else { Err(refused(status, said_by)) });
        assert_eq!((outcome.polls, outcome.error().status()), (2, Some(status)), "{said_by:?}");
    }
    // A certificate that is not trusted, for example.
    let connect = || Err(Error::new(ErrorKind::Connect, "no"));
    assert_eq!(wait_on(&Poll::default(), |_| connect()).polls, 1);
    let outcome = wait_on(&Poll::default(), |n| match n {
        0 => running(),
        1 => connect(),
        _ => completed(),
    });
    assert!(outcome.result.is_ok());
}

#[test]
fn a_timeout_during_an_outage_keeps_the_last_status_and_the_cause() {
    let poll = Poll::default().with_timeout(3 * S);
    let outcome = wait_on(&poll, |n| if n == 0 { running() } else { Err(answered(500)) });
    let error = outcome.error();
    assert_eq!((error.kind(), outcome.polls), (ErrorKind::StillRunning, 4), "the last poll is made at the timeout");
    assert!(error.to_string().contains("; the last poll failed (HTTP 500)") && error.source().is_some(), "{error:?}");
    let never = wait_on(&poll, |_| Err(broken()));
    let says = "took over 3.0 s without any status; the last poll failed (no answer)";
    assert!(never.error().to_string().contains(says), "{}", never.error());
    // After an earlier step of the same call, there was a status.
    let (client, app) = (Client::new("me", "key").unwrap().with_poll(poll), "calc".parse().unwrap());
    let later = Wait::new(&client, &app, Subject::Job("j-1".parse().unwrap()), "thing 1".to_owned()).amid(true);
    let error = later.by(&mut TestClock::default(), || Err::<Polled<()>, _>(broken())).unwrap_err();
    assert!(error.to_string().contains("took over 3.0 s; the last poll failed"), "{error}");
}

#[test]
fn the_timeout_is_that_of_the_call_and_so_is_the_time_in_the_message() {
    let client = Client::new("me", "key").unwrap().with_poll(Poll::default().without_timeout());
    let (app, began) = ("calc".parse().unwrap(), Instant::now().checked_sub(S).unwrap());
    let wait = |client| Wait::new(client, &app, Subject::Job("j-1".parse().unwrap()), "thing 1".to_owned());
    assert_eq!(wait(&client).since(began).poll.timeout, None);
    let earlier = Duration::from_millis(1500);
    assert!(wait(&client).since(Instant::now().checked_sub(earlier).unwrap()).spent >= earlier);
    let mut clock = TestClock::default();
    let error = wait(&client).limited_since(began).by(&mut clock, running).unwrap_err();
    assert!(error.to_string().contains("thing 1 took over 30 min (last status: Running)"), "{error}");
    assert!(clock.now <= 1799 * S, "{:?}", clock.now);
}

#[test]
fn no_pause_is_beyond_the_time_left_or_so_short_that_it_spins_or_cut_short() {
    for _ in 0..10_000 {
        let (interval, longest, timeout, elapsed) = (duration(), duration(), duration(), duration());
        let poll = Poll::default().with_interval(interval).with_max_interval(longest).with_timeout(timeout);
        let (left, asked) = (timeout.saturating_sub(elapsed), duration());
        let least = Duration::from_millis(100).max(interval).max(asked.min(300 * S)).min(left);
        let case = format!("{poll:?}, {asked:?} after {elapsed:?}");
        match poll.pause(Some(asked), elapsed, elapsed, duration()) {
            None => assert_eq!(left, Duration::ZERO, "{case}"),
            Some(pause) => assert!(least <= pause && pause <= left, "{case}"),
        }
        assert!(
            poll.without_timeout().pause(None, elapsed, elapsed, duration())
                <= Some(Duration::MAX.saturating_sub(elapsed)),
            "{case}"
        );
    }
}

#[test]
fn the_last_tenth_of_a_timeout_is_too_little_to_begin_anything() {
    let half_an_hour = Poll::default().without_timeout();
    assert!(!half_an_hour.is_nearly_over(26 * 60 * S) && half_an_hour.is_nearly_over(27 * 60 * S));
    assert!(half_an_hour.is_nearly_over(Duration::MAX));
    assert!(half_an_hour.with_timeout(Duration::ZERO).is_nearly_over(Duration::ZERO));
}

#[test]
fn a_poll_without_a_timeout_can_be_given_the_default_one() {
    assert_eq!(Poll::default().without_timeout().with_an_end(), Poll::default());
    let short = Poll::default().with_timeout(S);
    assert_eq!(short.with_an_end(), short);
    assert_eq!(short.without_timeout().with_an_end(), Poll::default());
    let endless = Poll::default().with_max_outage(S).without_timeout();
    assert_eq!((endless.timeout, endless.max_outage), (None, S));
}
