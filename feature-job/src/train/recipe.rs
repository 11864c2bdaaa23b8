//! What a recipe is: a named, seeded way from labelled rows to a model.

use std::collections::BTreeMap;

use contract::card::OutputKind;
use contract::view::Ages;
use guest_model::Model;
use serde_json::Value;

use super::metrics::best_f1_threshold;
use super::recipes::{Baseline, Forest, Logistic};
use super::regression::RegressionError;
use super::rows::{Rows, Sample};
use super::scoring::{self, ScoringError};
use super::smote::SmoteError;
use super::split::{SplitKind, by_users};
use super::trees::ForestError;

/// The recipes by the names a user types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RecipeName {
    /// The data scientist's own: five deep trees on rows split by row and balanced by SMOTE. To compare with, not to use.
    Baseline,
    /// A probability forest of 100 trees, users held out.
    Forest,
    /// Logistic regression, users held out. The one to beat.
    Logistic,
}

/// A way to make a model. Each stands in a file of its own under `recipes/`, parameters first.
pub trait Recipe: Sync {
    /// The name that stands in the card.
    fn name(&self) -> &'static str;
    /// The model's family that stands in the card.
    fn family(&self) -> &'static str;
    /// What ages count from in the rows it learns from.
    fn ages(&self) -> Ages;
    /// What its numbers mean.
    fn output(&self) -> OutputKind;
    /// How it is judged. The model fitted for the first of these is the one that goes into the module.
    fn splits(&self) -> &'static [SplitKind];
    /// All that was chosen by hand.
    fn parameters(&self) -> BTreeMap<String, Value>;
    /// Fits a model to the training part.
    ///
    /// # Errors
    /// [`FitError`], when these rows cannot be learned from.
    fn fit(&self, part: &Sample, seed: u64) -> Result<Fitted, FitError>;
}

/// A model with what is known from fitting it.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// From which score on a row is decided positive.
    pub threshold: f64,
    /// Rows the model was fitted on, after resampling.
    pub rows: usize,
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
    #[error("none of the {rows} rows kept aside to choose the threshold is positive: give more data")]
    NoThreshold {
        /// Rows kept aside.
        rows: usize,
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

impl RecipeName {
    /// Gives the recipe of this name.
    pub fn recipe(self) -> &'static dyn Recipe {
        match self {
            Self::Baseline => &Baseline,
            Self::Forest => &Forest,
            Self::Logistic => &Logistic,
        }
    }
}

/// Refuses rows of one class, which no recipe can learn from.
pub fn two_classes(part: &Sample) -> Result<(), FitError> {
    let (rows, positives) = (part.rows.len(), part.positives());
    if positives == 0 || positives == rows {
        return Err(FitError::OneClass { rows, label: u8::from(positives > 0) });
    }
    Ok(())
}

/// The share of the training part's users who choose the threshold and are not fitted on: 10 % of all users.
pub const THRESHOLD_SHARE: f64 = 1.0 / 7.0;

/// Fits on most users of the training part and lets the others choose the threshold with the highest F1, so that neither
/// the rows fitted on nor the held-out ones decide it.
pub fn fit_and_choose(
    part: &Sample,
    seed: u64,
    fit: impl FnOnce(&Rows, &[u8]) -> Result<Model, FitError>,
) -> Result<Fitted, FitError> {
    let split = by_users(&part.entities, &part.labels, THRESHOLD_SHARE, seed.wrapping_add(1));
    let (fitting, choosing) = (part.select(&split.train), part.select(&split.test));
    two_classes(&fitting)?;
    let model = fit(&fitting.rows, &fitting.labels)?;
    let scores = scoring::score(&model, &choosing.rows)?;
    let threshold =
        best_f1_threshold(&scores, &choosing.labels).ok_or(FitError::NoThreshold { rows: choosing.rows.len() })?;
    Ok(Fitted { model, threshold, rows: fitting.rows.len() })
}
