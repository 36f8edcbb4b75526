//! `Environment`, and how it is read.

use serde_json::Value;

use crate::id::EnvironmentName;
use crate::json::Object;
use crate::status::EnvironmentStatus;

/// An environment of an app (Deploy API v1, "Retrieve Environments"). Text is the server's, sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Environment {
    /// Its name, by which other calls find it (`Mode`).
    pub name: EnvironmentName,
    /// Whether the app runs. `Other("")` if the API does not say.
    pub status: EnvironmentStatus,
    /// Where the app can be reached.
    pub url: Option<String>,
    /// The version of the app.
    pub model_version: Option<String>,
    /// The version of Mendix that it was made with.
    pub mendix_version: Option<String>,
    /// Whether it is a production environment. True unless the API says otherwise.
    pub production: bool,
}

impl Environment {
    /// An entry of a list. `None` without a usable name.
    pub(super) fn listed(object: &Object) -> Option<Environment> {
        Some(Environment::read(object, object.id("Mode")?))
    }

    /// The response to a request for this environment. `None` if it describes another one, or none.
    pub(super) fn asked_for(name: &EnvironmentName, object: &Object) -> Option<Environment> {
        let said: Option<EnvironmentName> = object.id("Mode");
        let is_that_one = said.as_ref().is_none_or(|said| said.is_same_as(name));
        let environment = Environment::read(object, said.unwrap_or_else(|| name.clone()));
        (is_that_one && !environment.status.as_str().is_empty()).then_some(environment)
    }

    fn read(object: &Object, name: EnvironmentName) -> Environment {
        let is_false = |value: Value| match value {
            Value::Bool(value) => !value,
            Value::String(text) => text.trim().eq_ignore_ascii_case("false"),
            _ => false,
        };
        Environment {
            name,
            status: EnvironmentStatus::of(object),
            url: object.text("Url"),
            model_version: object.text("ModelVersion"),
            mendix_version: object.text("MendixVersion"),
            production: !object.field("Production").is_some_and(is_false),
        }
    }
}
