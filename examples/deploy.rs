//! Brings a package from disk to a running environment of Mendix Cloud: uploads it, waits until it can be deployed, stops the
//! app, transports the package, and starts the app. **The app is down in between.**
//!
//! ```sh
//! export MENDIX_USERNAME=richard.ford51@example.com MENDIX_API_KEY=…
//! cargo run --example deploy -- APP_ID ENVIRONMENT FILE
//! ```
//!
//! With `--package PACKAGE_ID` in place of the file, it deploys what was uploaded before; so it goes on after an error or an
//! interruption, from wherever the environment stands, and so it goes back. `--production` allows a production
//! environment; `--restart` stops and starts the app even if it runs.
//!
//! Progress goes to stderr, one line of JSON to stdout. The exit status is 0 only if the app runs.

mod progress;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::bail;
use mendix_deploy::{AppId, Client, Deploy, EnvironmentName, Error, ErrorKind, Event, PackageId, Upload};
use mendix_deploy::{deploy_package, environment, upload_and_wait};
use progress::Progress;

const USAGE: &str = "usage: deploy [--production] [--restart] APP_ID ENVIRONMENT (FILE | --package PACKAGE_ID)";

fn main() -> ExitCode {
    progress::exit_code(run())
}

fn run() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (flags, args): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|arg| matches!(*arg, "--production" | "--restart"));
    let [production, restart] = ["--production", "--restart"].map(|flag| flags.contains(&flag));
    let task = |app: &str, name: &str| Task::new(app.parse()?, name.parse()?, production, restart);
    match args[..] {
        [app, environment, "--package", package] => {
            task(app, environment)?.finish(|task| task.deploy(&package.parse()?))
        }
        [app, environment, file] => task(app, environment)?.finish(|task| task.deploy(&task.upload(file)?)),
        _ => bail!(USAGE),
    }
}

/// What is to be done.
#[derive(Clone)]
struct Task {
    client: Client,
    app: AppId,
    name: EnvironmentName,
    production: bool,
    restart: bool,
    progress: Progress,
}

impl Task {
    fn new(app: AppId, name: EnvironmentName, production: bool, restart: bool) -> anyhow::Result<Task> {
        let client = Client::from_env()?;
        let mut task = Task { client: client.clone(), app, name, production, restart, progress: Progress::new() };
        let shown = task.clone();
        task.client = client.on_event(move |event| {
            shown.progress.show(event);
            if let Event::Accepted { package_id, .. } = event {
                shown.print_how_to_resume(package_id);
            }
        });
        Ok(task)
    }

    fn finish(&self, run: impl FnOnce(&Task) -> anyhow::Result<serde_json::Value>) -> anyhow::Result<()> {
        let result = self.check().and_then(|()| run(self));
        self.progress.end();
        Ok(writeln!(stdout(), "{}", result?)?)
    }

    /// Before anything is uploaded or stopped.
    fn check(&self) -> anyhow::Result<()> {
        let Task { client, app, name, production, .. } = self;
        if environment(client, app, name)?.production && !production {
            bail!(
                "{name} is a production environment, or does not say that it is none: nothing was done; add --production"
            );
        }
        Ok(())
    }

    fn upload(&self, file: &str) -> anyhow::Result<PackageId> {
        let Task { client, app, .. } = self;
        upload_and_wait(client, app, &Upload::new(file)).map_err(|error| self.explain(error))
    }

    fn deploy(&self, package: &PackageId) -> anyhow::Result<serde_json::Value> {
        let Task { client, app, name, production, restart, .. } = self;
        let mut deploy = Deploy::default().with_restart(*restart);
        if *production {
            deploy = deploy.allow_production();
        }
        let deployed = deploy_package(client, app, name, package, &deploy).map_err(|error| self.explain(error))?;
        Ok(serde_json::json!({
            "PackageId": package,
            "Environment": name,
            "Status": "Running",
            "Url": deployed.url,
            "PreviousPackageId": deployed.previous,
        }))
    }

    /// The error with its causes, and the command that goes on if the package can be deployed.
    fn explain(&self, error: Error) -> anyhow::Error {
        let is_failed_upload = error.kind() == ErrorKind::JobFailed;
        let Some(package) = error.package_id().filter(|_| !is_failed_upload) else {
            return progress::explain(&self.app, error);
        };
        // What runs may be another package although this one is there.
        let restart = error.to_string().contains("Deploy::with_restart(true)");
        anyhow::anyhow!("{error:?}\n\nto go on:\n  {}", self.command(package, restart))
    }

    /// Deploys what was uploaded.
    fn command(&self, package: &PackageId, restart: bool) -> String {
        let Task { app, name, .. } = self;
        let flags = [(self.production, " --production"), (restart, " --restart")];
        let flags: String = flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)).collect();
        format!("cargo run --example deploy --{flags} {app} {name} --package {package}")
    }

    fn print_how_to_resume(&self, package: &PackageId) {
        self.print(&format!("to go on if this is interrupted:\n  {}", self.command(package, self.restart)));
    }

    /// Prints to stderr, above a progress bar.
    fn print(&self, text: &str) {
        let _ = self.progress.0.suspend(|| writeln!(stderr(), "{text}"));
    }
}
