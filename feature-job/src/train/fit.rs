//! From rows to a model, step by step, as a recipe has it.
//!
//! Some users are kept aside; the others' rows are searched on and learned from. Then those kept aside calibrate the model
//! and choose the threshold, so that neither the rows learned from nor the held-out ones decide it.

use std::collections::BTreeMap;

use guest_model::{Family, Model};
use serde_json::{Value, json};

use super::recipe::{Form, Recipe};
use super::regression::RegressionError;
use super::rows::Sample;
use super::scoring::{self, ScoringError};
use super::search::{Found, learn};
use super::smote::SmoteError;
use super::split::by_users;
use super::trees::ForestError;

/// A model with what is known from fitting it.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// From which score on a row is decided positive.
    pub threshold: f64,
    /// Rows the model was fitted on, after resampling.
    pub rows: usize,
    /// All that was chosen by hand or by search, for the card.
    pub parameters: BTreeMap<String, Value>,
}

/// Why rows cannot be learned from.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// All rows of the training part are of one class.
    #[error("all {rows} rows to fit on have label {label}: a classifier needs rows of both classes, give more data")]
    OneClass {
        /// Rows to fit on.
        rows: usize,
        /// Their label.
        label: u8,
    },
    /// No positive row is left to choose the threshold by.
    #[error(
        "none of the {rows} rows kept aside to choose the threshold is positive: give more data, or a fixed threshold"
    )]
    NoThreshold {
        /// Rows kept aside.
        rows: usize,
    },
    /// A fold cannot be judged by.
    #[error("the rows of fold {fold} of {folds} are of one class: give more data, or search with fewer folds")]
    Fold {
        /// The fold, from 1.
        fold: usize,
        /// How many there are.
        folds: usize,
    },
    /// SMOTE found too few rows.
    #[error(transparent)]
    Smote(#[from] SmoteError),
    /// The forest failed.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// The regression failed.
    #[error(transparent)]
    Regression(#[from] RegressionError),
    /// The fitted model could not be run.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// What is added to the seed to draw the users kept aside.
const ASIDE_SEED: u64 = 1;

/// Fits a model to the training part.
///
/// # Errors
/// [`FitError`], when these rows cannot be learned from.
pub fn fit(recipe: &Recipe, part: &Sample, seed: u64) -> Result<Fitted, FitError> {
    let Form { missing, imbalance, calibration, threshold, aside_share, .. } = &recipe.form;
    let aside_seed = seed.wrapping_add(ASIDE_SEED);
    let split = aside_share.map(|share| by_users(&part.entities, &part.labels, share, aside_seed));
    let (fitting, aside) = match &split {
        None => (part.clone(), part.select(&[])),
        Some(split) => (part.select(&split.train), part.select(&split.test)),
    };
    two_classes(&fitting)?;
    let search = recipe.search.as_ref().map(|search| search.run(&fitting, *missing, imbalance, seed)).transpose()?;
    let learner = search.as_ref().map_or(&recipe.learner, |found| &found.learner);
    let (mut model, rows) = learn(learner, &fitting, *missing, imbalance, seed)?;

    let scores = scoring::score(&model, &aside.rows)?;
    model.calibration = calibration.fit(&scores, &aside.labels)?;
    let scores = scoring::score(&model, &aside.rows)?;
    let chosen = threshold.choose(&scores, &aside.labels);
    let threshold = chosen.ok_or(FitError::NoThreshold { rows: aside.rows.len() })?;
    let parameters = parameters(recipe, search.as_ref(), &model.family);
    Ok(Fitted { model, threshold, rows, parameters })
}

/// Lists all that was chosen, by hand or by search.
fn parameters(recipe: &Recipe, search: Option<&Found>, family: &Family) -> BTreeMap<String, Value> {
    let form = &recipe.form;
    let mut table = form.parameters.clone();
    table.extend(search.map(|found| found.values.clone()).unwrap_or_default());
    let mut all: BTreeMap<String, Value> = table.into_iter().map(|(name, value)| (name, json!(value))).collect();
    let stages = [
        ("missing", json!(form.missing)),
        ("imbalance", json!(form.imbalance)),
        ("calibration", json!(form.calibration)),
        ("threshold", json!(form.threshold)),
        ("aside_share", json!(form.aside_share)),
        ("test_share", json!(form.splits.test_share)),
        ("split_date", json!(form.splits.date)),
        ("search", search.map_or(Value::Null, |found| found.table.clone())),
    ];
    all.extend(stages.map(|(name, value)| (name.to_owned(), value)));
    if let Family::Boosted(boosted) = family {
        all.insert("trees_kept".to_owned(), json!(boosted.trees.len()));
    }
    all
}

/// Refuses rows of one class, which no recipe can learn from.
///
/// # Errors
/// [`FitError::OneClass`].
pub fn two_classes(part: &Sample) -> Result<(), FitError> {
    let (rows, positives) = (part.rows.len(), part.positives());
    if positives == 0 || positives == rows {
        return Err(FitError::OneClass { rows, label: u8::from(positives > 0) });
    }
    Ok(())
}
