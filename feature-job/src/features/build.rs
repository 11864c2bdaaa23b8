//! From loan files to an offline store: read, check, compute, hold against the view, write.

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::view::{Ages, Feature, FeatureView};
use polars::prelude::*;
use rayon::prelude::*;

use crate::atomic::{self, AtomicError};
use crate::columns;
use crate::loans::LoansError;
use crate::loans::check::{self, Finding};
use crate::loans::read::Loans;
use crate::offline::Manifest;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What the file says about itself.
    pub manifest: Manifest,
    /// How many values are null, for each column that has any.
    pub nulls: Vec<(String, usize)>,
}

/// Why there is no offline store.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// A loan file is refused.
    #[error(transparent)]
    Loans(#[from] LoansError),
    /// No loan is known at as-of.
    #[error("all {loans} loans lie after {as_of}, the first is of {first}: choose a later --as-of")]
    AllExcluded {
        /// How many there are.
        loans: usize,
        /// The day chosen.
        as_of: Date,
        /// The earliest loan's day.
        first: Date,
    },
    /// The engine failed.
    #[error("computing the features failed: {0}")]
    Compute(#[from] PolarsError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Computes the features of loan files at a day, and writes them as an offline store.
///
/// # Errors
/// [`FeaturesError`]; nothing is written then.
pub fn build(inputs: &[PathBuf], as_of: Date, out: &Path) -> Result<Summary, FeaturesError> {
    atomic::ready(out, &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let loans = Loans::read(inputs)?;
    tracing::debug!(loans = loans.frame.height(), "read");
    let (frame, excluded) = known(check::check(&loans)?, as_of)?;
    tracing::debug!(excluded, "checked");
    let mut frame = super::compute(frame, as_of)?;
    tracing::debug!("computed");
    within_view(&frame, &loans)?;

    let manifest = Manifest {
        as_of,
        view: FeatureView::credit_risk().digest(),
        source: loans.digest,
        rows: frame.height() as u64,
        entities: entities(&frame)?,
        excluded: excluded as u64,
    };
    let nulls = frame.columns().iter().map(|column| (column.name().to_string(), column.null_count()));
    let nulls = nulls.filter(|(_, count)| *count > 0).collect();
    write(&mut frame, &manifest, out)?;
    Ok(Summary { manifest, nulls })
}

/// Leaves out the loans after as-of: on that day nobody knows of them.
fn known(frame: DataFrame, as_of: Date) -> Result<(DataFrame, usize), FeaturesError> {
    let days = frame.column(columns::LOAN_DATE)?.to_physical_repr();
    let days = days.i32()?;
    let mask: BooleanChunked = days.lt_eq(as_of.days());
    let excluded = frame.height() - mask.sum().unwrap_or(0) as usize;
    if excluded == 0 {
        return Ok((frame, 0));
    }
    if excluded == frame.height() {
        let first = days.min().and_then(Date::from_days).unwrap_or(as_of);
        return Err(FeaturesError::AllExcluded { loans: excluded, as_of, first });
    }
    Ok((frame.filter(&mask)?, excluded))
}

/// Holds every value against the range that the view declares for it.
fn within_view(frame: &DataFrame, loans: &Loans) -> Result<(), FeaturesError> {
    let view = FeatureView::credit_risk();
    let both = view.features.iter().flat_map(|feature| [(feature, Ages::AsOf), (feature, Ages::Event)]);
    let mut named: Vec<_> =
        both.map(|(feature, ages)| (feature, columns::of_feature(feature.name.as_str(), ages))).collect();
    // Only the ages have a column for each reference day.
    named.dedup_by_key(|(_, name)| *name);
    let broken = named.into_par_iter().map(|(feature, name)| out_of_range(frame, loans, feature, name));
    let broken: Vec<Finding> = broken.collect::<PolarsResult<Vec<_>>>()?.into_iter().flatten().collect();
    if broken.is_empty() { Ok(()) } else { Err(LoansError::Findings(broken).into()) }
}

fn out_of_range(frame: &DataFrame, loans: &Loans, feature: &Feature, name: &str) -> PolarsResult<Option<Finding>> {
    let values = frame.column(name)?.cast(&DataType::Float64)?;
    let wrong = |value: Option<f64>| feature.check(value.unwrap_or(f64::NAN)).err();
    let rows = values.f64()?.iter().enumerate().filter_map(|(row, value)| Some((row, wrong(value)?)));
    let mut rows = rows.peekable();
    let Some((row, error)) = rows.peek().cloned() else { return Ok(None) };
    // The frame is sorted; the loan's id leads back to its line.
    let loan = frame.column(columns::LOAN_ID)?.i64()?.get(row);
    let line = loans.frame.column(columns::LOAN_ID)?.i64()?.iter().position(|id| id == loan);
    let rule = format!("gives `{name}`: {error}");
    Ok(Some(Finding::new(loans, made_from(name), rule, rows.count(), line.unwrap_or(row))))
}

/// The loan file's column to look at where a feature is out of its range.
fn made_from(feature: &str) -> &'static str {
    match feature {
        columns::AGE | columns::AGE_EVENT => columns::BIRTHDAY,
        columns::YEARS_ON_THE_JOB | columns::YEARS_ON_THE_JOB_EVENT => columns::JOB_START_DATE,
        columns::AVG_AMOUNT_LOANS_PREVIOUS => columns::LOAN_AMOUNT,
        columns::FLAG_OWN_CAR => columns::FLAG_OWN_CAR,
        _ => columns::LOAN_ID,
    }
}

fn entities(frame: &DataFrame) -> PolarsResult<u64> {
    let firsts = frame.column(columns::NB_PREVIOUS_LOANS)?.i64()?.iter().filter(|nb| *nb == Some(0));
    Ok(firsts.count() as u64)
}

fn write(frame: &mut DataFrame, manifest: &Manifest, out: &Path) -> Result<(), FeaturesError> {
    atomic::write(out, |file| {
        ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(None))
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(manifest.pairs())))
            .finish(frame)?;
        Ok(())
    })
}
