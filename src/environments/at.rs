//! The environment that a call is about, and the requests that only read it.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::environment::Environment;
use crate::answer::{Asked, Verdicts, has_code};
use crate::call::{Call, JSON};
use crate::client::Client;
use crate::error::Result;
use crate::event::{DeployStep, Event};
use crate::http::Reply;
use crate::id::{AppId, EnvironmentName};
use crate::packages::Package;
use crate::status::EnvironmentStatus;
use crate::text;

/// The package is unknown, or there is none.
pub(super) const PACKAGE_NOT_FOUND: &str = "PACKAGE_NOT_FOUND";

#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) client: &'a Client,
    pub(crate) app: &'a AppId,
    pub(crate) environment: &'a EnvironmentName,
}

impl<'a> At<'a> {
    pub(crate) fn name(self) -> String {
        format!("environment {}", self.short_name())
    }

    /// Without the word "environment", where a message is clear without it.
    pub(super) fn short_name(self) -> String {
        format!("{} of app {}", self.environment, self.app)
    }

    pub(crate) fn notify(self, step: DeployStep, elapsed: Duration) {
        let (app, environment) = (self.app.clone(), self.environment.clone());
        self.client.notify(&Event::Deploying { app, environment, step, elapsed });
    }

    /// A GET about it: `rest` follows its path, and messages call the request `what`.
    pub(super) fn get(self, rest: &str, what: String) -> Call<'a> {
        let At { client, app, environment } = self;
        let rest = format!("/environments/{}{rest}", text::percent_encoded(environment.as_str()));
        let call = Call::v1(client, app, rest, what, "check the name of the environment".to_owned());
        Call { content_type: JSON, ..call }
    }

    /// A POST about it with this body.
    pub(super) fn post(self, rest: &str, what: String, body: String, verdicts: Verdicts) -> Call<'a> {
        let call = self.get(rest, what);
        let rights = "API and Transport Rights";
        let asked = Asked { rights, verdicts: Some(verdicts), ..call.asked };
        Call { post: Some(body), asked, ..call }
    }

    pub(crate) fn environment_call(self) -> Call<'a> {
        self.get("", format!("the request for {}", self.name()))
    }

    pub(super) fn read(self, reply: &Reply) -> Option<Environment> {
        Environment::asked_for(self.environment, &reply.json())
    }

    /// Polls its status once.
    pub(super) fn status(self) -> Result<(EnvironmentStatus, Option<Duration>)> {
        self.environment_call().once(|reply| Some((self.read(reply)?.status, reply.retry_after)))
    }

    pub(super) fn package_call(self) -> Call<'a> {
        self.get("/package", format!("the request for the package on {}", self.short_name()))
    }

    /// Outer `None`: unusable response. Inner `None`: no package is deployed.
    #[allow(clippy::option_option)]
    pub(super) fn read_package(reply: &Reply) -> Option<Option<Package>> {
        if matches!(reply.body.trim_ascii(), b"null" | b"{}") {
            return Some(None);
        }
        Package::listed(&reply.json()).map(Some)
    }

    /// Polls the package on it once.
    pub(crate) fn package(self) -> Result<Option<Package>> {
        none_if_unknown(self.package_call().once(At::read_package))
    }

    /// Whether a 2xx accepts a stop, transport or start. A body that is neither empty nor JSON is a gateway's.
    pub(super) fn accepted(reply: &Reply) -> Option<()> {
        let body = reply.body.trim_ascii();
        (body.is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok()).then_some(())
    }
}

/// Turns "there is no package" into a result.
pub(super) fn none_if_unknown(result: Result<Option<Package>>) -> Result<Option<Package>> {
    match result {
        Err(error) if has_code(&error, &[PACKAGE_NOT_FOUND]) => Ok(None),
        result => result,
    }
}
