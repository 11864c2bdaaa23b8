//! Fitting a recipe on one side of a split and judging it on the other.

use contract::card::{Evaluation, Metrics};
use contract::exact::ExactF64;
use rayon::prelude::*;

use super::bootstrap;
use super::dataset::Dataset;
use super::fairness::fairness;
use super::fit::{FitError, Fitted};
use super::metrics::measure;
use super::recipe::Recipe;
use super::scoring;
use super::slices::slices;
use super::split::{Split, SplitKind};

/// A fit with the split it was made on and what it was found to be worth.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The model.
    pub fitted: Fitted,
    /// The rows it was fitted on and judged by.
    pub split: Split,
    /// The model's scores of the held-out rows, in the order of `split.test`.
    pub scores: Vec<f64>,
    /// The figures.
    pub evaluation: Evaluation,
}

/// Why a recipe could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// One side of the split has no row.
    #[error(
        "holding out by {kind} leaves no row to train on or none to judge by: give more data, or another day to split at"
    )]
    EmptySide {
        /// How rows were held out.
        kind: &'static str,
    },
    /// The fit failed.
    #[error("cannot fit with {kind} held out: {source}")]
    Fit {
        /// How rows were held out.
        kind: &'static str,
        /// What went wrong.
        source: FitError,
    },
}

/// Fits and judges the recipe once for each of its splits, at the same time; `done` hears of each that is ready.
///
/// # Errors
/// [`EvaluateError`] of the first split that failed, in the recipe's order.
pub fn judge_all(
    recipe: &Recipe,
    dataset: &Dataset,
    seed: u64,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Judged>, EvaluateError> {
    let judge_one = |kind: &SplitKind| {
        let judged = judge(recipe, dataset, *kind, seed);
        done();
        judged
    };
    let all: Vec<Result<Judged, EvaluateError>> = recipe.splits().par_iter().map(judge_one).collect();
    all.into_iter().collect()
}

/// Splits, fits on one side and judges on the other.
///
/// # Errors
/// [`EvaluateError`], when a side is empty or the fit fails.
pub fn judge(recipe: &Recipe, dataset: &Dataset, kind: SplitKind, seed: u64) -> Result<Judged, EvaluateError> {
    let split = kind.split(&dataset.sample, &recipe.hold_out(), seed);
    if split.train.is_empty() || split.test.is_empty() {
        return Err(EvaluateError::EmptySide { kind: kind.word() });
    }
    let failed = |source| EvaluateError::Fit { kind: kind.word(), source };
    let fitted = recipe.fit(&dataset.sample.select(&split.train), seed).map_err(failed)?;
    let held_out = dataset.sample.select(&split.test);
    let scores = scoring::score(&fitted.model, &held_out.rows).map_err(|error| failed(error.into()))?;
    let threshold = fitted.threshold;
    let intervals = bootstrap::intervals(&scores, &held_out.labels, &held_out.entities, threshold, seed);
    let slices = dataset
        .slicings
        .iter()
        .flat_map(|slicing| slices(slicing, &split.test, &scores, &held_out, threshold, seed))
        .collect::<Vec<_>>();
    let evaluation = Evaluation {
        split: kind.word().to_owned(),
        train_rows: split.train.len() as u64,
        test_rows: split.test.len() as u64,
        test_positives: held_out.positives() as u64,
        threshold: ExactF64::new(threshold),
        metrics: Metrics { intervals, ..measure(&scores, &held_out.labels, threshold) },
        fairness: fairness(&slices),
        slices,
    };
    Ok(Judged { fitted, split, scores, evaluation })
}
