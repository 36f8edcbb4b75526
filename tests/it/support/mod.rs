//! What tests share: a scripted server, a gateway in front of an emulator, packages to upload, a client that records its
//! events, child processes, and random numbers.

pub(crate) mod caller;
pub(crate) mod child;
pub(crate) mod gateway;
pub(crate) mod message;
pub(crate) mod package;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod server;
