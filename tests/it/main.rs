//! One integration binary, so that it links only once. Where a test belongs:
//!
//! - What is decided without I/O is tested below its code in `src`, as a table if there are many cases.
//! - What the wire does (bytes, silence, resets, TLS, proxies) is played by `support::server::Server`, which follows a script:
//!   `faults`, by the phase of the request, `wire`, `tls`, `security`.
//! - What the API means (jobs, packages, environments) is played by the `Emulator`: `outcomes`, `upload_and_wait`,
//!   `upload_and_deploy`, `skip_existing`, `find_upload`, `environments` (`reading`, `steps` that change one, `deploy` for all
//!   of them). A `support::gateway::Gateway` before it loses answers or gives its own.
//! - Every call is made by `support::caller::Caller`, which checks what must hold of every call: no secret in any text, a
//!   message is one line, an id once known is in it, nothing that could upload twice is called transient, and nothing hangs.
//!   A test says only what is special about it; a new call needs a method there.
//! - What is taken for granted of the service is checked by `verify`, against an emulator that deviates.
//! - The command is run as a process in `command`: exit statuses, outputs, what it says to run next.
//! - What is per process, such as the environment, or is killed (`run_again`), runs in a `support::child`. Rules for the
//!   source code are in `tidy`.

// A test that cannot go on should panic on the spot.
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
