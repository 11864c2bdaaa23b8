//! Features as they were known at given times: a point-in-time join of a list of users and times with an offline store.
//!
//! A loan of the very day counts as known. What comes back is the row of the user's most recent loan until then, so that a
//! model is trained on what a host would have served on that day. The label of a loan is never retrieved: on the day of the
//! loan nobody knows it.
//!
//! [`spine`] reads the list, [`join`] finds the loans.

pub mod join;
pub mod spine;

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::view::Ages;
use polars::prelude::*;

use crate::atomic::{self, AtomicError};
use crate::columns;
use crate::offline::{OfflineError, Reader};
use spine::{Spine, SpineError};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many users and times were asked for.
    pub rows: u64,
    /// How many of them found no loan: the user is unknown, or had none yet.
    pub missing: u64,
    /// How many times lie after the day of the store, which knows no loan since.
    pub beyond: u64,
    /// The day the store was computed for.
    pub as_of: Date,
}

/// Why nothing is retrieved.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The list of users and times is refused.
    #[error(transparent)]
    Spine(#[from] SpineError),
    /// The offline store does not read.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// A column of the list has the name of a feature.
    #[error("{path} has a column `{column}`, which is a column of the answer too: rename it there")]
    Taken {
        /// The list.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// The ending of the output says no format.
    #[error("{0}: name the output .parquet or .csv, which says how it is written")]
    Ending(PathBuf),
    /// The engine failed.
    #[error("joining failed: {0}")]
    Join(#[from] PolarsError),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Retrieves the features of an offline store for a list of users and times, and writes them.
///
/// # Shape
/// The list's columns as they are, in its order of rows; then `loan_date`, the day of the loan that was found, and the
/// features in the view's order, all null where none was.
///
/// # Errors
/// [`RetrieveError`]; nothing is written then.
pub fn retrieve(entities: &Path, features: &Path, out: &Path, ages: Ages) -> Result<Summary, RetrieveError> {
    atomic::ready(out, &[entities, features])?;
    let format = Format::of(out)?;
    let reader = Reader::open(features)?;
    let spine = Spine::read(entities)?;
    let made = reader.plan().view().features.iter().map(|feature| feature.name.as_str());
    let taken = |name: &&str| spine.frame.column(name).is_ok();
    if let Some(column) = made.chain([columns::LOAN_DATE]).find(taken) {
        return Err(RetrieveError::Taken { path: entities.to_owned(), column: column.to_owned() });
    }
    let joined = join::join(&spine, &reader, ages)?;
    let as_of = reader.content().as_of;
    let summary = Summary {
        rows: spine.ids.len() as u64,
        missing: joined.column(columns::LOAN_DATE)?.null_count() as u64,
        beyond: spine.days.iter().filter(|&&day| day > as_of.days()).count() as u64,
        as_of,
    };
    let mut whole = spine.frame.hstack(joined.columns())?;
    atomic::write(out, |file| format.write(file, &mut whole))?;
    Ok(summary)
}

/// How the output is written.
#[derive(Debug, Clone, Copy)]
enum Format {
    Csv,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Self, RetrieveError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(RetrieveError::Ending(path.to_owned())),
        }
    }

    fn write(self, file: impl std::io::Write, frame: &mut DataFrame) -> Result<(), RetrieveError> {
        match self {
            Self::Csv => CsvWriter::new(file).finish(frame)?,
            Self::Parquet => {
                ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None)).finish(frame)?;
            }
        }
        Ok(())
    }
}
