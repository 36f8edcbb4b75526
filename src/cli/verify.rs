//! `mendix-deploy verify`: a Markdown table, fit to be pasted into an issue.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use mendix_deploy::verify::{Finding, Row, Verified, Verify, verify};
use mendix_deploy::{Client, Deploy, Result};

use super::args::VerifyArgs;
use super::failure::{self, FAILED};
use super::progress::Progress;
use super::shell;

/// Prints the table, and fails if anything differs.
pub(crate) fn run(client: &Client, args: &VerifyArgs, progress: &Progress) -> Result<ExitCode> {
    let Verified { rows, deployed, error, .. } = verify(client, &args.app, &what(args))?;
    progress.end();
    let _ = stdout().write_all(table(args, &rows).as_bytes());
    if let (Some(previous), Some(environment)) = (deployed.and_then(|deployed| deployed.previous), &args.environment) {
        let back = shell::line(&failure::deploy(&args.app, environment, &previous, args.production));
        let _ = writeln!(stderr(), "to go back: {}", back.unwrap_or_default());
    }
    let differs = rows.iter().any(|row| row.finding == Finding::Differs);
    let status = if differs { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
    error.map_or(Ok(status), Err)
}

fn what(args: &VerifyArgs) -> Verify {
    let mut what = Verify::default();
    if let Some(environment) = &args.environment {
        what = what.with_environment(environment.clone());
    }
    if let Some(file) = &args.upload {
        what = what.with_upload(file);
    }
    let deploy = if args.production { Deploy::default().allow_production() } else { Deploy::default() };
    if args.deploy { what.with_deploy(deploy) } else { what }
}

fn table(args: &VerifyArgs, rows: &[Row]) -> String {
    let with = [(args.upload.is_some(), " --upload"), (args.deploy, " --deploy")];
    let with: String = with.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag).collect();
    let mut lines = vec![
        format!("`mendix-deploy verify{with}`, version {}:\n", env!("CARGO_PKG_VERSION")),
        "| taken for granted | seen | finding |".to_owned(),
        "|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| format!("| {} | {} | {} |", row.granted, row.seen, row.finding)));
    lines.join("\n") + "\n"
}
