//! Fitting a recipe on one side of a split and judging it on the other.

use contract::card::{Evaluation, Slice};
use contract::exact::ExactF64;
use rayon::prelude::*;

use super::dataset::{Dataset, Slicing};
use super::metrics::measure;
use super::recipe::{FitError, Fitted, Recipe};
use super::scoring;
use super::split::{Split, SplitKind};

/// The most parts one slicing puts into a card; a loan file decides how many there are, a card is bounded.
const SLICES_MAX: usize = 16;
/// The most characters of a part's name in a card.
const SLICE_NAME_CHARS_MAX: usize = 64;

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
    #[error("holding out by {kind} leaves no row to train on or none to judge by: give more data")]
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
    recipe: &dyn Recipe,
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
pub fn judge(recipe: &dyn Recipe, dataset: &Dataset, kind: SplitKind, seed: u64) -> Result<Judged, EvaluateError> {
    let split = kind.split(&dataset.sample, seed);
    if split.train.is_empty() || split.test.is_empty() {
        return Err(EvaluateError::EmptySide { kind: kind.word() });
    }
    let failed = |source| EvaluateError::Fit { kind: kind.word(), source };
    let fitted = recipe.fit(&dataset.sample.select(&split.train), seed).map_err(failed)?;
    let held_out = dataset.sample.select(&split.test);
    let scores = scoring::score(&fitted.model, &held_out.rows).map_err(|error| failed(error.into()))?;
    let evaluation = Evaluation {
        split: kind.word().to_owned(),
        train_rows: split.train.len() as u64,
        test_rows: split.test.len() as u64,
        test_positives: held_out.positives() as u64,
        threshold: ExactF64::new(fitted.threshold),
        metrics: measure(&scores, &held_out.labels, fitted.threshold),
        slices: dataset
            .slicings
            .iter()
            .flat_map(|slicing| slices(slicing, &split.test, &scores, &held_out.labels, fitted.threshold))
            .collect(),
        fairness: Vec::new(),
    };
    Ok(Judged { fitted, split, scores, evaluation })
}

/// Measures each part of the held-out rows; of more than [`SLICES_MAX`] parts, the largest.
fn slices(slicing: &Slicing, test: &[usize], scores: &[f64], labels: &[u8], threshold: f64) -> Vec<Slice> {
    let mut parts: Vec<(&String, Vec<usize>)> = slicing.names.iter().map(|name| (name, Vec::new())).collect();
    for (at, &place) in test.iter().enumerate() {
        if let Some((_, part)) = parts.get_mut(slicing.codes[place] as usize) {
            part.push(at);
        }
    }
    parts.retain(|(_, part)| !part.is_empty());
    if parts.len() > SLICES_MAX {
        parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.len()));
        parts.truncate(SLICES_MAX);
    }
    let slice = |(name, part): (&String, Vec<usize>)| {
        let scores: Vec<f64> = part.iter().map(|&at| scores[at]).collect();
        let labels: Vec<u8> = part.iter().map(|&at| labels[at]).collect();
        Slice {
            by: slicing.by.to_owned(),
            value: name.chars().take(SLICE_NAME_CHARS_MAX).collect(),
            rows: part.len() as u64,
            positives: labels.iter().filter(|&&label| label == 1).count() as u64,
            metrics: measure(&scores, &labels, threshold),
        }
    };
    parts.into_iter().map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_held_out_rows_only() {
        let names = ["F", "M", "never"].map(str::to_owned).to_vec();
        let slicing = Slicing { by: "gender", names, codes: vec![0, 1, 0, 1, 1] };
        let found = slices(&slicing, &[1, 2, 4], &[0.9, 0.1, 0.2], &[1, 0, 0], 0.5);
        let counts: Vec<_> = found.iter().map(|slice| (slice.value.as_str(), slice.rows, slice.positives)).collect();
        assert_eq!(counts, [("F", 1, 0), ("M", 2, 1)]);
        assert_eq!(found[1].metrics.roc_auc, Some(1.0));
    }

    #[test]
    fn a_card_is_bounded_whatever_the_file_says() {
        let names = (0..1_000).map(|name| name.to_string().repeat(100)).collect();
        let slicing = Slicing { by: "housing", names, codes: (0..1_000).collect() };
        let test: Vec<usize> = (0..1_000).collect();
        let found = slices(&slicing, &test, &[0.5; 1_000], &[0; 1_000], 0.5);
        assert_eq!(found.len(), SLICES_MAX);
        assert!(found.iter().all(|slice| slice.value.len() <= SLICE_NAME_CHARS_MAX));
    }
}
