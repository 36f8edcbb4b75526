//! One integration binary: it links once, and its modules share their servers.

// A test that cannot go on had better stop where it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod api;
mod dependency;
mod emulator;
mod examples;
mod faults;
mod main_job;
mod outcomes;
mod security;
mod support;
mod tidy;
mod tls;
mod wire;
