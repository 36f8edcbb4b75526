//! The environments and packages of an app as JSON. Fields are spelled as the API spells them.

use std::time::{SystemTime, UNIX_EPOCH};

use mendix_deploy::{
    AppId, Client, Environment, Error, Package, Result, environment_package, list_environments, list_packages,
};
use serde_json::{Map, Value, json};

use super::words;

/// The environments of an app, each with the package on it, and the packages; or why the packages could not be listed.
pub(crate) fn of(client: &Client, app: &AppId) -> Result<(Value, Option<Error>)> {
    let environments: Vec<_> =
        list_environments(client, app)?.iter().map(|found| with_package(client, app, found)).collect();
    let (packages, error) = match list_packages(client, app) {
        Ok(packages) => (Some(packages.iter().map(of_package).collect::<Vec<_>>()), None),
        Err(error) => (None, Some(error)),
    };
    Ok((json!({ "AppId": app, "Environments": environments, "Packages": packages }), error))
}

fn with_package(client: &Client, app: &AppId, found: &Environment) -> Value {
    let mut fields = of_environment(found);
    // Rights are per environment, so show the others even if one cannot be read.
    let (name, value) = match environment_package(client, app, &found.name) {
        Ok(package) => ("Package", json!(package.as_ref().map(of_package))),
        Err(error) => ("Error", json!(words::of_the_command(&error.to_string()))),
    };
    fields.insert(name.to_owned(), value);
    fields.into()
}

pub(crate) fn of_environment(found: &Environment) -> Map<String, Value> {
    let fields = [
        ("Environment", json!(found.name)),
        ("Status", json!(found.status)),
        ("Url", json!(found.url)),
        ("ModelVersion", json!(found.model_version)),
        ("MendixVersion", json!(found.mendix_version)),
        ("Production", json!(found.production)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn of_package(package: &Package) -> Value {
    json!({
        "PackageId": package.package_id,
        "Name": package.name,
        "Status": package.status,
        "CreationDate": package.created.and_then(milliseconds),
        "Size": package.size,
        "Version": package.version,
        "Description": package.description,
        "Creator": package.creator,
    })
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
