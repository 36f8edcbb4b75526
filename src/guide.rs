//! The guide: how to use the crate, and what to expect of it.
//!
//! - To use it: [`deploying`], [`recipes`] for CI systems, and the [`command`] for a shell.
//! - If something is in the way: [`networks`], [`errors`], and [`unknown_outcome`] after a lost response.
//! - To judge it: [`assumptions`] about the service, [`promises`] with their tests, [`costs`] and [`limits`].

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
