//! The offline store in memory, as training and publishing want it: rows in the view's order, NaN where missing.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::digest::Digest;
use contract::view::{Ages, FeatureView};
use polars::prelude::*;

use super::manifest::{Manifest, ManifestError};
use crate::columns;

/// An offline store, read whole.
#[derive(Debug, Clone)]
pub struct Table {
    /// Each row's loan.
    pub loan_ids: Vec<i64>,
    /// Each row's user; ascending.
    pub ids: Vec<i64>,
    /// Each row's event time, in days since 1970-01-01; ascending for one user.
    pub event_days: Vec<i32>,
    /// Each row's label: 1 if the loan was not paid on time.
    pub labels: Vec<u8>,
    /// Each row's gender, for the slices of an evaluation.
    pub gender: Category,
    /// Each row's kind of housing, for the slices of an evaluation.
    pub housing: Category,
    /// The day the features were computed for.
    pub as_of: Date,
    /// The digest of the whole file.
    pub digest: Digest,
    /// What the file says about itself.
    pub manifest: Manifest,
    values: BTreeMap<&'static str, Vec<f64>>,
}

/// A column of few different texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Category {
    /// The texts, ascending; a missing one is `(missing)`.
    pub names: Vec<String>,
    /// Each row's place in `names`.
    pub codes: Vec<u32>,
}

/// Why a file is no offline store.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; write it with `feature-job features`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is not Parquet, or damaged.
    #[error("{path} is no Parquet file, or a damaged one ({source}): write it anew with `feature-job features`")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reader's answer.
        source: PolarsError,
    },
    /// The file is Parquet, but not from `feature-job features`.
    #[error("{path} is no offline store: {source}; write it with `feature-job features`")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What its metadata lacks.
        source: ManifestError,
    },
    /// The file was computed for another feature view.
    #[error("{path} follows feature view {found}, this program {wanted}: compute the features anew")]
    View {
        /// The file.
        path: PathBuf,
        /// The view it follows.
        found: Digest,
        /// The view of this program.
        wanted: Digest,
    },
    /// A column holds what it must not.
    #[error("{path}: column `{column}` {said}; compute the features anew")]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        said: &'static str,
    },
}

impl Table {
    /// Reads an offline store.
    ///
    /// # Errors
    /// [`OfflineError`], which names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, OfflineError> {
        // Read once, so that what is hashed is what is decoded.
        let bytes = std::fs::read(path).map_err(|source| OfflineError::Read { path: path.to_owned(), source })?;
        let digest = Digest::of(&bytes);

        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let manifest = manifest(path, &guarded(path, || reader.get_metadata().cloned())?)?;
        let names = columns::OFFLINE.map(str::to_owned).to_vec();
        let reader = reader.with_columns(Some(names)).set_rechunk(true);
        let frame = guarded(path, || reader.finish())?;

        let column = |name| Column { path, name, column: frame.column(name).ok() };
        let ids = column(columns::ID).whole()?;
        let event_days = column(columns::LOAN_DATE).days()?;
        let sorted = ids.iter().zip(&event_days).is_sorted();
        if !sorted || ids.first().is_some_and(|&id| id < 0) {
            let said = "is not sorted by user and loan date, or negative";
            return Err(OfflineError::Column { path: path.to_owned(), column: columns::ID, said });
        }
        let labels = column(columns::STATUS).whole()?.into_iter().map(|label| u8::try_from(label).ok());
        let labels = labels.map(|label| label.filter(|&label| label <= 1)).collect::<Option<Vec<u8>>>();
        let said = "holds other labels than 0 and 1";
        let labels =
            labels.ok_or_else(|| OfflineError::Column { path: path.to_owned(), column: columns::STATUS, said })?;

        let mut values = BTreeMap::new();
        for name in VALUES {
            values.insert(name, column(name).floats()?);
        }
        Ok(Self {
            loan_ids: column(columns::LOAN_ID).whole()?,
            ids,
            event_days,
            labels,
            gender: column(columns::CODE_GENDER).category()?,
            housing: column(columns::NAME_HOUSING_TYPE).category()?,
            as_of: manifest.as_of,
            digest,
            manifest,
            values,
        })
    }

    /// Gives how many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Gives the features, row-major, `len` x the view's width, in the view's order, NaN where missing.
    pub fn rows(&self, ages: Ages) -> Vec<f64> {
        let view = FeatureView::credit_risk();
        let named = view.features.iter().map(|feature| columns::of_feature(feature.name.as_str(), ages));
        let columns: Vec<&[f64]> = named.map(|name| self.values[name].as_slice()).collect();
        let mut rows = Vec::with_capacity(self.len() * columns.len());
        for row in 0..self.len() {
            rows.extend(columns.iter().map(|column| column[row]));
        }
        rows
    }

    /// Gives the place of every user's most recent loan, in order of the users' ids.
    pub fn latest(&self) -> Vec<usize> {
        (0..self.len()).filter(|&row| self.ids.get(row + 1) != Some(&self.ids[row])).collect()
    }
}

/// The columns that can be a feature of a row.
const VALUES: [&str; 7] = [
    columns::NB_PREVIOUS_LOANS,
    columns::AVG_AMOUNT_LOANS_PREVIOUS,
    columns::AGE,
    columns::YEARS_ON_THE_JOB,
    columns::FLAG_OWN_CAR,
    columns::AGE_EVENT,
    columns::YEARS_ON_THE_JOB_EVENT,
];

/// Runs the decoder, which trusts its input in places; a file that gets it to panic is a damaged file.
pub(super) fn guarded<T>(path: &Path, decode: impl FnOnce() -> PolarsResult<T>) -> Result<T, OfflineError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(polars_err!(ComputeError: "the decoder gave up")))
        .map_err(|source| OfflineError::Parquet { path: path.to_owned(), source })
}

/// Reads the manifest of a file that follows this program's view.
pub(super) fn manifest(path: &Path, metadata: &FileMetadataRef) -> Result<Manifest, OfflineError> {
    let pairs = metadata.key_value_metadata().as_deref().unwrap_or_default();
    let find = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.as_deref();
    let manifest =
        Manifest::from_pairs(find).map_err(|source| OfflineError::Manifest { path: path.to_owned(), source })?;
    let wanted = FeatureView::credit_risk().digest();
    if manifest.view == wanted {
        Ok(manifest)
    } else {
        Err(OfflineError::View { path: path.to_owned(), found: manifest.view, wanted })
    }
}

/// A column on its way out of a frame, with the names an error needs.
pub(super) struct Column<'a> {
    pub path: &'a Path,
    pub name: &'static str,
    pub column: Option<&'a polars::prelude::Column>,
}

impl Column<'_> {
    fn refuse(&self, said: &'static str) -> OfflineError {
        OfflineError::Column { path: self.path.to_owned(), column: self.name, said }
    }

    fn of_type(&self, wanted: &DataType) -> Result<Series, OfflineError> {
        let column = self.column.filter(|column| column.dtype() == wanted);
        column.map(|column| column.as_materialized_series().clone()).ok_or_else(|| self.refuse("has another type"))
    }

    pub fn whole(&self) -> Result<Vec<i64>, OfflineError> {
        let series = self.of_type(&DataType::Int64)?;
        let numbers = series.i64().map_err(|_| self.refuse("has another type"))?;
        numbers.iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.refuse("has missing values"))
    }

    pub fn days(&self) -> Result<Vec<i32>, OfflineError> {
        let series = self.of_type(&DataType::Date)?;
        let physical = series.to_physical_repr();
        let days = physical.i32().map_err(|_| self.refuse("has another type"))?;
        days.iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.refuse("has missing values"))
    }

    pub fn floats(&self) -> Result<Vec<f64>, OfflineError> {
        let series = self.column.ok_or_else(|| self.refuse("is absent"))?.as_materialized_series();
        match series.dtype() {
            DataType::Int64 => {
                let numbers = series.i64().map_err(|_| self.refuse("has another type"))?;
                Ok(numbers.iter().map(|number| number.map_or(f64::NAN, |number| number as f64)).collect())
            }
            DataType::Float64 => {
                let numbers = series.f64().map_err(|_| self.refuse("has another type"))?;
                Ok(numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
            }
            _ => Err(self.refuse("has another type")),
        }
    }

    fn category(&self) -> Result<Category, OfflineError> {
        let series = self.of_type(&DataType::String)?;
        let texts = series.str().map_err(|_| self.refuse("has another type"))?;
        let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("(missing)")).collect();
        let places: BTreeMap<&str, u32> = texts.iter().map(|&text| (text, 0)).collect();
        let places: BTreeMap<&str, u32> = places.into_keys().zip(0..).collect();
        let names = places.keys().map(|&name| name.to_owned()).collect();
        Ok(Category { names, codes: texts.iter().map(|text| places[text]).collect() })
    }
}
