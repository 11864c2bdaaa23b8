//! The first stage of every run: loan files are read and judged, and a report says what was found, whatever the verdict.
//!
//! # Shape
//! A folder with `report.json` for machines ([`report::Report`]), `report.html` for people (`page`), and `rejects.parquet`
//! with the rows that broke a rule ([`crate::loans::rejects`]). None of them depends on the clock or the machine.

pub mod column;
mod page;
pub mod report;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use contract::date::Date;

use crate::atomic::{self, AtomicError};
use crate::exit::{Code, Stop};
use crate::loans::LoansError;
use crate::loans::limits::Limits;
use crate::loans::read::Loans;
use crate::loans::rejects::{self, RejectsError};
use crate::loans::users::Users;
use report::Report;

/// The largest share of rows that may break a rule, unless told otherwise.
pub const REJECTS_MAX_SHARE: f64 = 0.01;

const REPORT_JSON: &str = "report.json";
const REPORT_HTML: &str = "report.html";
const REJECTS: &str = "rejects.parquet";

/// Which loan files are judged, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The files.
    pub files: &'a [PathBuf],
    /// The day they are looked at on.
    pub as_of: Date,
    /// The folder for the report; made if it is not there.
    pub folder: &'a Path,
    /// The largest share of rows that may break a rule.
    pub rejects_max_share: f64,
    /// The columns that are kept, and needed.
    pub kept: &'a [&'a str],
}

/// Loans that passed.
#[derive(Debug)]
pub struct Passed {
    /// The loans.
    pub loans: Loans,
    /// Whose they are.
    pub users: Users,
    /// What was found.
    pub report: Report,
}

/// Why loans do not pass.
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// They cannot be read, for a reason that is not theirs.
    #[error(transparent)]
    Loans(#[from] LoansError),
    /// They break a rule of the table, or too many rows break one of theirs.
    #[error("the loan data is refused:{reasons}\n{} shows it all, {} holds the rows that broke a rule", .folder.join(REPORT_HTML).display(), .folder.join(REJECTS).display())]
    Refused {
        /// The reasons, a line each.
        reasons: String,
        /// Where the report is.
        folder: PathBuf,
    },
    /// The share is none.
    #[error("--rejects-max-share takes a share from 0 to 1, not {0}")]
    Share(f64),
    /// The report cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
    /// The rejects cannot be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
}

impl QualityError {
    /// Makes it the error of a verb, with the exit code of refused data where that is what it is.
    pub fn stop(self) -> anyhow::Error {
        match &self {
            Self::Refused { .. } => Stop { code: Code::DataRefused, said: self.to_string() }.into(),
            _ => self.into(),
        }
    }
}

/// Gives the report's folder of a file that is made from loans: `features.quality` beside `features.parquet`.
pub fn folder_beside(out: &Path) -> PathBuf {
    out.with_extension("quality")
}

/// Reads loan files, judges them, and writes the report.
///
/// # Errors
/// [`QualityError`]; where it is [`QualityError::Refused`], the report was written nevertheless.
pub fn judge(request: &Request<'_>) -> Result<Passed, QualityError> {
    let Request { files, kept, as_of, folder, rejects_max_share } = *request;
    if !(0.0..=1.0).contains(&rejects_max_share) {
        return Err(QualityError::Share(rejects_max_share));
    }
    make_folder(folder, files)?;
    let (mut loans, read) = Loans::read(files, kept, as_of, Limits::default());
    let stopped = match read {
        Err(error) if !error.is_of_the_data() => return Err(error.into()),
        read => read.err(),
    };
    tracing::debug!(loans = loans.held.len(), rejects = loans.rejects.len(), "read");
    let users = Users::of(loans.held.whole(loans.place(crate::columns::ID)));
    // A file that was not read to its end has nothing to say of the whole.
    if stopped.is_none() {
        loans.judge_table(&users)?;
    }
    tracing::debug!("judged");
    let report = Report::of(&loans, &users, stopped.as_ref(), rejects_max_share);
    write(&report, &loans, files, folder)?;
    tracing::debug!("reported");
    if report.reasons.is_empty() {
        return Ok(Passed { loans, users, report });
    }
    let reasons = report.reasons.iter().map(|reason| format!("\n  {reason}")).collect();
    Err(QualityError::Refused { reasons, folder: folder.to_owned() })
}

/// Makes the report's folder, and sees that no input is in the way of a report.
fn make_folder(folder: &Path, files: &[PathBuf]) -> Result<(), AtomicError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(|source| AtomicError { path: folder.to_owned(), source })?,
    }
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    [REPORT_JSON, REPORT_HTML, REJECTS].iter().try_for_each(|name| atomic::ready(&folder.join(name), &files))
}

fn write(report: &Report, loans: &Loans, files: &[PathBuf], folder: &Path) -> Result<(), QualityError> {
    let text = |name: &str, text: String| {
        let path = folder.join(name);
        atomic::write(&path, |file| {
            file.write_all(text.as_bytes()).map_err(|source| AtomicError { path: path.clone(), source })
        })
    };
    rejects::write(&loans.rejects, &loans.rules, files, &folder.join(REJECTS))?;
    let json = serde_json::to_string_pretty(report).expect("a report is plain data");
    text(REPORT_JSON, json + "\n")?;
    text(REPORT_HTML, page::page(report))?;
    Ok(())
}
