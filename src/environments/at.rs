//! An environment that calls are about, and the requests that only read.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::environment::Environment;
use crate::answer::{Asked, Verdicts};
use crate::call::{Call, JSON};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::event::{DeployStep, Event};
use crate::http::Reply;
use crate::id::{AppId, EnvironmentName};
use crate::packages::{self, Package};
use crate::status::EnvironmentStatus;
use crate::text;

/// A package that nobody knows, or none.
const PACKAGE_NOT_FOUND: &str = "PACKAGE_NOT_FOUND";
/// Codes of a 400 or 404 that have nothing to do with the name of the environment.
const NOT_ABOUT_THE_NAME: [&str; 2] = [PACKAGE_NOT_FOUND, "INVALID_RUNTIME_VERSION"];

/// How much is shown of a list of names, in characters.
const NAMES_MAX: usize = 2000;

pub(super) fn list_call<'a>(client: &'a Client, app: &AppId) -> Call<'a> {
    let what = format!("the request for the environments of app {app}");
    let call = Call::v1(client, &format!("{app}/environments"), what, packages::not_found(app));
    Call { content_type: JSON, ..call }
}

pub(super) fn read_list(reply: &Reply) -> Option<Vec<Environment>> {
    Some(reply.list()?.iter().filter_map(Environment::listed).collect())
}

#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) client: &'a Client,
    pub(crate) app: &'a AppId,
    pub(crate) environment: &'a EnvironmentName,
}

impl<'a> At<'a> {
    pub(crate) fn name(self) -> String {
        format!("environment {} of app {}", self.environment, self.app)
    }

    pub(crate) fn notify(self, step: DeployStep, elapsed: Duration) {
        let (app, environment) = (self.app.clone(), self.environment.clone());
        self.client.notify(&Event::Deploying { app, environment, step, elapsed });
    }

    /// A GET about it: `rest` follows its path, and `of` says what of it is wanted, such as "the package on ".
    pub(super) fn get(self, rest: &str, of: &str) -> Call<'a> {
        let At { client, app, environment } = self;
        let path = format!("{app}/environments/{}{rest}", text::percent_encoded(environment.as_str()));
        let not_found = "check the name of the environment".to_owned();
        let call = Call::v1(client, &path, format!("the request for {of}{}", self.name()), not_found);
        let asked = Asked { rights: "API Rights for this environment", ..call.asked };
        Call { content_type: JSON, asked, ..call }
    }

    /// A POST about it with this body. `to` says what is asked for, such as "stop ".
    pub(super) fn post(self, rest: &str, body: String, to: &str, verdicts: Verdicts) -> Call<'a> {
        let call = self.get(rest, "");
        let asked = Asked {
            what: format!("the request to {to}{}", self.name()),
            rights: "API Rights and Transport Rights for this environment",
            verdicts: Some(verdicts),
            ..call.asked
        };
        Call { post: Some(body), asked, ..call }
    }

    pub(super) fn environment_call(self) -> Call<'a> {
        self.get("", "")
    }

    pub(super) fn read(self, reply: &Reply) -> Option<Environment> {
        Environment::asked_for(self.environment, &reply.json())
    }

    /// One look at its status.
    pub(super) fn status(self) -> Result<(EnvironmentStatus, Option<Duration>)> {
        self.environment_call().once(|reply| Some((self.read(reply)?.status, reply.retry_after)))
    }

    pub(super) fn package_call(self) -> Call<'a> {
        self.get("/package", "the package on ")
    }

    /// `None` if it is no answer, `Some(None)` if the answer is that there is none.
    #[allow(clippy::option_option)]
    pub(super) fn read_package(reply: &Reply) -> Option<Option<Package>> {
        if matches!(reply.body.trim_ascii(), b"null" | b"{}") {
            return Some(None);
        }
        Package::listed(&reply.json()).map(Some)
    }

    /// What accepts a stop, a transport or a start. A body that is neither empty nor JSON is a gateway's, and proves nothing.
    pub(super) fn accepted(reply: &Reply) -> Option<()> {
        let body = reply.body.trim_ascii();
        (body.is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok()).then_some(())
    }

    /// One look at the package on it.
    pub(super) fn package(self) -> Result<Option<Package>> {
        none_if_unknown(self.package_call().once(At::read_package))
    }

    /// An error that may be due to the name says which names there are.
    pub(crate) fn listing_names(self, error: Error) -> Error {
        let At { client, app, environment } = self;
        let is_about_another = NOT_ABOUT_THE_NAME.iter().any(|code| error.has_code(code));
        if !matches!(error.status(), Some(400 | 404)) || is_about_another {
            return error;
        }
        let Ok(list) = list_call(client, app).once(read_list) else {
            return error.with_note(&format!("; or {}", packages::not_found(app)));
        };
        if list.iter().any(|listed| listed.name.is_same_as(environment)) {
            return error;
        }
        let names: Vec<_> = list.iter().map(|listed| listed.name.as_str()).collect();
        let names = text::cut(names.join(", "), NAMES_MAX);
        error.with_note(&match names.as_str() {
            "" => format!("; no environment of app {app} is listed for this user"),
            names => format!("; the environments of app {app} are: {names}"),
        })
    }
}

/// That there is no package is no error.
pub(super) fn none_if_unknown(result: Result<Option<Package>>) -> Result<Option<Package>> {
    match result {
        Err(error) if error.has_code(PACKAGE_NOT_FOUND) => Ok(None),
        result => result,
    }
}
