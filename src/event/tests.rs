//! The lines of events.

use super::*;

const ID: &str = "66046953-ecf7-4550-a889-4b7e9f1e1705";

fn uploading(sent: u64, total: u64) -> Event {
    let (app, response_timeout) = ("calc".parse().unwrap(), Duration::from_secs(300));
    Event::Uploading { app, file: "dir/x.mda".into(), sent, total, response_timeout, routine: false }
}

#[test]
fn every_event_is_one_readable_line() {
    let app = || "calc".parse::<AppId>().unwrap();
    let job_id = |id: &str| id.parse::<JobId>().unwrap();
    let package_id: PackageId = "p-1".parse().unwrap();
    let s = Duration::from_secs;
    let polled = |subject, status: &str, elapsed, next_poll| {
        let (app, status) = (app(), status.to_owned());
        Event::Polled { app, subject, status, elapsed, next_poll, routine: false }
    };
    let job = |id: &str| Subject::Job(job_id(id));
    let reason = || "the request failed: the server answered 502".to_owned();
    let file = || "x\ny.mda".into();
    let (outage, next_poll, routine) = (s(14), s(1), true);
    for (event, line) in [
        (uploading(0, 1536), r#"uploading "dir/x.mda" to app calc: 0 bytes of 1.5 KiB (0 %)"#),
        (uploading(1536, 1 << 30), r#"uploading "dir/x.mda" to app calc: 1.5 KiB of 1.0 GiB (0 %)"#),
        (
            uploading(u64::MAX - 1, u64::MAX),
            r#"uploading "dir/x.mda" to app calc: 17179869184.0 GiB of 17179869184.0 GiB (99 %)"#,
        ),
        (
            uploading(3 << 19, 3 << 19),
            r#"uploading "dir/x.mda" to app calc: all 1.5 MiB sent, awaiting the response for up to 5 min"#,
        ),
        (
            Event::Accepted { app: app(), file: file(), package_id, job_id: job_id(ID), elapsed: s(65) },
            &format!(r#"app calc accepted "x\ny.mda" after 65 s: package p-1, job {ID}"#),
        ),
        (
            Event::Existing { app: app(), file: file(), package_id: "p-1".parse().unwrap(), name: "x_1.mda".into() },
            r#"app calc has "x_1.mda" already, as package p-1, so "x\ny.mda" is not uploaded"#,
        ),
        (
            Event::Searching { app: app(), sought: r#""x.mda""#.into(), timeout: s(1800), reason: reason() },
            r#"app calc, searching for "x.mda" for up to 30 min: the request failed: the server answered 502"#,
        ),
        (
            polled(job(ID), "Running", s(65), Some(s(13) / 2)),
            "app calc, job 66046953…: Running after 65 s, next poll in 6.5 s",
        ),
        (polled(job("j-1"), "Completed", s(125), None), "app calc, job j-1: Completed after 2 min 5 s"),
        (
            polled(Subject::Package(ID.parse().unwrap()), "Succeeded", s(14), None),
            "app calc, package 66046953…: ready to be deployed after 14 s",
        ),
        (
            polled(Subject::Upload(r#""x.mda""#.into()), "not listed", s(14), Some(s(1))),
            r#"app calc, searching for "x.mda": not listed after 14 s, next poll in 1.0 s"#,
        ),
        (
            polled(Subject::Environment("Acceptance".parse().unwrap()), "Running", s(14), Some(s(1))),
            "app calc, environment Acceptance: Running after 14 s, next poll in 1.0 s",
        ),
        (
            Event::PollFailed { app: app(), subject: job(ID), outage, next_poll, reason: reason(), routine },
            "app calc, job 66046953…: no status for 14 s, next poll in 1.0 s: the request failed: the server \
             answered 502",
        ),
        (
            Event::Done { app: app(), environment: None, package_id: ID.parse().unwrap(), elapsed: s(14) },
            "app calc: done in 14 s, package 66046953… is ready to be deployed",
        ),
        (
            Event::Done {
                app: app(),
                environment: Some("Acceptance".parse().unwrap()),
                package_id: ID.parse().unwrap(),
                elapsed: s(251),
            },
            "app calc, environment Acceptance: done in 4 min 11 s, runs package 66046953…",
        ),
        (
            Event::Retrying { app: app(), file: None, attempt: 1, of: 3, wait: s(1), reason: reason() },
            "attempt 1 of 3 failed, next one in 1.0 s: the request failed: the server answered 502",
        ),
    ] {
        assert_eq!(event.to_string(), line);
    }
}

#[test]
fn every_step_of_a_deployment_is_one_readable_line() {
    let (package, job, elapsed): (PackageId, JobId, _) =
        (ID.parse().unwrap(), ID.parse().unwrap(), Duration::from_secs(34));
    let previous = Some("p-1".parse().unwrap());
    for (step, line) in [
        (
            DeployStep::Begun { package: package.clone(), previous },
            format!(
                "deploying package {ID} in place of package p-1; if interrupted, call deploy_package again with the same package"
            ),
        ),
        (
            DeployStep::Begun { package: package.clone(), previous: None },
            format!("deploying package {ID}; if interrupted, call deploy_package again with the same package"),
        ),
        (DeployStep::AlreadyRuns { package: package.clone() }, format!("already runs package {ID}, nothing to do")),
        (DeployStep::StopRequested, "stop requested after 34 s".into()),
        (DeployStep::Stopped, "stopped after 34 s".into()),
        (DeployStep::Transported { package }, "transported package 66046953… after 34 s".into()),
        (DeployStep::StartRequested { job: Some(job) }, format!("start requested as job {ID} after 34 s")),
        (DeployStep::StartRequested { job: None }, "start requested after 34 s".into()),
        (DeployStep::Started, "started after 34 s".into()),
        (
            DeployStep::Unanswered { reason: "the request to stop it failed: the server answered 502".into() },
            "checking whether it took effect: the request to stop it failed: the server answered 502".into(),
        ),
    ] {
        let (app, environment) = ("calc".parse().unwrap(), "Acceptance".parse().unwrap());
        let event = Event::Deploying { app, environment, step, elapsed };
        assert_eq!(event.to_string(), format!("app calc, environment Acceptance: {line}"));
        assert!(!event.is_routine());
    }
}
