//! The offline store: `features.parquet`, every loan known at as-of with the features it had at that point in time.
//!
//! # Shape
//! One row per loan, sorted by user and loan date, ties in the order of the loan file; the columns are
//! [`crate::columns::OFFLINE`]. `age` and `years_on_the_job` count from as-of, which is what is served; their `_event`
//! twins count from the loan's own day, so that training on old loans sees the ages of then. What the file was made
//! from stands in its key-value metadata ([`manifest::Manifest`]).
//!
//! [`Table`] holds it whole, as training wants it; [`Reader`] reads a row group at a time.

mod latest;
pub mod manifest;
mod reader;
mod table;

pub use latest::{Latest, latest};
pub use manifest::Manifest;
pub use reader::Reader;
pub use table::{Category, OfflineError, Table};
