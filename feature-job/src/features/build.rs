//! From loan files to an offline store: read, check, compute, hold against the view, write.

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::digest::Digest;
use contract::view::{Ages, Feature};
use polars::prelude::*;
use rayon::prelude::*;

use super::plan::Plan;
use super::source::has_ages;
use crate::atomic::{self, AtomicError};
use crate::columns;
use crate::loans::LoansError;
use crate::loans::check::{self, Finding};
use crate::loans::read::Loans;
use crate::offline::manifest::{self, Manifest};
use crate::offline::{Source, Writer};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
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

/// What features are computed, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The view, planned.
    pub plan: Plan,
    /// The day they are computed for.
    pub as_of: Date,
    /// What ages count from in the features' own columns.
    pub ages: Ages,
}

impl Options {
    /// Takes the view of credit risk with ages as they are served.
    pub fn at(as_of: Date) -> Self {
        Self { plan: Plan::credit_risk(), as_of, ages: Ages::AsOf }
    }
}

/// Computes the features of loan files, and writes them as an offline store.
///
/// # Errors
/// [`FeaturesError`]; nothing is written then.
pub fn build(inputs: &[PathBuf], options: &Options, out: &Path) -> Result<Summary, FeaturesError> {
    atomic::ready(out, &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let Options { plan, as_of, ages } = options;
    let loans = Loans::read(inputs, &plan.loan_columns())?;
    tracing::debug!(loans = loans.frame.height(), "read");
    let checked = check::check(&loans)?;
    let sources = sources(&checked, &loans, *as_of)?;
    let frame = known(checked, *as_of)?;
    tracing::debug!(known = frame.height(), "checked");
    let frame = super::compute(super::sorted(&frame)?, plan, *as_of, *ages)?;
    tracing::debug!("computed");
    within_view(&frame, &loans, plan)?;

    let manifest = Manifest {
        as_of: *as_of,
        ages: *ages,
        view: plan.view().clone(),
        sources,
        rows: frame.height() as u64,
        entities: frame.column(columns::ID)?.n_unique()? as u64,
        builder: manifest::builder(),
    };
    let nulls = frame.columns().iter().map(|column| (column.name().to_string(), column.null_count()));
    let nulls = nulls.filter(|(_, count)| *count > 0).collect();
    write(frame, plan, &manifest, out)?;
    Ok(Summary { manifest, nulls })
}

/// Gives what is to be said of each file; the loans after as-of are counted.
fn sources(checked: &DataFrame, loans: &Loans, as_of: Date) -> PolarsResult<Vec<Source>> {
    let days = checked.column(columns::LOAN_DATE)?.to_physical_repr();
    let mut later = days.i32()?.iter().map(|day| day.is_some_and(|day| day > as_of.days()));
    let mut source = |(digest, rows): (Digest, usize)| {
        let excluded = later.by_ref().take(rows).filter(|later| *later).count() as u64;
        Source { digest, rows: rows as u64, rejected: 0, excluded, findings: Vec::new() }
    };
    Ok(loans.digests.iter().map(|&file| source(file)).collect())
}

/// Leaves out the loans after as-of: on that day nobody knows of them.
fn known(frame: DataFrame, as_of: Date) -> Result<DataFrame, FeaturesError> {
    let days = frame.column(columns::LOAN_DATE)?.to_physical_repr();
    let days = days.i32()?;
    let mask: BooleanChunked = days.lt_eq(as_of.days());
    if mask.any() {
        return Ok(frame.filter(&mask)?);
    }
    let first = days.min().and_then(Date::from_days).unwrap_or(as_of);
    Err(FeaturesError::AllExcluded { loans: frame.height(), as_of, first })
}

/// Holds every value against the range that the view declares for it.
fn within_view(frame: &DataFrame, loans: &Loans, plan: &Plan) -> Result<(), FeaturesError> {
    let features = &plan.view().features;
    let own = features.iter().map(|feature| (feature, feature.name.as_str().to_owned()));
    let aged = features.iter().filter(|feature| has_ages(feature));
    let named: Vec<_> = own.chain(aged.map(|feature| (feature, columns::event(feature.name.as_str())))).collect();
    let broken = named.into_par_iter().map(|(feature, name)| out_of_range(frame, loans, feature, &name));
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
    let read = feature.source.column().and_then(|column| columns::find(column.as_str()));
    let read = read.map_or(columns::LOAN_ID, |(name, _)| name);
    let rule = format!("gives `{name}`: {error}");
    Ok(Some(Finding::new(loans, read, rule, rows.count(), line.unwrap_or(row))))
}

fn write(frame: DataFrame, plan: &Plan, manifest: &Manifest, out: &Path) -> Result<(), FeaturesError> {
    atomic::write(out, |file| {
        let mut writer = Writer::new(file, plan, manifest)?;
        writer.append(frame)?;
        Ok(writer.finish()?)
    })
}
