//! Verifies by a deployment: the statuses during stop, transport and start.

use std::sync::{Arc, Mutex, PoisonError};

use super::findings::{Findings, brief, words};
use super::granted::Granted;
use crate::answer::has_code;
use crate::client::Client;
use crate::deploy::{Deploy, Deployed, deploy_package};
use crate::environments::{self, At, Start, start_environment};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{DeployStep, Event, Subject};
use crate::id::PackageId;
use crate::units::Seconds;

/// Records the events of a client, and passes them on.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<Event>>>);

impl Recorded {
    fn of(&self, client: &Client) -> Client {
        let (recorded, observed) = (self.clone(), client.clone());
        client.clone().on_event(move |event| {
            recorded.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
            observed.notify(event);
        })
    }

    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Deploys the package and records the findings.
pub(super) fn watch(at: At, package: &PackageId, deploy: &Deploy, findings: &mut Findings) -> Result<Deployed> {
    let At { client, app, environment } = at;
    let recorded = Recorded::default();
    let deployed = deploy_package(&recorded.of(client), app, environment, package, deploy);
    note(&recorded.events(), deployed.as_ref().err(), findings);
    // The same call would upload and deploy another one.
    let deployed = deployed.map_err(|error| error.with_transient(false))?;
    // Its last request read the package on the environment.
    findings.holds(Granted::TransportId, "accepted, and on the environment at the end");
    findings.holds(Granted::Ends, "the one that was uploaded was deployed");
    Ok(deployed)
}

fn note(events: &[Event], error: Option<&Error>, findings: &mut Findings) {
    let steps: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Deploying { step, elapsed, .. } => Some((step, *elapsed)),
            _ => None,
        })
        .collect();
    let polled: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Polled { subject: Subject::Environment(_), status, .. } => Some(status.as_str()),
            _ => None,
        })
        .collect();
    let at = |wanted: fn(&DeployStep) -> bool| steps.iter().position(|(step, _)| wanted(step));
    let after = |from: Option<usize>, to: Option<usize>| {
        let (_, from) = steps.get(from?)?;
        let (_, to) = steps.get(to?)?;
        Some(Seconds(to.saturating_sub(*from)))
    };
    let (stop, stopped) = (at(|step| *step == DeployStep::StopRequested), at(|step| *step == DeployStep::Stopped));
    let transported = at(|step| matches!(step, DeployStep::Transported { .. }));
    let start = at(|step| matches!(step, DeployStep::StartRequested { .. }));
    let started = at(|step| *step == DeployStep::Started);
    if let Some(time) = after(stop, stopped) {
        findings.holds(Granted::StopAnswers, format!("stopped {time} after the response"));
    }
    if transported.is_some() && transported < start {
        findings.holds(Granted::OnIt, "the new one, before the start was requested");
    }
    if let Some(time) = after(start, started) {
        let seen = format!("started {time} after the response; polled: {}", words(polled));
        findings.says_nothing(Granted::StartJob, seen);
    }
    let has_timed_out = error.is_some_and(|error| error.kind() == ErrorKind::StillRunning);
    if has_timed_out && stopped.is_some() && transported.is_none() {
        findings.differs(Granted::OnIt, "the new one was not shown after the transport");
    }
    let lost = steps.iter().filter(|(step, _)| matches!(step, DeployStep::Unanswered { .. })).count();
    match (lost, started) {
        (0, Some(_)) => {
            let stop = if stop.is_some() { "the stop, " } else { "" };
            findings.holds(Granted::Accepted, format!("{stop}the transport and the start took effect"));
            findings.holds(Granted::Paths, "what was requested took effect");
        }
        (0, None) => {}
        _ => findings.differs(Granted::Accepted, format!("{lost} requests had no usable response")),
    }
    let Some(error) = error else { return };
    match error.kind() {
        ErrorKind::StartFailed => findings.is(Granted::FailedStart, error.status() == Some(500), brief(error)),
        ErrorKind::Rejected if has_code(error, &["PACKAGE_NOT_FOUND"]) => {
            findings.differs(Granted::TransportId, brief(error));
        }
        // It was `Succeeded`.
        ErrorKind::Rejected if error.needs_another_package() => findings.differs(Granted::Ends, brief(error)),
        _ => findings.says_nothing(Granted::Accepted, brief(error)),
    }
}

/// Requests a start of the running app. Fails if the app is not seen running afterwards.
pub(super) fn start_again(at: At, package: &PackageId, findings: &mut Findings) -> Result<()> {
    let At { client, app, environment } = at;
    match environments::request_start(at, &Start::default()) {
        Ok(Some(_)) => findings.differs(Granted::StartRunning, "it was accepted as a start, with a job"),
        Ok(None) => findings.differs(Granted::StartRunning, "it was accepted as a start"),
        Err(error) if has_code(&error, &["ALREADY_STARTED"]) => {
            findings.holds(Granted::StartRunning, format!("HTTP {}", error.status().unwrap_or_default()));
        }
        Err(error) => findings.failed(Granted::StartRunning, "", &error),
    }
    // Whatever that did, the app must run at the end.
    let result = start_environment(client, app, environment, &Start::default());
    if at.package().is_ok_and(|on_it| on_it.is_none_or(|on_it| on_it.package_id != *package)) {
        findings.differs(Granted::OnIt, "another one at the end");
    }
    result.map_err(|error| error.with_package(package).with_transient(false))
}
