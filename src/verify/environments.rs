//! Verifies by reading the environments of an app.

use serde_json::Value;

use super::findings::{Findings, brief, word, words};
use super::granted::Granted;
use crate::client::Client;
use crate::environments::{self, At};
use crate::error::Result;
use crate::http::Reply;
use crate::id::{AppId, EnvironmentName};
use crate::json::Object;
use crate::status::EnvironmentStatus;

/// At most this many are read one by one.
const MOST: usize = 20;
/// Names that are documented as not for production.
const NOT_FOR_PRODUCTION: [&str; 2] = ["Test", "Acceptance"];

struct Entry {
    /// `None` without a usable one.
    name: Option<EnvironmentName>,
    /// As the API sent it.
    mode: Option<String>,
    status: EnvironmentStatus,
    /// As the API sent it, sanitized.
    said: String,
    production: Option<Value>,
}

impl Entry {
    fn of(object: &Object) -> Entry {
        let (name, mode) = (object.id("Mode"), object.field("Mode"));
        let mode = mode.as_ref().and_then(Value::as_str).map(str::to_owned);
        let (status, said) = (EnvironmentStatus::of(object), object.text("Status").unwrap_or_default());
        Entry { name, mode, status, said, production: object.field("Production") }
    }

    /// `None` if the API does not say.
    fn is_for_production(&self) -> Option<bool> {
        match self.production.as_ref()? {
            Value::Bool(value) => Some(*value),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }
}

/// Reads all environments, or only the wanted one, and records the findings. Fails if there is none of that name.
pub(super) fn read(
    client: &Client,
    app: &AppId,
    wanted: Option<&EnvironmentName>,
    findings: &mut Findings,
) -> Result<()> {
    let read = |reply: &Reply| reply.list(|object| Some(Entry::of(object)));
    let listed = match environments::list_call(client, app).with_retry(read) {
        Ok(listed) => listed,
        Err(error) if matches!(error.status(), Some(200..=299)) => {
            findings.differs(Granted::Paths, format!("the list: {}, which is not an array of objects", brief(&error)));
            return Ok(());
        }
        Err(error) => {
            findings.failed(Granted::Paths, "the list: ", &error);
            return Ok(());
        }
    };
    let all = listed.len();
    findings.holds(Granted::Paths, format!("the list answered, of {all}"));
    let nameless = listed.iter().filter(|entry| entry.name.is_none()).count();
    if nameless > 0 {
        findings.differs(Granted::Mode, format!("{nameless} of {all} have no `Mode` that is a name"));
    }
    note(&listed, findings);
    let mut names: Vec<_> = listed.iter().filter_map(|entry| entry.name.as_ref()).collect();
    if let Some(wanted) = wanted {
        if !names.contains(&wanted) {
            // Its error lists the names that exist.
            environments::environment(client, app, wanted)?;
        }
        names = vec![wanted];
    }
    for name in names.into_iter().take(MOST) {
        read_one(At { client, app, environment: name }, findings);
    }
    Ok(())
}

fn note(listed: &[Entry], findings: &mut Findings) {
    if listed.is_empty() {
        return;
    }
    let all = listed.len();
    let bools = listed.iter().filter(|entry| matches!(entry.production, Some(Value::Bool(_)))).count();
    let odd = listed.iter().filter(|entry| entry.is_for_production().is_none()).count();
    let is_known = |entry: &&Entry| NOT_FOR_PRODUCTION.iter().any(|name| entry.mode.as_deref() == Some(name));
    let wrong = listed.iter().filter(is_known).filter(|entry| entry.is_for_production() == Some(true)).count();
    let seen = match (odd, wrong) {
        (0, 0) if bools == all => "booleans".to_owned(),
        (0, 0) => format!("booleans: {bools}, strings: {}", all - bools),
        (0, _) => "a test or acceptance environment counts as production".to_owned(),
        _ => format!("{odd} of {all} are neither"),
    };
    findings.is(Granted::Production, odd == 0 && wrong == 0, seen);
    let is_known = |entry: &Entry| !matches!(entry.status, EnvironmentStatus::Other(_));
    let said = words(listed.iter().map(|entry| entry.said.as_str()));
    findings.is(Granted::Statuses, listed.iter().all(is_known), said);
}

fn read_one(at: At, findings: &mut Findings) {
    // Once: there may be many, and each may take a minute.
    let environment = at.environment_call().once(|reply| Some(Entry::of(&reply.json())));
    match environment {
        Ok(found) if found.mode.as_deref() == Some(at.environment.as_str()) => {
            findings.holds(Granted::Mode, format!("{} answered", shown(at.environment)));
            if matches!(found.status, EnvironmentStatus::Other(_)) {
                findings.differs(Granted::Statuses, word(&found.said));
            }
        }
        Ok(_) => findings.differs(Granted::Mode, format!("{} answered as another one", shown(at.environment))),
        Err(error) => findings.failed(Granted::Mode, &format!("{}: ", shown(at.environment)), &error),
    }
    if let Err(error) = at.package() {
        findings.failed(Granted::Paths, &format!("the package on {}: ", shown(at.environment)), &error);
    }
}

/// Its name, if that is one that any app may have.
fn shown(name: &EnvironmentName) -> &str {
    let common = ["Test", "Acceptance", "Production", "Sandbox"];
    common.into_iter().find(|common| *common == name.as_str()).unwrap_or("one with another name")
}
