//! The guide: how to use the crate, and what to expect of it.
//!
//! | page | for |
//! |---|---|
//! | [`deploying`] | what a deployment does, running it again, production, going back |
//! | [`recipes`] | an xtask, GitHub Actions, GitLab CI, Azure Pipelines, a `build.rs` |
//! | [`command`] | the same jobs without writing Rust |
//! | [`networks`] | proxies, private certificates, gateways, timeouts |
//! | [`errors`] | reading an error, and reacting to it |
//! | [`unknown_outcome`] | the response to an upload was lost |
//! | [`assumptions`] | what is taken for granted of the service |
//! | [`promises`] | each promise, and its test |
//! | [`costs`] | time, memory, dependencies |
//! | [`limits`] | what the crate does not do |

#[doc = include_str!("guide/assumptions.md")]
pub mod assumptions {}
#[doc = include_str!("guide/command.md")]
pub mod command {}
#[doc = include_str!("guide/costs.md")]
pub mod costs {}
#[doc = include_str!("guide/deploying.md")]
pub mod deploying {}
#[doc = include_str!("guide/errors.md")]
pub mod errors {}
#[doc = include_str!("guide/limits.md")]
pub mod limits {}
#[doc = include_str!("guide/networks.md")]
pub mod networks {}
#[doc = include_str!("guide/promises.md")]
pub mod promises {}
#[doc = include_str!("guide/recipes.md")]
pub mod recipes {}
#[doc = include_str!("guide/unknown_outcome.md")]
pub mod unknown_outcome {}
