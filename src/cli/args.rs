//! The command line arguments.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use mendix_deploy::{AppId, EnvironmentName, JobId, PackageId, Upload};

const AFTER_HELP: &str = "\
Environment:
  MENDIX_USERNAME    your login name
  MENDIX_API_KEY     an API key of that user
  MENDIX_DEPLOY_URL  the host, unless it is https://deploy.mendix.com
  SSL_CERT_FILE      the certificate of a private CA, in PEM

Exit status:
  0  done
  2  wrong input: an argument, a variable, the file, or --production is missing
  3  not yet: run the same command again
  4  unknown: check the app's Environments page before you upload again
  5  refused or failed
  6  the app is down, or may be

Progress goes to stderr, and the result to stdout: one JSON object, except with
verify and emulator. After an error, the last line is the command to run next.";

/// Deploy packages (.mda) to Mendix Cloud
#[derive(Debug, Parser)]
#[command(name = "mendix-deploy", bin_name = "mendix-deploy", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Deploy(DeployArgs),
    Upload(UploadArgs),
    Wait(WaitArgs),
    Check(CheckArgs),
    Verify(VerifyArgs),
    /// Show the environments and packages of an app
    Status {
        /// The app's subdomain, such as `calc`
        app: AppId,
    },
    /// Serve a Deploy API on this machine, for trying things and for tests
    ///
    /// Prints the variables that the other commands need, and runs until it is stopped. Every app has the environments Test
    /// (empty), Acceptance and Production. Nothing is kept.
    Emulator {
        /// The port [default: a free one]
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
    },
}

/// Upload a package and start it on an environment
///
/// The app is down from its stop to its start. Run the same command again after an error or an interruption: with --name and
/// --skip-existing, what is there is not uploaded a second time.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mendix-deploy deploy [OPTIONS] <APP> <ENVIRONMENT> (<FILE> | --package <ID>)")]
pub(crate) struct DeployArgs {
    /// The app's subdomain, such as `calc`
    pub(crate) app: AppId,
    /// Its environment, such as `Acceptance`
    pub(crate) environment: EnvironmentName,
    /// The package to upload
    #[arg(required_unless_present = "package")]
    pub(crate) file: Option<PathBuf>,
    /// Deploy this package, uploaded before, instead of a file
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "name", "skip_existing"])]
    pub(crate) package: Option<PackageId>,
    #[command(flatten)]
    pub(crate) named: Named,
    /// Allow a production environment
    #[arg(long)]
    pub(crate) production: bool,
    /// Stop and start the app even if it runs and the package is on it
    #[arg(long)]
    pub(crate) restart: bool,
    #[arg(long, value_name = "TIME", help = TIMEOUT)]
    pub(crate) timeout: Option<Timeout>,
}

/// Upload a package and wait until it can be deployed
#[derive(Debug, clap::Args)]
pub(crate) struct UploadArgs {
    /// The app's subdomain, such as `calc`
    pub(crate) app: AppId,
    /// The package to upload
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) named: Named,
    #[arg(long, value_name = "TIME", help = TIMEOUT)]
    pub(crate) timeout: Option<Timeout>,
}

/// Wait for the job of an upload
#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// The app's subdomain, such as `calc`
    pub(crate) app: AppId,
    /// The job, as the upload reported it
    pub(crate) job: JobId,
    #[arg(long, value_name = "TIME", help = TIMEOUT)]
    pub(crate) timeout: Option<Timeout>,
}

/// Check the file, the credentials and the app, without an upload
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The app's subdomain, such as `calc`
    pub(crate) app: AppId,
    /// The package to upload
    pub(crate) file: PathBuf,
    /// The environment that it is for
    pub(crate) environment: Option<EnvironmentName>,
}

/// Check what this crate takes for granted of the service
///
/// Prints a table to be sent to the authors, which names no app, package, environment or user. Only reads, unless --upload or
/// --deploy is given.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The app's subdomain, such as `calc`
    pub(crate) app: AppId,
    /// The only environment to read, and to deploy to [default: all are read]
    pub(crate) environment: Option<EnvironmentName>,
    /// Upload this package, under a new name; it stays in the app
    #[arg(long, value_name = "FILE")]
    pub(crate) upload: Option<PathBuf>,
    /// Deploy it: the app is down meanwhile, and then runs this package
    #[arg(long, requires_all = ["upload", "environment"])]
    pub(crate) deploy: bool,
    /// Allow a production environment
    #[arg(long, requires = "deploy")]
    pub(crate) production: bool,
}

/// The name of a package, and whether to skip the upload if it exists.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// The package's name, unique to the build [default: that of the file]
    #[arg(long)]
    name: Option<String>,
    /// Upload nothing if the app has this package; fail if that has another size
    #[arg(long, requires = "name")]
    pub(crate) skip_existing: bool,
}

impl Named {
    pub(crate) fn upload(&self, file: &Path) -> Upload {
        let upload = Upload::new(file);
        let upload = match &self.name {
            Some(name) => upload.with_name(name),
            None => upload,
        };
        if self.skip_existing { upload.skip_existing() } else { upload }
    }
}

const TIMEOUT: &str = "How long to wait in all, the upload aside, such as 90s or 2h [default: 30m]";

/// How long to wait in total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timeout(pub(crate) Duration);

impl std::str::FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Timeout, &'static str> {
        let units = [("s", 1), ("m", 60), ("h", 3600)];
        let with_unit = units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
        let seconds = with_unit.and_then(|(number, seconds)| number.parse::<u64>().ok()?.checked_mul(seconds));
        seconds
            .map(|seconds| Timeout(Duration::from_secs(seconds)))
            .ok_or("a whole number with a unit is expected: 90s, 45m, 2h")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_with_a_unit() {
        for (text, seconds) in [("90s", 90), ("45m", 2700), ("2h", 7200), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(Timeout(Duration::from_secs(seconds))), "{text}");
        }
        for bad in ["", "45", "m", "1.5h", "-1s", "45 m", "45M", "18446744073709551615h", "1d"] {
            assert!(bad.parse::<Timeout>().is_err(), "{bad}");
        }
    }
}
