//! The environments of an app, and the error for a name that none of them has.

use super::at::{At, PACKAGE_NOT_FOUND};
use super::environment::Environment;
use crate::answer::has_code;
use crate::call::{Call, JSON};
use crate::client::Client;
use crate::error::{Error, SaidBy};
use crate::http::Reply;
use crate::id::AppId;
use crate::packages;
use crate::text;

/// Codes of a 400 or 404 that are not about the name of the environment.
const NOT_ABOUT_THE_NAME: [&str; 2] = [PACKAGE_NOT_FOUND, "INVALID_RUNTIME_VERSION"];
/// How much of a list of names is shown, in characters.
const NAMES_MAX: usize = 2000;

pub(crate) fn call<'a>(client: &'a Client, app: &'a AppId) -> Call<'a> {
    let what = format!("the request for the environments of app {app}");
    let call = Call::v1(client, app, "/environments".to_owned(), what, packages::not_found(app));
    Call { content_type: JSON, ..call }
}

pub(super) fn read(reply: &Reply) -> Option<Vec<Environment>> {
    reply.list(Environment::listed)
}

/// If the name of the environment may be wrong, the error lists the names that exist.
pub(super) fn with_names(at: At, error: Error) -> Error {
    let At { client, app, environment } = at;
    let is_refusal = matches!(error.status(), Some(400 | 404)) && !error.is_transient();
    if !is_refusal || has_code(&error, &NOT_ABOUT_THE_NAME) {
        return error;
    }
    let Ok(list) = call(client, app).once(read) else {
        // A 404 already has a hint unless it is a gateway's, and a 400 is the API's own.
        let has_hint = error.status() == Some(404) && error.said_by() != SaidBy::Others;
        return if has_hint { error.with_note(&format!("; or {}", packages::not_found(app))) } else { error };
    };
    if list.iter().any(|listed| listed.name == *environment) {
        return error;
    }
    // Names are case-sensitive.
    if let Some(similar) = list.iter().find(|listed| listed.name.is_same_as(environment)) {
        return error.with_note(&format!("; is it {}?", similar.name));
    }
    let names: Vec<_> = list.iter().map(|listed| listed.name.as_str()).collect();
    let names = text::cut(names.join(", "), NAMES_MAX);
    error.with_note(&match names.as_str() {
        "" => format!("; no environment of app {app} is listed for this user"),
        names => format!("; the environments of app {app} are: {names}"),
    })
}
