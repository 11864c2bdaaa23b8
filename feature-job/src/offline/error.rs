//! Why a file is no offline store.

use std::path::PathBuf;

use contract::digest::Digest;
use polars::prelude::PolarsError;

use super::content::ContentError;
use crate::features::plan::PlanError;

/// Why a file is no offline store, or not the one that is needed.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; write it with `feature-job features`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is not Parquet, or damaged.
    #[error("{path} is no Parquet file, or a damaged one ({source}): write it anew with `feature-job features`")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reader's answer.
        source: PolarsError,
    },
    /// The file is Parquet, but not from `feature-job features`.
    #[error("{path} is no offline store: {source}; write it with `feature-job features`")]
    Content {
        /// The file.
        path: PathBuf,
        /// What its metadata lacks.
        source: ContentError,
    },
    /// The file's view cannot be computed by this program.
    #[error("{path} follows a feature view that this program cannot compute: {source}")]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PlanError,
    },
    /// The file was computed for another feature view than the one that models are trained and served on.
    #[error(
        "{path} follows feature view {found}, this program's own is {wanted}: compute the features anew without --view; to \
         train on another view, make it contract/feature-view.toml and build the program and the host"
    )]
    View {
        /// The file.
        path: PathBuf,
        /// The view it follows.
        found: Digest,
        /// The view of this program.
        wanted: Digest,
    },
    /// A column holds what it must not.
    #[error("{path}: column `{column}` {said}; compute the features anew")]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What is wrong with it.
        said: &'static str,
    },
}
