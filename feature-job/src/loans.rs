//! Loan files: read as a stream, checked row by row against a declared schema, and held compactly.
//!
//! [`schema`] is what a file must be, [`rules`] names what can be broken. [`inputs`] finds the files; [`source`] gives one
//! as text whatever its format ([`parquet`]), [`blocks`] cuts it into whole lines, and [`header`] finds the columns.
//! [`part`] looks at one block: [`mod@line`] splits, [`check`] and [`value`] judge and read, and what comes of it is held
//! ([`held`]), put aside ([`rejects`]) and counted ([`tally`], [`figures`]). [`read`] does so for all files, within
//! [`limits`], and [`table`] judges what only the whole shows, [`users`] by user.

pub mod blocks;
pub mod check;
pub mod figures;
pub mod header;
pub mod held;
pub mod inputs;
pub mod limits;
pub mod line;
pub mod parquet;
pub mod part;
pub mod read;
pub mod rejects;
pub mod rules;
pub mod schema;
pub mod source;
pub mod table;
pub mod tally;
pub mod users;
pub mod value;

use std::path::PathBuf;

/// Why loan files are not read to their end.
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
    /// A pattern of file names gives no file.
    #[error("`{pattern}` {said}; name loan files, or quote a pattern that matches some")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        said: String,
    },
    /// The file is gzip, but cut off or damaged.
    #[error("{path} is a damaged or cut-off gzip file ({source}): fetch it again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// The file starts like Parquet, but is damaged.
    #[error("{path} is a damaged Parquet file, or one of a kind that is not read ({said}): write it again, or as CSV")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        said: String,
    },
    /// The file holds more than is read.
    #[error("{path} holds more than {bytes_max} bytes, which is not read: split it by user")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// A line is no loan's.
    #[error("{path} has a line longer than {bytes_max} bytes: a loan is one line of some hundred")]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: usize,
    },
    /// The files hold more loans than memory is meant for.
    #[error("there are more than {loans_max} loans, which are not held at once: split the files by user")]
    TooMany {
        /// The bound.
        loans_max: usize,
    },
    /// More rows break a rule than can be kept.
    #[error("more than {rows} rows break a rule, which is more than are kept: mend what the first of them show")]
    TooManyRejects {
        /// How many were kept.
        rows: usize,
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
    /// A column that is needed is not there, or one stands twice.
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
}

impl LoansError {
    /// Tells whether the data is at fault, and not how it was asked for: a missing file says nothing of the loans.
    pub fn is_of_the_data(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Pattern { .. })
    }
}
