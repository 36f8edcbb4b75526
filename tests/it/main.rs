//! One integration binary, so that it links only once.

// A test that cannot go on should panic on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod api;
mod check;
mod dependency;
mod emulator;
mod environments;
mod examples;
mod faults;
mod find_upload;
mod log;
mod main_job;
mod outcomes;
mod packages;
mod security;
mod support;
mod tidy;
mod tls;
mod wire;
