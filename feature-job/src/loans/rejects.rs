//! The rows that broke a rule: kept as they stood, and written to `rejects.parquet`.

use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::rules::{RuleId, Rules};
use crate::atomic::{self, AtomicError};

/// A row that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The file, by its place among the inputs.
    pub file: usize,
    /// The line, from 1 for the header; of a Parquet file the row, from 1.
    pub line: u64,
    /// The rules that it breaks, at least one.
    pub rules: Vec<RuleId>,
    /// The value that breaks the first of them, as its text stands.
    pub value: String,
    /// Its loan, as the text stands; none where the line has no such field.
    pub loan_id: Option<String>,
    /// The whole row, as its text stands.
    pub row: String,
}

impl Reject {
    /// Gives about how much memory it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.row.len() + self.value.len() + self.loan_id.as_ref().map_or(0, String::len)
    }
}

/// Why the rejects were not written.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
    /// The engine failed.
    #[error("writing the rejects failed: {0}")]
    Engine(#[from] PolarsError),
}

/// Writes rejects, one row each; a file without rows if there are none.
///
/// # Shape
/// `file`, `line`, `rule` and `column` and `value` of the first rule broken, `rules` (all, with commas between), `loan_id`,
/// `row` (the text of the whole row).
///
/// # Errors
/// [`RejectsError`].
pub fn write(rejects: &[Reject], rules: &Rules, inputs: &[PathBuf], out: &Path) -> Result<(), RejectsError> {
    let texts = |name: &str, text: &dyn Fn(&Reject) -> Option<String>| {
        Column::new(name.into(), rejects.iter().map(text).collect::<Vec<Option<String>>>())
    };
    let first = |reject: &Reject| rules.get(reject.rules[0]);
    let all = |reject: &Reject| {
        let names: Vec<_> = reject.rules.iter().map(|&rule| rules.get(rule).name.as_str()).collect();
        names.join(",")
    };
    let mut frame = DataFrame::new(
        rejects.len(),
        vec![
            texts("file", &|reject| Some(inputs[reject.file].display().to_string())),
            Column::new("line".into(), rejects.iter().map(|reject| reject.line as i64).collect::<Vec<_>>()),
            texts("rule", &|reject| Some(first(reject).name.clone())),
            texts("column", &|reject| Some(first(reject).column.clone()).filter(|column| !column.is_empty())),
            texts("value", &|reject| Some(reject.value.clone())),
            texts("rules", &|reject| Some(all(reject))),
            texts("loan_id", &|reject| reject.loan_id.clone()),
            texts("row", &|reject| Some(reject.row.clone())),
        ],
    )?;
    atomic::write(out, |file| {
        ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None)).finish(&mut frame)?;
        Ok(())
    })
}
