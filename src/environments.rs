//! Deploy API v1: the environments of an app, and which package is on one.

mod environment;

use crate::answer::is_code;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::http::Reply;
use crate::id::{AppId, EnvironmentName};
use crate::json::{self, Object};
use crate::packages::{self, Package};
use crate::text;

pub use environment::Environment;

/// Lists the environments of an app, as the API orders them (Deploy API v1, "Retrieve Environments"). An entry without a
/// usable name is left out.
///
/// Makes one request and retries transient errors as configured by [`Retry`](crate::Retry). Each attempt blocks for at
/// most twice the connect timeout plus the response timeout (60 s by default). The user needs API Rights.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `Connect`, `Rejected` (such as 401, 403 or 404), or `NoAnswer` without a usable
/// response.
///
/// ```no_run
/// let client = mendix_deploy::Client::from_env()?;
/// for environment in mendix_deploy::list_environments(&client, &"calc".parse()?)? {
///     println!("{} {}", environment.name, environment.status);
/// }
/// # Ok::<(), mendix_deploy::Error>(())
/// ```
pub fn list_environments(client: &Client, app: &AppId) -> Result<Vec<Environment>> {
    list_call(client, app).with_retry(|reply| read_list(client, reply))
}

/// Returns an environment (Deploy API v1, "Retrieve Environment"). Blocks as [`list_environments`] does.
///
/// # Errors
/// Those of [`list_environments`]. If there is no environment of that name, the error lists those that there are.
pub fn environment(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<Environment> {
    let at = At { client, app, environment };
    at.environment_call().with_retry(|reply| at.read(reply)).map_err(|error| at.listing_names(error))
}

/// Returns the package that is on an environment (Deploy API v1, "Retrieve Environment Package"); `None` if none was ever
/// transported there. If one was transported while the app ran, it may still run the one before. Blocks as
/// [`list_environments`] does.
///
/// # Errors
/// Those of [`environment`].
pub fn environment_package(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<Option<Package>> {
    let at = At { client, app, environment };
    none_if_unknown(at.package_call().with_retry(|reply| at.read_package(reply)))
        .map_err(|error| at.listing_names(error))
}

fn list_call<'a>(client: &'a Client, app: &AppId) -> Call<'a> {
    let what = format!("the request for the environments of app {app}");
    let call = Call::get(client, format!("/api/1/apps/{app}/environments"), what, packages::not_found(app));
    Call { content_type: Some("application/json"), ..call }
}

fn read_list(client: &Client, reply: &Reply) -> Option<Vec<Environment>> {
    let secrets = client.endpoint.secrets();
    Some(json::objects(&reply.body)?.iter().filter_map(|object| Environment::listed(object, &secrets)).collect())
}

/// An environment that calls are about.
#[derive(Clone, Copy)]
struct At<'a> {
    client: &'a Client,
    app: &'a AppId,
    environment: &'a EnvironmentName,
}

impl<'a> At<'a> {
    fn name(self) -> String {
        format!("environment {} of app {}", self.environment, self.app)
    }

    /// A GET about it. `of` is what is wanted of it, such as "the package on ", and `rest` what follows its path.
    fn call(self, of: &str, rest: &str) -> Call<'a> {
        let At { client, app, environment } = self;
        let path = format!("/api/1/apps/{app}/environments/{}{rest}", text::percent_encoded(environment.as_str()));
        let not_found = format!("check the name of the environment; {}", packages::not_found(app));
        let call = Call::get(client, path, format!("the request for {of}{}", self.name()), not_found);
        Call { content_type: Some("application/json"), rights: "API Rights for this environment", ..call }
    }

    fn environment_call(self) -> Call<'a> {
        self.call("", "")
    }

    fn read(self, reply: &Reply) -> Option<Environment> {
        Environment::asked_for(self.environment, &Object::of(&reply.body), &self.client.endpoint.secrets())
    }

    fn package_call(self) -> Call<'a> {
        self.call("the package on ", "/package")
    }

    /// `None` if it is no answer, `Some(None)` if the answer is that there is none.
    #[allow(clippy::option_option)]
    fn read_package(self, reply: &Reply) -> Option<Option<Package>> {
        if matches!(reply.body.trim_ascii(), b"null" | b"{}") {
            return Some(None);
        }
        Package::listed(&Object::of(&reply.body), &self.client.endpoint.secrets()).map(Some)
    }

    /// An error that may be due to the name says which names there are.
    fn listing_names(self, error: Error) -> Error {
        let At { client, app, environment } = self;
        if !matches!(error.status(), Some(400 | 404)) {
            return error;
        }
        let Ok(list) = list_call(client, app).once(|reply| read_list(client, reply)) else { return error };
        let names: Vec<_> = list.iter().map(|listed| listed.name.as_str()).collect();
        match &names[..] {
            [] => error.with_note(&format!("; no environment of app {app} is listed for this user")),
            names if names.contains(&environment.as_str()) => error,
            names => error.with_note(&format!("; the environments of app {app} are: {}", names.join(", "))),
        }
    }
}

/// That there is no package is no error.
fn none_if_unknown(result: Result<Option<Package>>) -> Result<Option<Package>> {
    match result {
        Err(error) if error.code().is_some_and(|code| is_code(code, "PACKAGE_NOT_FOUND")) => Ok(None),
        result => result,
    }
}
