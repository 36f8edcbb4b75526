//! Deploy API v1, "Stop Environment".

use super::at::At;
use crate::answer::Verdicts;
use crate::error::Result;

const CODES: [(&str, &str); 1] =
    [("STOP_FAILED", "is there maintenance, or a backup? See the Environments page of the app")];

pub(super) fn request(at: At) -> Result<()> {
    let what = format!("the request to stop {}", at.short_name());
    let undone = format!("{} was not stopped", at.name());
    at.post("/stop", what, String::new(), Verdicts::refusals(undone, &CODES)).once(At::accepted)
}
