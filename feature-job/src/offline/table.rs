//! The offline store in memory, as training wants it: rows in the view's order, NaN where missing.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use contract::date::Date;
use contract::digest::Digest;
use contract::view::{Ages, FeatureView, Source};
use polars::prelude::*;

use super::OfflineError;
use super::column::Column;
use super::content::Content;
use super::manifest::Manifest;
use super::reader::{content, follows_own_view, guarded};
use crate::columns;
use crate::features::source::{has_ages, whole_years};

/// An offline store of the view that models are trained on, read whole.
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
    /// What the file says it holds.
    pub content: Content,
    /// Where it comes from, if that stands beside the file.
    pub manifest: Option<Manifest>,
    /// The features' columns; ages as of the store's day.
    values: BTreeMap<String, Vec<f64>>,
    /// The ages once more, from the loan's own day.
    event_values: BTreeMap<String, Vec<f64>>,
}

/// A column of few different texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Category {
    /// The texts, ascending; a missing one is `(missing)`.
    pub names: Vec<String>,
    /// Each row's place in `names`.
    pub codes: Vec<u32>,
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
        let content = content(path, guarded(path, || reader.get_metadata())?)?;
        follows_own_view(path, &content)?;
        let frame = guarded(path, || reader.set_rechunk(true).finish())?;

        let column = |name| Column::of(path, &frame, name);
        let ids = column(columns::ID).whole()?;
        let event_days = column(columns::LOAN_DATE).days()?;
        let sorted = ids.iter().zip(&event_days).is_sorted();
        if !sorted || ids.first().is_some_and(|&id| id < 0) {
            return Err(column(columns::ID).refuse("is not sorted by user and loan date, or negative"));
        }
        let labels = column(columns::STATUS).whole()?.into_iter().map(|label| u8::try_from(label).ok());
        let labels = labels.map(|label| label.filter(|&label| label <= 1)).collect::<Option<Vec<u8>>>();
        let labels = labels.ok_or_else(|| column(columns::STATUS).refuse("holds other labels than 0 and 1"))?;

        let (mut values, mut event_values) = (BTreeMap::new(), BTreeMap::new());
        for feature in &content.view.features {
            let name = feature.name.as_str();
            let value = match (&feature.source, content.ages) {
                // The store's own column counts from the loan; what is served counts from as-of.
                (Source::YearsSince(from), Ages::Event) => {
                    let days = column(from.as_str()).days_or_missing()?;
                    let years = days.into_iter().map(|day| whole_years(day, content.as_of.days()));
                    years.map(|years| years.map_or(f64::NAN, f64::from)).collect()
                }
                _ => column(name).floats()?,
            };
            values.insert(name.to_owned(), value);
            if has_ages(feature) {
                let event = columns::event(name);
                event_values.insert(name.to_owned(), Column::of(path, &frame, &event).floats()?);
            }
        }
        Ok(Self {
            loan_ids: column(columns::LOAN_ID).whole()?,
            labels,
            gender: column(columns::CODE_GENDER).category()?,
            housing: column(columns::NAME_HOUSING_TYPE).category()?,
            as_of: content.as_of,
            ids,
            event_days,
            digest,
            manifest: Manifest::beside(path, digest),
            content,
            values,
            event_values,
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

    /// Gives the features, row-major, `len` x the view's width, in the view's order, NaN where missing. Either ages can be had
    /// of any store, whichever its own columns hold.
    pub fn rows(&self, ages: Ages) -> Vec<f64> {
        let column = |name: &str| match (ages, self.event_values.get(name)) {
            (Ages::Event, Some(event)) => event.as_slice(),
            _ => self.values[name].as_slice(),
        };
        let view = FeatureView::credit_risk();
        let columns: Vec<&[f64]> = view.features.iter().map(|feature| column(feature.name.as_str())).collect();
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
