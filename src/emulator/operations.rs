//! Validates and carries out the calls about environments.

use std::io::{BufRead, Read};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::codes;
use super::fault::Fault;
use super::incoming::{Request, Stop, check_end, refused};
use super::route::About;
use super::state::{State, lock, uuid};
use super::store::without;
use crate::id::{AppId, JobId, PackageId};

/// Longer than any body of these calls.
const MAX_BODY: u64 = 4 << 10;

/// Handles a request about an environment.
pub(super) fn answer(
    request: &mut Request<impl BufRead>,
    (app, mode): (&AppId, &str),
    about: About,
    fault: Option<Fault>,
    state: &Mutex<State>,
) -> Result<Value, Stop> {
    if request.only("Content-Type") != Some("application/json") {
        return Err(refused(400, "the Content-Type must be application/json"));
    }
    if request.content_length().is_some_and(|length| length > MAX_BODY) {
        return Err(refused(413, "no call about an environment has such a long body"));
    }
    let (mut body, mut text) = (request.body()?, Vec::new());
    body.read_to_end(&mut text)?;
    check_end(&body)?;
    let takes_json = matches!(about, About::Transport | About::Start);
    if text.is_empty() == takes_json {
        return Err(codes::INVALID_PARAMETERS.into());
    }
    // The service validates the body since March 2021.
    let sent: Value =
        if takes_json { serde_json::from_slice(&text).map_err(|_| codes::INVALID_PARAMETERS)? } else { Value::Null };
    let mut state = lock(state);
    let state = &mut *state;
    let found = state.environment(app, mode).ok_or(codes::ENVIRONMENT_NOT_FOUND)?;
    let mode = found.mode;
    let new_job = || uuid().parse::<JobId>();
    for (requests, deed) in std::mem::take(&mut state.meanwhile) {
        if let Some(left) = requests.checked_sub(1) {
            state.meanwhile.push((left, deed));
        } else if let Some(found) = state.environment(app, mode) {
            let said = found.meanwhile(new_job()?, deed);
            state.steps.push(said);
        }
    }
    let allows_running = state.transports_while_running;
    let found = state.environment(app, mode).ok_or(codes::ENVIRONMENT_NOT_FOUND)?;
    if let Some(Fault::Code(code)) = fault {
        // Otherwise, the start will end with it.
        if !matches!(about, About::Start) || !codes::is_of_a_start_job(code) {
            return Err(codes::documented(code).into());
        }
    }
    match about {
        About::Itself => {
            let shown = found.shown();
            Ok(without(&state.omitted, shown))
        }
        About::Package => {
            let package = found.package().and_then(|package| state.package(app, &package));
            Ok(package.ok_or(codes::NO_PACKAGE_ON_IT)?)
        }
        About::Stop => {
            found.stop(fault);
            state.steps.push(format!("stop {mode}"));
            Ok(json!({}))
        }
        About::Transport => {
            let package = only_field(&sent, "PackageId").and_then(|value| value.as_str()?.parse::<PackageId>().ok());
            let package = package.ok_or(codes::INVALID_PARAMETERS)?;
            state.check_ready(app, &package)?;
            let found = state.environment(app, mode).ok_or(codes::ENVIRONMENT_NOT_FOUND)?;
            found.transport(package.clone(), !allows_running, fault)?;
            state.steps.push(format!("transport {package} to {mode}"));
            Ok(json!({}))
        }
        About::Start => {
            only_field(&sent, "AutoSyncDb").and_then(Value::as_bool).ok_or(codes::INVALID_PARAMETERS)?;
            let job = new_job()?;
            found.start(job.clone(), fault)?;
            state.steps.push(format!("start {mode}"));
            Ok(json!({ "JobId": job }))
        }
        About::StartJob(job) => {
            let status = found.start_status(&job)?;
            Ok(json!({ "Status": status }))
        }
    }
}

/// The value of this field, if the object has it and no other.
fn only_field<'a>(sent: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = sent.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(name)
}
