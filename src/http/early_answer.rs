//! Sees an answer while the body is still being sent, and puts interim answers right.
//!
//! HTTP/1.1 lets a server answer before it has read the request (RFC 9112 §9.3). ureq looks at the connection only
//! once the whole body is out, so that a refusal would cost the upload of a gigabyte, or be lost in the reset that
//! follows it. Here the socket below TLS only queues, and the watch above TLS is the only sender: it flushes the
//! queue, takes in what has arrived, and once the server has refused lets the rest of the body go nowhere; ureq then
//! parses the answer as if the body had been sent.

mod connector;
mod exchange;
mod socket;
mod watch;

pub(crate) use connector::agent;
pub(crate) use exchange::{Exchange, LONGEST, State};
