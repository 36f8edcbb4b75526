//! Carries out what `retry` decides: the only place that sleeps between two attempts.

use std::fmt::Write as _;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::event::{Event, Seconds};
use crate::retry::{Decision, Reason, random_fraction};

/// Calls `attempt` until it succeeds, its error allows no repetition, or the client's patience is over.
pub(crate) fn repeat<T>(client: &Client, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut number = 1_u32;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) => wait_or_give_up(client, number, error)?,
        }
        number = number.saturating_add(1);
    }
}

/// After attempt `number` ended in `error`: sleeps until the next, or returns the error if there is to be none.
fn wait_or_give_up(client: &Client, number: u32, error: Error) -> Result<()> {
    let wait = match client.retry.decide(number, &error, random_fraction()) {
        Decision::Wait(wait) => wait,
        Decision::GiveUp(Reason::NotRepeatable | Reason::Attempts(1)) => return Err(error),
        Decision::GiveUp(Reason::Attempts(attempts)) => {
            return Err(error.and(&format!(" (after {attempts} attempts)")));
        }
        Decision::GiveUp(Reason::AskedTooMuch) => {
            let asked = Seconds(error.retry_after().unwrap_or_default());
            return Err(
                error.and(&format!("; not repeated, as the server asks to wait {asked}, longer than Retry allows"))
            );
        }
    };
    client.notify(&Event::Retrying { attempt: number, wait, reason: one_line(&error) });
    std::thread::sleep(wait);
    Ok(())
}

/// The error and its causes in one line, for an event.
pub(crate) fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
}
