//! Why a configuration is refused.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::SettingsError;
use crate::mirror::PlaceError;

/// Why a configuration is refused; the message names the flag.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Other machines could reach the address, and anybody would come in.
    #[error(
        "--listen {0} with --insecure-loopback: other machines would do as they like: use 127.0.0.1, [::1], or --tokens FILE"
    )]
    Exposed(SocketAddr),
    /// Two ways of telling callers apart.
    #[error("--insecure-loopback with --tokens: with tokens nobody comes in without one; leave one of the two out")]
    TokensAndInsecure,
    /// A time lies outside its bounds.
    #[error("{flag} {value}: use {min} to {max} milliseconds")]
    Time {
        /// The flag.
        flag: &'static str,
        /// The value refused.
        value: u64,
        /// The least it may be.
        min: u64,
        /// The most it may be.
        max: u64,
    },
    /// A share lies outside its bounds.
    #[error("{flag} {value}: use 0 to 100")]
    Percent {
        /// The flag.
        flag: &'static str,
        /// The value refused.
        value: f64,
    },
    /// A URL names no place that modules can come from.
    #[error("--modules {url}: {cause}")]
    Place {
        /// The URL refused, without what must not be shown.
        url: String,
        /// What is wrong with it.
        cause: PlaceError,
    },
    /// Modules come from an object store, and whose signatures count was not said.
    #[error(
        "--trust is needed where --modules is a URL: the trust policy is a local file, whoever may write to the store"
    )]
    TrustNeeded,
    /// A folder that must be there is not.
    #[error("{flag} {path}: there is no such folder")]
    NoFolder {
        /// The flag.
        flag: &'static str,
        /// The path refused.
        path: PathBuf,
    },
    /// A file that must be there is not.
    #[error("{flag} {path}: there is no such file")]
    NoFile {
        /// The flag.
        flag: &'static str,
        /// The path refused.
        path: PathBuf,
    },
    /// No traces can be sent there.
    #[error("--otlp-endpoint {0}: use a URL such as http://127.0.0.1:4318; `/v1/traces` is put behind it")]
    Collector(String),
    /// A file of bounds cannot be followed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Something that is no folder stands where the data belong.
    #[error("--data {0}: this is no folder")]
    DataInTheWay(PathBuf),
}
