//! One integration binary, so that it links only once. Where a test belongs:
//!
//! - Decisions without I/O are tested below their code in `src`, as a table if there are many cases.
//! - The wire (bytes, silence, resets, TLS, proxies) is simulated by `support::server::Server`, which follows a script:
//!   `faults`, by the phase of the request, `wire`, `tls`, `security`.
//! - The API (jobs, packages, environments) is simulated by the `Emulator`: `outcomes`, `upload_and_wait`,
//!   `upload_and_deploy`, `skip_existing`, `find_upload`, `environments` (`reading`, `steps` that change one, `deploy` for all
//!   of them). A `support::gateway::Gateway` in front of it drops responses or sends its own.
//! - Every call is made by `support::caller::Caller`, which checks the invariants of every call: no secret in any text, a
//!   message is one line and has all known ids, nothing that could upload twice is transient, and nothing hangs. A test only
//!   has what is special about it; a new call needs a method there.
//! - `verify` runs against an emulator that deviates from the assumptions.
//! - The command is run as a process in `command`: exit statuses, outputs, the command to run next.
//! - Tests that need a process of their own, for its environment or to kill it (`run_again`), use `support::child`. Rules for
//!   the source code are in `tidy`.

// A test that cannot continue should panic on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod api;
mod check;
mod command;
mod dependency;
mod emulator;
mod environments;
mod examples;
mod faults;
mod find_upload;
mod log;
mod outcomes;
mod packages;
mod recipes;
mod run_again;
mod security;
mod skip_existing;
mod support;
mod tidy;
mod tls;
mod upload_and_deploy;
mod upload_and_wait;
mod verify;
mod wire;
