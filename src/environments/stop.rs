//! Deploy API v1, "Stop Environment".

use std::time::Instant;

use super::at::At;
use super::step::{Repeatable, refused};
use crate::answer::Verdicts;
use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::event::DeployStep;
use crate::id::{AppId, EnvironmentName};
use crate::status::EnvironmentStatus;
use crate::wait::Look;

const CODES: [(&str, &str); 1] = [(
    "STOP_FAILED",
    "it cannot be stopped during maintenance, or while a backup is made or restored; see the Environments page of the app",
)];

/// Stops the app on an environment, and waits until it is `Stopped` (Deploy API v1, "Stop Environment"). `Ok` means that it
/// is, or was before. Nothing is deleted.
///
/// The status is asked for first. If no answer to the request comes, the status tells whether it was carried out; it is
/// repeated if the app still runs after ten polling intervals.
///
/// Blocks for at most the timeout of [`Poll`](crate::Poll) (30 min if it has none) plus three requests, of which that to stop may take 5 min
/// ([`Client::with_response_timeout`]). Temporary failures do not end it, as in [`wait_for_job`](crate::wait_for_job). The
/// user needs API Rights and Transport Rights for the environment.
///
/// # Errors
/// By [`ErrorKind`](crate::ErrorKind): `StillRunning` on timeout; `Rejected`, such as 403, or `STOP_FAILED`; `Connect` or
/// `NoAnswer` after an outage. If there is no environment of that name, the error lists those that there are.
pub fn stop_environment(client: &Client, app: &AppId, environment: &EnvironmentName) -> Result<()> {
    let at = At { client, app, environment };
    let stands = "; the app may still run, or stop later: stop_environment looks first, and goes on from there";
    stop(at).map_err(|error| at.listing_names(error).with_note(stands))
}

pub(crate) fn stop(at: At) -> Result<()> {
    stop_if(at, |status| !status.is_down())
}

/// Requests the stop even if the status says that the app does not run.
pub(crate) fn force_stop(at: At) -> Result<()> {
    stop_if(at, |_| true)
}

fn stop_if(at: At, is_needed: impl Fn(&EnvironmentStatus) -> bool) -> Result<()> {
    let begun = Instant::now();
    let undone = format!("{} was not stopped", at.name());
    let call = at.post("/stop", String::new(), "stop ", Verdicts { kind: ErrorKind::Rejected, undone, codes: &CODES });
    let mut request = Repeatable::new(&at.client.poll);
    at.until_done("the stop of", || {
        let (mut status, mut retry_after) = at.status()?;
        if is_needed(&status) {
            match request.make(at, || call.once(|_| Some(()))) {
                Ok(true) => {
                    at.notify(DeployStep::StopRequested, begun.elapsed());
                    (status, retry_after) = at.status()?;
                }
                Ok(false) => {}
                Err(error) => return refused(error),
            }
        }
        Ok(if status.is_down() { Look::ended(Ok(())) } else { Look::not_yet(status, retry_after) })
    })?;
    at.notify(DeployStep::Stopped, begun.elapsed());
    Ok(())
}
