//! The decision as a table: what is seen and how requests end, and what must come next.

use super::*;
use crate::status::EnvironmentStatus;

const S: Duration = Duration::from_secs(1);

/// One event: what is seen (status and package), the response to the next request, or the status of the job.
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

/// Plays a script; each `See` has the decision that must follow. The patience is 10 s.
fn play(goal: Goal, script: Vec<Then>) {
    let (mut course, mut now, mut step) = (Course::new(goal, 10 * S), S, None);
    let case = format!("{goal:?}: {script:?}");
    for (n, then) in script.into_iter().enumerate() {
        match then {
            See(status, on_it, expected) => {
                let seen = Seen { status: status_of(status), on_it: id(on_it) };
                course.saw(&seen, now);
                let next = course.next(&seen, now);
                assert_eq!(format!("{next:?}"), expected, "{n} of {case}");
                step = if let Next::Do(step) = next { Some(step) } else { None };
            }
            A(answer) => assert!(course.answered(step.unwrap(), answer, now), "{n} of {case}"),
            J(said) => assert!(course.job_said(said, now), "{n} of {case}"),
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
        // The usual course; what is already true; what an earlier call began.
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
        // A stale status is not a success, nor is one without evidence.
        after(vec![
            See("Running", "new", start),
            with_job(),
            See("Running", "new", "Wait"),
            See("Stopped", "new", "Wait"),
            See("Running", "new", "Done"),
        ]),
        after(vec![with_job(), See("Running", "new", "Wait"), Pass(10), See("Running", "new", "Done")]),
        // A lost request is repeated after the patience, and what runs may be somebody else's.
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
        // Busy is waited out; a start whose job is forgotten is not repeated.
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
fn another_deployment_takes_precedence_and_an_app_that_runs_unseen_is_stopped() {
    let package: PackageId = "new".parse().unwrap();
    let goal = |restart| Goal::Deployed { package: &package, restart };
    let (stop, transport, start) = ("Do(Stop)", "Do(Transport)", "Do(Start)");
    let down = || See("Stopped", "old", transport);
    let after = |rest: Vec<Then>| {
        vec![down(), accepted(), See("Stopped", "new", start)].into_iter().chain(rest).collect::<Vec<_>>()
    };
    let cases = [
        // Somebody else's package.
        vec![down(), accepted(), See("Stopped", "other", "GiveWayTo(PackageId(\"other\"))")],
        after(vec![with_job(), J(Job::Started), See("Running", "other", "GiveWayTo(PackageId(\"other\"))")]),
        after(vec![
            with_job(),
            J(Job::Started),
            See("Running", "old", "Wait"),
            Pass(10),
            See("Running", "old", "GiveWayTo(PackageId(\"old\"))"),
        ]),
        // The status says that it is down, but it runs.
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
    play(Goal::Runs, vec![See("Running", "", start), A(Answer::Runs), See("Running", "", "Done")]);
    play(Goal::On(&package), vec![down(), accepted(), See("", "new", "Done")]);
}

#[test]
fn an_app_that_is_said_to_run_is_stopped_again_once_the_stop_has_had_its_time_and_only_once() {
    let package: PackageId = "new".parse().unwrap();
    let (stop, transport) = ("Do(Stop)", "Do(Transport)");
    let down = || See("Stopped", "old", transport);
    let first = vec![See("Running", "old", stop), accepted(), down(), Pass(9), A(Answer::Runs), down(), Pass(1)];
    let again =
        vec![A(Answer::Runs), See("Stopped", "old", stop), accepted(), down(), Pass(60), A(Answer::Runs), down()];
    play(Goal::Deployed { package: &package, restart: false }, [first, again].into_iter().flatten().collect());
}

#[test]
fn a_stop_that_another_deployment_has_undone_is_requested_again() {
    let package: PackageId = "new".parse().unwrap();
    let script = vec![
        See("Running", "old", "Do(Stop)"),
        accepted(),
        See("Running", "old", "Wait"),
        See("Running", "other", "Do(Stop)"),
        accepted(),
        See("Running", "other", "Wait"),
        See("Stopped", "other", "Do(Transport)"),
    ];
    play(Goal::Deployed { package: &package, restart: false }, script);
}

#[test]
fn app_may_be_down_ignores_running_that_is_older_than_the_last_request() {
    let package: PackageId = "new".parse().unwrap();
    let seen = |status: &str, on_it: &str| Seen { status: status_of(status), on_it: id(on_it) };
    let mut course = Course::new(Goal::Deployed { package: &package, restart: false }, 10 * S);
    let mut check = |deed: &mut dyn FnMut(&mut Course), seen: &Seen, now: Duration, may_be_down: bool| {
        course.saw(seen, now);
        deed(&mut course);
        assert_eq!(course.may_be_down(seen, now), may_be_down, "{seen:?} {now:?} {course:?}");
    };
    check(&mut |_| (), &seen("Running", "old"), S, false);
    check(&mut |_| (), &seen("Stopped", "old"), S, true);
    check(&mut |_| (), &seen("Running", "old"), S, false);
    let answered = |step: Step| move |course: &mut Course| assert!(course.answered(step, Answer::Accepted(None), S));
    check(&mut answered(Step::Stop), &seen("Running", "old"), S, true);
    check(&mut |_| (), &seen("Running", "old"), 60 * S, true);
    check(&mut answered(Step::Transport), &seen("Stopped", "old"), 60 * S, true);
    check(&mut |_| (), &seen("Running", "new"), 61 * S, true);
    check(&mut answered(Step::Start), &seen("Stopped", "new"), 61 * S, true);
    check(&mut |_| (), &seen("Running", "new"), 62 * S, true);
    check(&mut |_| (), &seen("Running", "new"), 72 * S, false);
    assert!(!course.may_be_down(&Seen::default(), S), "not polled");
}

#[test]
fn a_call_that_only_starts_is_overtaken_only_by_a_package_that_stays() {
    let package: PackageId = "new".parse().unwrap();
    let goal = Goal::Deployed { package: &package, restart: false };
    let begun = || vec![See("Stopped", "new", "Do(Start)"), with_job(), See("Stopped", "old", "Wait")];
    // What was started in between may be the other package.
    let up = vec![
        J(Job::Started),
        See("Running", "new", "Do(Stop)"),
        accepted(),
        See("Stopped", "new", "Do(Start)"),
        with_job(),
        J(Job::Started),
        See("Running", "new", "Done"),
    ];
    play(goal, begun().into_iter().chain(up).collect());
    let gone = See("Stopped", "old", "GiveWayTo(PackageId(\"old\"))");
    play(goal, begun().into_iter().chain([Pass(10), gone]).collect());
}

#[test]
fn a_package_that_appears_under_a_running_app_is_restarted() {
    let package: PackageId = "new".parse().unwrap();
    let mut course = Course::new(Goal::Deployed { package: &package, restart: false }, 10 * S);
    let mut next = |status: &str, on_it: &str| {
        let seen = Seen { status: status_of(status), on_it: id(on_it) };
        course.saw(&seen, S);
        course.next(&seen, S)
    };
    // At the first read, before the package is ready.
    next("Running", "old");
    assert_eq!(next("Running", "new"), Next::Do(Step::Stop));
    // It was down in between, so what runs was started later.
    next("Stopped", "old");
    assert_eq!(next("Running", "new"), Next::Done);
}

#[test]
fn running_without_a_proof_may_be_stale_for_as_long_as_the_patience() {
    let package: PackageId = "new".parse().unwrap();
    let mut course = Course::new(Goal::Deployed { package: &package, restart: false }, 10 * S);
    assert!(!course.may_be_stale(S), "nothing was requested");
    assert!(course.answered(Step::Start, Answer::Accepted(Some("j-1".parse().unwrap())), S));
    assert!(course.may_be_stale(10 * S) && !course.may_be_stale(11 * S));
    assert!(course.job_said(Job::Started, S));
    assert!(!course.may_be_stale(2 * S), "the job says so");
}

#[test]
fn a_start_before_the_package_was_really_there_is_not_a_success() {
    let package: PackageId = "new".parse().unwrap();
    let goal = Goal::Deployed { package: &package, restart: false };
    // A stale response shows the package too early, and the old one is started.
    play(
        goal,
        vec![
            See("Stopped", "old", "Do(Transport)"),
            accepted(),
            See("Stopped", "new", "Do(Start)"),
            with_job(),
            See("Stopped", "old", "Wait"),
            J(Job::Started),
            See("Running", "new", "Do(Stop)"),
            accepted(),
            See("Stopped", "new", "Do(Start)"),
            with_job(),
            J(Job::Started),
            See("Running", "new", "Done"),
        ],
    );
    // The API contradicts the status, so the package may be stale, too.
    play(
        goal,
        vec![
            See("Stopped", "new", "Do(Start)"),
            A(Answer::Runs),
            See("Running", "new", "Wait"),
            Pass(9),
            See("Running", "old", "Wait"),
            Pass(1),
            See("Running", "new", "Do(Stop)"),
        ],
    );
    play(
        goal,
        vec![
            See("Stopped", "new", "Do(Start)"),
            A(Answer::Runs),
            See("Running", "new", "Wait"),
            Pass(10),
            See("Running", "new", "Done"),
        ],
    );
}

#[test]
fn a_start_that_was_accepted_is_not_forgotten_when_the_app_has_to_be_stopped_again() {
    let package: PackageId = "new".parse().unwrap();
    let seen = Seen { status: status_of("Stopped"), on_it: id("new") };
    for (answer, has_acted) in [(Answer::Accepted(Some("j-1".parse().unwrap())), true), (Answer::Runs, false)] {
        let mut course = Course::new(Goal::Deployed { package: &package, restart: true }, 10 * S);
        course.saw(&seen, S);
        assert_eq!(course.next(&seen, S), Next::Do(Step::Start));
        assert!(course.answered(Step::Start, answer, S));
        if has_acted {
            // The job says that the app ran already: another package may.
            assert!(course.job_said(Job::Runs, 2 * S));
        }
        assert_eq!(course.next(&seen, 2 * S), Next::Do(Step::Stop));
        assert_eq!((course.has_acted(), course.needs_restart(&seen, 2 * S)), (has_acted, true));
    }
}

#[test]
fn a_package_that_comes_and_goes_is_restarted_once_and_the_second_time_it_is_another_deployment() {
    let package: PackageId = "new".parse().unwrap();
    let (stop, transport, start) = ("Do(Stop)", "Do(Transport)", "Do(Start)");
    let first = vec![See("Stopped", "old", transport), accepted(), See("Stopped", "new", start), with_job()];
    // A response without a package is no news.
    let blip = vec![See("Stopped", "", "Wait"), See("Stopped", "new", "Wait")];
    let flap = vec![See("Stopped", "old", "Wait"), See("Running", "new", stop), accepted()];
    let again = vec![See("Stopped", "new", start), with_job(), See("Running", "old", "Wait")];
    let end = vec![See("Running", "new", r#"GiveWayTo(PackageId("old"))"#)];
    let script = [first, blip, flap, again, end].into_iter().flatten().collect();
    play(Goal::Deployed { package: &package, restart: false }, script);
}

#[test]
fn the_previous_package_is_remembered_if_a_response_lacks_it() {
    let package: PackageId = "new".parse().unwrap();
    let (stop, transport, start) = ("Do(Stop)", "Do(Transport)", "Do(Start)");
    let before = vec![See("Running", "old", stop), accepted(), See("Running", "", "Wait")];
    let after =
        vec![See("Stopped", "", transport), accepted(), See("Stopped", "old", "Wait"), See("Stopped", "new", start)];
    play(Goal::Deployed { package: &package, restart: false }, before.into_iter().chain(after).collect());
}

#[test]
fn an_environment_without_a_package_is_not_there_yet_and_nobody_elses() {
    let package: PackageId = "new".parse().unwrap();
    let script = vec![
        See("Stopped", "old", "Do(Transport)"),
        accepted(),
        See("Stopped", "", "Wait"),
        Pass(60),
        See("Stopped", "", "Wait"),
        See("Stopped", "new", "Do(Start)"),
        with_job(),
        See("Stopped", "", "Wait"),
        Pass(60),
        See("Stopped", "", "Wait"),
    ];
    play(Goal::Deployed { package: &package, restart: false }, script);
}
