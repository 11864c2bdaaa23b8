//! The loan file: read by the names of its columns, checked whole, and handed on as a typed frame.
//!
//! [`source`] gets the bytes, [`shape`] checks that they are one loan a line, [`read`] parses the columns that are
//! needed, and [`check`] holds them against the rules. Whatever breaks a rule is a finding, and findings fail the run:
//! nothing is dropped in silence.

pub mod check;
pub mod read;
pub mod shape;
pub mod source;

use std::path::PathBuf;

/// Why a loan file is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoansError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; give a loan file, or invent one with `feature-job sample`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is gzip, but cut off or damaged.
    #[error("{path} is a damaged or cut-off gzip file ({source}): fetch it again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// The file unpacks to more than is read.
    #[error("{path} unpacks to more than {bytes_max} bytes, which is not read at once: split it by user")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// The file is empty.
    #[error("{0} is empty: a loan file has a header line and one loan a line")]
    Empty(PathBuf),
    /// The file has a header and no loan.
    #[error("{0} has a header and no loan")]
    NoLoans(PathBuf),
    /// The file is not text with commas.
    #[error("{path} is no CSV file: {said}")]
    NotCsv {
        /// The file.
        path: PathBuf,
        /// What speaks against it.
        said: String,
    },
    /// A column that is needed is not there, or twice.
    #[error("{path}: column {columns} {said}; the header has: {header}")]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns at fault.
        columns: String,
        /// Whether they are missing or double.
        said: &'static str,
        /// What the header has.
        header: String,
    },
    /// A line is not one record of the header's width.
    #[error("{path}, line {line}: {said}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1 for the header.
        line: usize,
        /// What is wrong with it.
        said: String,
    },
    /// Values break the rules.
    #[error("{} of the loan file's rules {} broken, nothing was written:{}", .0.len(), if .0.len() == 1 { "is" } else { "are" }, check::list(.0))]
    Findings(Vec<check::Finding>),
    /// The CSV reader gave up.
    #[error("{path} does not parse as CSV: {said}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The reader's answer.
        said: String,
    },
}
