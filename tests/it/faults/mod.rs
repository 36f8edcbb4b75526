//! Faults: each test is one thing that goes wrong, and its result for the caller. By the phase of a request:

// Before any socket is opened: ids, settings and names that no request may have.
mod input;
// The file is missing, not a package, or changes while it is sent.
mod local_file;
// No connection, a proxy in between, a handshake that fails: no byte of the request was sent.
mod before_sending;
mod proxy;
// `100 Continue`, and what else may come before the response.
mod interim_answers;
// The response comes before the body was sent, and the rest is not sent.
mod early_answers;
// The peer has closed its side, as macOS reports it.
#[cfg(target_os = "linux")]
mod closed_peer;
// The connection breaks or stalls while the body is sent.
mod while_sending;
// The process is suspended, or signals interrupt its system calls.
#[cfg(unix)]
mod stopped;
// The response to a whole upload.
mod answers;
// Its head cannot be parsed, or never ends.
mod unreadable_heads;
// Its body is cut off, endless or malformed.
mod odd_answers;
// It is a gateway's, not the API's.
mod foreign_answers;
// After that: polls that fail, jobs that fail.
mod waiting;
