//! The offline store as training sees it: a sample, and what its rows can be told apart by.

use contract::card::Quality;
use contract::date::Date;
use contract::digest::Digest;
use contract::view::{Ages, FeatureView};

use super::rows::{Rows, Sample};
use crate::offline::{Category, Manifest, Table};

/// All rows of an offline store with the ages a recipe wants.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The rows with labels, users and days.
    pub sample: Sample,
    /// Every user's latest row with the ages that are served: what a host will ask the model about.
    pub served: Rows,
    /// What an evaluation is sliced by.
    pub slicings: Vec<Slicing>,
    /// What ages count from in the rows.
    pub ages: Ages,
    /// The day the store was computed for.
    pub as_of: Date,
    /// The digest of the store's file.
    pub digest: Digest,
    /// What the checks of the loan files found; none where nothing beside the store says so.
    pub quality: Option<Quality>,
}

/// One way to tell rows apart.
#[derive(Debug, Clone)]
pub struct Slicing {
    /// What it goes by, such as `gender`.
    pub by: &'static str,
    /// The parts' names.
    pub names: Vec<String>,
    /// Each row's place in `names`.
    pub codes: Vec<u32>,
}

/// Why a store cannot be trained on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// The store holds nothing.
    #[error("the feature file holds no loan: compute features for a later --as-of, or from another loan file")]
    Empty,
    /// One user cannot be held out from the others.
    #[error("the feature file holds loans of one user only: training holds users out, and needs many")]
    OneUser,
    /// There is nothing to tell apart.
    #[error("all {rows} loans have status {label}: a classifier needs loans that were paid and loans that were not")]
    OneClass {
        /// The loans.
        rows: usize,
        /// The label of all of them.
        label: u8,
    },
}

/// The inner edges of the age bands, and their names.
const AGE_EDGES: [f64; 4] = [30.0, 40.0, 50.0, 60.0];
const AGE_BANDS: [&str; 5] = ["under 30", "30-39", "40-49", "50-59", "60 and over"];

impl Dataset {
    /// Takes a store's rows with these ages, in the view's order, and checks that they can be learned from.
    ///
    /// # Errors
    /// [`DatasetError`], before any long work starts.
    pub fn new(table: &Table, ages: Ages) -> Result<Self, DatasetError> {
        let view = FeatureView::credit_risk();
        let sample = Sample {
            rows: Rows::new(view.width(), table.rows(ages)),
            labels: table.labels.clone(),
            entities: table.ids.clone(),
            days: table.event_days.clone(),
        };
        check(&sample)?;
        let of = |by, category: &Category| Slicing { by, names: category.names.clone(), codes: category.codes.clone() };
        let mut slicings = vec![of("gender", &table.gender), of("housing", &table.housing)];
        slicings.extend(view.position("age").map(|age| by_age(&sample.rows, age)));
        let served = Rows::new(view.width(), table.rows(view.ages)).select(&table.latest());
        let quality = table.manifest.as_ref().map(Manifest::quality);
        Ok(Self { sample, served, slicings, ages, as_of: table.as_of, digest: table.digest, quality })
    }
}

fn check(sample: &Sample) -> Result<(), DatasetError> {
    let (rows, positives) = (sample.rows.len(), sample.positives());
    if rows == 0 {
        return Err(DatasetError::Empty);
    }
    if sample.entities_count() < 2 {
        return Err(DatasetError::OneUser);
    }
    if positives == 0 || positives == rows {
        return Err(DatasetError::OneClass { rows, label: u8::from(positives > 0) });
    }
    Ok(())
}

fn by_age(rows: &Rows, age: usize) -> Slicing {
    let band = |years: f64| AGE_EDGES.iter().filter(|&&edge| years >= edge).count() as u32;
    Slicing { by: "age", names: AGE_BANDS.map(str::to_owned).to_vec(), codes: rows.column(age).map(band).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let check = |entities: &[i64], labels: &[u8]| {
            let rows = Rows::new(1, vec![0.0; labels.len()]);
            let days = vec![0; labels.len()];
            super::check(&Sample { rows, labels: labels.to_vec(), entities: entities.to_vec(), days })
        };
        assert_eq!(check(&[], &[]), Err(DatasetError::Empty));
        assert_eq!(check(&[7, 7], &[0, 1]), Err(DatasetError::OneUser));
        assert_eq!(check(&[7, 8], &[0, 0]), Err(DatasetError::OneClass { rows: 2, label: 0 }));
        assert_eq!(check(&[7, 8], &[1, 1]), Err(DatasetError::OneClass { rows: 2, label: 1 }));
        assert_eq!(check(&[7, 8], &[0, 1]), Ok(()));
    }

    #[test]
    fn ages_fall_into_bands() {
        let slicing = by_age(&Rows::new(1, vec![21.0, 29.0, 30.0, 39.0, 40.0, 59.0, 60.0, 99.0]), 0);
        assert_eq!(slicing.codes, [0, 0, 1, 1, 2, 3, 4, 4]);
    }
}
