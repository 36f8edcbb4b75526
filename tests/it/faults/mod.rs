//! Faults: each test is one thing that goes wrong, and what the caller then gets.

mod answers;
mod before_sending;
#[cfg(target_os = "linux")]
mod closed_peer;
mod early_answers;
mod foreign_answers;
mod input;
mod interim_answers;
mod local_file;
mod odd_answers;
mod proxy;
#[cfg(unix)]
mod stopped;
mod unreadable_heads;
mod waiting;
mod while_sending;
