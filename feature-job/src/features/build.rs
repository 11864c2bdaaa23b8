//! From loan files to an offline store: judge, compute, hold against the view, write, a part of the users at a time.

use std::path::{Path, PathBuf};

use contract::card::QualityFinding;
use contract::date::Date;
use contract::digest::HashingWriter;
use contract::ids::FeatureName;
use contract::view::{Ages, ValueError};
use polars::prelude::*;
use rayon::prelude::*;

use super::base::{self, Base, BaseError};
use super::plan::Plan;
use super::source::has_ages;
use crate::atomic::{self, AtomicError};
use crate::columns;
use crate::exit::{Code, Stop};
use crate::loans::read::{LoanFile, Loans};
use crate::loans::rules::Rules;
use crate::loans::users::Users;
use crate::loans::{LoansError, inputs};
use crate::offline::{Content, Manifest, Source, Writer};
use crate::quality::{self, Passed, QualityError};

/// How many loans are computed and stored together; a row group of the store has as many, and the rest of a user's.
const PART_ROWS: usize = 1 << 17;

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What the file says about itself.
    pub manifest: Manifest,
    /// The columns that have nulls.
    pub nulls: Nulls,
}

/// How many values are null, for each column.
pub type Nulls = Vec<(String, usize)>;

/// Why there is no offline store.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// The loans do not pass.
    #[error(transparent)]
    Quality(#[from] QualityError),
    /// The store that was to be extended does not go with what is asked, or with the new loans.
    #[error(transparent)]
    Base(#[from] BaseError),
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
    /// The view allows less than the loans' own rules do.
    #[error("{rows} loans give `{feature}` values that the view does not allow; the first is loan {loan_id}: {error}")]
    View {
        /// The feature.
        feature: FeatureName,
        /// How many of the loans that were looked at together.
        rows: usize,
        /// The first of them.
        loan_id: i64,
        /// What is wrong with its value.
        error: ValueError,
    },
    /// The engine failed.
    #[error("computing the features failed: {0}")]
    Compute(#[from] PolarsError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

impl From<LoansError> for FeaturesError {
    fn from(error: LoansError) -> Self {
        Self::Quality(error.into())
    }
}

impl FeaturesError {
    /// Makes it the error of a verb, with the exit code of refused data where that is what it is.
    pub fn stop(self) -> anyhow::Error {
        match self {
            Self::Quality(error) => error.stop(),
            Self::View { .. } => Stop { code: Code::DataRefused, said: self.to_string() }.into(),
            Self::Base(error) if error.is_of_the_data() => {
                Stop { code: Code::DataRefused, said: error.to_string() }.into()
            }
            _ => self.into(),
        }
    }
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
    /// The store to extend by the loans that it does not have; none computes anew.
    pub since: Option<PathBuf>,
    /// The largest share of rows that may break a rule.
    pub rejects_max_share: f64,
    /// The folder for the report on the loans; beside the output if none is named.
    pub quality: Option<PathBuf>,
}

impl Options {
    /// Takes all else as it is unless told otherwise: the view of credit risk, ages as they are served.
    pub fn at(as_of: Date) -> Self {
        Self {
            plan: Plan::credit_risk(),
            as_of,
            ages: Ages::AsOf,
            since: None,
            rejects_max_share: quality::REJECTS_MAX_SHARE,
            quality: None,
        }
    }
}

/// Computes the features of loan files, and writes them as an offline store. The loans are judged first, and a report says
/// what was found.
///
/// # Errors
/// [`FeaturesError`]; no store is written then, and the one that was there stays.
pub fn build(names: &[PathBuf], options: &Options, out: &Path) -> Result<Summary, FeaturesError> {
    let files = inputs::files(names)?;
    atomic::ready(out, &files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let base = options.since.as_deref().map(|store| Base::open(store, options)).transpose()?;
    let beside = quality::folder_beside(out);
    let request = quality::Request {
        files: &files,
        kept: &options.plan.loan_columns(),
        as_of: options.as_of,
        folder: options.quality.as_deref().unwrap_or(&beside),
        rejects_max_share: options.rejects_max_share,
    };
    let Passed { mut loans, mut users, .. } = quality::judge(&request)?;
    let mut sources: Vec<_> = loans.files.iter().filter_map(|file| source(file, &loans.rules)).collect();
    if let Some(base) = base {
        sources = base.extend(&mut loans, sources)?;
        users = Users::of(loans.held.whole(loans.place(columns::ID)));
        base::attributes_kept(&loans, &users)?;
    }

    let days = loans.held.days(loans.place(columns::LOAN_DATE));
    let parts = users.parts(days, options.as_of.days(), PART_ROWS);
    if parts.is_empty() {
        let first = days.iter().min().and_then(|day| Date::from_days(*day)).unwrap_or(options.as_of);
        return Err(FeaturesError::AllExcluded { loans: days.len(), as_of: options.as_of, first });
    }
    let (manifest, nulls) = write(&loans, options, &parts, sources, out)?;
    // Until here the manifest of the store that was there stood in it as well.
    manifest.settle(out)?;
    Ok(Summary { manifest, nulls })
}

fn content(loans: &Loans, options: &Options, parts: &[Vec<u32>]) -> Content {
    let ids = loans.held.whole(loans.place(columns::ID));
    let users = |rows: &[u32]| rows.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]).count() as u64;
    Content {
        as_of: options.as_of,
        ages: options.ages,
        view: options.plan.view().clone(),
        rows: parts.iter().map(|rows| rows.len() as u64).sum(),
        entities: parts.iter().map(|rows| users(rows)).sum(),
    }
}

/// Gives what is to be said of a file that was read to its end.
fn source(file: &LoanFile, rules: &Rules) -> Option<Source> {
    let broken = rules.list.iter().zip(&file.broken).filter(|(_, rows)| **rows > 0);
    let findings =
        broken.map(|(rule, &rows)| QualityFinding { rule: rule.name.clone(), column: rule.column.clone(), rows });
    let LoanFile { digest, rows, rejected, excluded, .. } = *file;
    Some(Source { digest: digest?, rows, rejected, excluded, findings: findings.collect() })
}

/// Computes parts side by side and writes them in order, each as a row group; gives the manifest, which is announced beside
/// the store before the store is put in its place, and the nulls of each column.
fn write(
    loans: &Loans,
    options: &Options,
    parts: &[Vec<u32>],
    sources: Vec<Source>,
    out: &Path,
) -> Result<(Manifest, Nulls), FeaturesError> {
    let content = content(loans, options, parts);
    let mut nulls = Nulls::new();
    let manifest = atomic::write(out, |file| -> Result<Manifest, FeaturesError> {
        let mut file = HashingWriter::new(file);
        let mut writer = Writer::new(&mut file, &options.plan, &content)?;
        for together in parts.chunks(rayon::current_num_threads()) {
            let computed: Result<Vec<_>, _> = together.par_iter().map(|rows| compute(loans, options, rows)).collect();
            for frame in computed? {
                count_nulls(&frame, &mut nulls);
                writer.append(frame)?;
            }
        }
        writer.finish()?;
        let manifest = Manifest::of(&content, file.finish(), sources);
        manifest.announce(out)?;
        Ok(manifest)
    })?;
    nulls.retain(|(_, count)| *count > 0);
    Ok((manifest, nulls))
}

fn compute(loans: &Loans, options: &Options, rows: &[u32]) -> Result<DataFrame, FeaturesError> {
    let Options { plan, as_of, ages, .. } = options;
    let frame = super::compute(loans.held.frame(loans.schema, rows)?, plan, *as_of, *ages)?;
    within_view(&frame, plan)?;
    Ok(frame)
}

fn count_nulls(frame: &DataFrame, nulls: &mut Nulls) {
    if nulls.is_empty() {
        nulls.extend(frame.columns().iter().map(|column| (column.name().to_string(), 0)));
    }
    nulls.iter_mut().zip(frame.columns()).for_each(|((_, count), column)| *count += column.null_count());
}

/// Holds every value against the range that the view declares for it. The shipped view allows all that the rules of the
/// loans let through; another may not.
fn within_view(frame: &DataFrame, plan: &Plan) -> Result<(), FeaturesError> {
    for feature in &plan.view().features {
        let event = has_ages(feature).then(|| columns::event(feature.name.as_str()));
        for name in [feature.name.as_str()].into_iter().chain(event.as_deref()) {
            let values = frame.column(name)?.cast(&DataType::Float64)?;
            let wrong = |value: Option<f64>| feature.check(value.unwrap_or(f64::NAN)).err();
            let rows = values.f64()?.iter().enumerate().filter_map(|(row, value)| Some((row, wrong(value)?)));
            let mut rows = rows.peekable();
            if let Some((row, error)) = rows.peek().cloned() {
                let loan_id = frame.column(columns::LOAN_ID)?.i64()?.get(row).unwrap_or_default();
                return Err(FeaturesError::View { feature: feature.name.clone(), rows: rows.count(), loan_id, error });
            }
        }
    }
    Ok(())
}
