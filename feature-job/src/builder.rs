//! Which program makes things: what cards and manifests say of it.

/// The program and its version.
pub const BUILDER: &str = concat!("feature-job ", env!("CARGO_PKG_VERSION"));

/// Gives the commit it was built from, where the build said so in COUNTERSIGN_REVISION.
pub fn revision() -> Option<String> {
    option_env!("COUNTERSIGN_REVISION").filter(|revision| !revision.is_empty()).map(str::to_owned)
}
