//! A crate whose build script uploads a Mendix package; see `build.rs` beside `Cargo.toml`.

/// The package that this build uploaded, if it did.
pub const PACKAGE_ID: Option<&str> = option_env!("PACKAGE_ID");
