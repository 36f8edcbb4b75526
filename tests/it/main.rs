//! One integration binary: it links once, and its modules share their servers.

// What fails in a test is to be seen at once, helpers included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod faults;
mod security;
mod server;
mod tls;
