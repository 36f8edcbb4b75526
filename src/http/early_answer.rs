//! Sees a response while the body is still being sent, and skips interim responses.
//!
//! HTTP/1.1 lets a server respond before it has read the request (RFC 9112 §9.3). ureq reads from the connection only
//! after the whole body has been sent, so a refusal would cost the upload of a gigabyte, or be lost in the reset that
//! follows it. Here the socket below TLS only queues, and the watch above TLS is the only sender: it flushes the queue,
//! reads what has arrived, and once the server has refused discards the rest of the body; ureq then parses the response
//! as if the body had been sent.

mod connector;
mod exchange;
mod resolver;
mod socket;
mod watch;

pub(crate) use connector::agent;
pub(crate) use exchange::{Exchange, LONGEST, State};
