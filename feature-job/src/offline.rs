//! The offline store: `features.parquet`, every loan known at as-of with the features it had at that point in time.
//!
//! # Shape
//! One row per loan, sorted by user and loan date, ties in the order of the loan files. The columns are, in order
//! ([`crate::features::plan::Plan::store_schema`]): what the loan is and what it is computed from ([`STORE_FIRST`], then the
//! columns that only this view reads), the features in the view's order, the ages once more as `_event`, counted from the
//! loan's own day, and the label with what an evaluation is sliced by ([`STORE_LAST`]). What a feature's own column of ages
//! counts from stands in its key-value metadata ([`Content`]); what loan files it was made from stands beside it ([`Manifest`]).
//!
//! [`Writer`] writes it, [`Reader`] reads it a row group at a time, [`Table`] holds it whole for training.
//!
//! [`STORE_FIRST`]: crate::columns::STORE_FIRST
//! [`STORE_LAST`]: crate::columns::STORE_LAST

mod column;
pub mod content;
mod error;
mod latest;
pub mod manifest;
mod reader;
mod table;
mod writer;

pub use content::Content;
pub use error::OfflineError;
pub use latest::{Latest, latest};
pub use manifest::{Manifest, Source};
pub use reader::Reader;
pub(crate) use reader::guarded;
pub use table::{Category, Table};
pub use writer::Writer;
