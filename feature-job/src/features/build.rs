//! From loan files to an offline store: judge, compute, hold against the view, write, a part of the users at a time.

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::FeatureName;
use contract::view::{Ages, FeatureView, ValueError};
use polars::prelude::*;
use rayon::prelude::*;

use crate::atomic::{self, AtomicError};
use crate::columns;
use crate::exit::{Code, Stop};
use crate::loans::read::Loans;
use crate::loans::{LoansError, inputs};
use crate::offline::Manifest;
use crate::quality::{self, Passed, QualityError};

/// How many loans are computed and stored together; a row group of the store has as many, and the rest of a user's.
const PART_ROWS: usize = 1 << 17;

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
    /// The loans do not pass.
    #[error(transparent)]
    Quality(#[from] QualityError),
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
            _ => self.into(),
        }
    }
}

/// What features are computed, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The day they are computed for.
    pub as_of: Date,
    /// The largest share of rows that may break a rule.
    pub rejects_max_share: f64,
    /// The folder for the report on the loans; beside the output if none is named.
    pub quality: Option<PathBuf>,
}

impl Options {
    /// Takes all else as it is unless told otherwise.
    pub fn at(as_of: Date) -> Self {
        Self { as_of, rejects_max_share: quality::REJECTS_MAX_SHARE, quality: None }
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
    let beside = quality::folder_beside(out);
    let request = quality::Request {
        files: &files,
        kept: &KEPT,
        as_of: options.as_of,
        folder: options.quality.as_deref().unwrap_or(&beside),
        rejects_max_share: options.rejects_max_share,
    };
    let Passed { loans, users, .. } = quality::judge(&request)?;

    let days = loans.held.days(loans.place(columns::LOAN_DATE));
    let parts = users.parts(days, options.as_of.days(), PART_ROWS);
    if parts.is_empty() {
        let first = days.iter().min().and_then(|day| Date::from_days(*day)).unwrap_or(options.as_of);
        return Err(FeaturesError::AllExcluded { loans: days.len(), as_of: options.as_of, first });
    }
    let manifest = manifest(&loans, &parts);
    let nulls = write(&loans, &parts, &manifest, out)?;
    Ok(Summary { manifest, nulls })
}

/// The columns that features, labels and slices are made from.
pub const KEPT: [&str; 10] = [
    columns::LOAN_ID,
    columns::ID,
    columns::CODE_GENDER,
    columns::FLAG_OWN_CAR,
    columns::NAME_HOUSING_TYPE,
    columns::STATUS,
    columns::BIRTHDAY,
    columns::JOB_START_DATE,
    columns::LOAN_DATE,
    columns::LOAN_AMOUNT,
];

fn manifest(loans: &Loans, parts: &[Vec<u32>]) -> Manifest {
    let ids = loans.held.whole(loans.place(columns::ID));
    let users = |rows: &[u32]| rows.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]).count() as u64;
    let digests: Vec<_> = loans.files.iter().filter_map(|file| file.digest).collect();
    let source = match digests.as_slice() {
        [only] => *only,
        several => Digest::of(several.iter().map(|digest| format!("{digest}\n")).collect::<String>().as_bytes()),
    };
    Manifest {
        as_of: loans.as_of,
        view: FeatureView::credit_risk().digest(),
        source,
        rows: parts.iter().map(|rows| rows.len() as u64).sum(),
        entities: parts.iter().map(|rows| users(rows)).sum(),
        excluded: loans.files.iter().map(|file| file.excluded).sum(),
    }
}

/// Computes parts side by side and writes them in order; gives the nulls of each column.
fn write(
    loans: &Loans,
    parts: &[Vec<u32>],
    manifest: &Manifest,
    out: &Path,
) -> Result<Vec<(String, usize)>, FeaturesError> {
    let mut nulls: Vec<_> = columns::OFFLINE.iter().map(|name| ((*name).to_owned(), 0)).collect();
    // A frame without rows has the columns' types.
    let schema = super::compute(loans.held.frame(loans.schema, &[])?, loans.as_of)?.schema().clone();
    atomic::write(out, |file| -> Result<(), FeaturesError> {
        let mut writer = ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(None))
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(manifest.pairs())))
            .batched(&schema)?;
        for together in parts.chunks(rayon::current_num_threads()) {
            let computed: Result<Vec<_>, _> = together.par_iter().map(|rows| compute(loans, rows)).collect();
            for mut frame in computed? {
                nulls.iter_mut().zip(frame.columns()).for_each(|((_, count), column)| *count += column.null_count());
                // A frame of several chunks would become several groups.
                frame.rechunk_mut();
                writer.write_batch(&frame)?;
            }
        }
        writer.finish()?;
        Ok(())
    })?;
    nulls.retain(|(_, count)| *count > 0);
    Ok(nulls)
}

fn compute(loans: &Loans, rows: &[u32]) -> Result<DataFrame, FeaturesError> {
    let frame = loans.held.frame(loans.schema, rows)?;
    let frame = super::compute(frame, loans.as_of)?;
    within_view(&frame)?;
    Ok(frame)
}

/// Holds every value against the range that the view declares for it. The shipped view allows all that the rules of the
/// loans let through; another may not.
fn within_view(frame: &DataFrame) -> Result<(), FeaturesError> {
    for feature in &FeatureView::credit_risk().features {
        let mut names = vec![feature.name.as_str()];
        names.extend([Ages::Event].map(|ages| columns::of_feature(feature.name.as_str(), ages)));
        names.dedup();
        for name in names {
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
