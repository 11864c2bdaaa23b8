//! Search: every combination of a recipe's lists is tried on folds of users, and the best is taken.
//!
//! Only the rows to learn from take part, so a figure of held-out rows is never the reason for a parameter. A search is part
//! of the fit: each way of holding rows out searches anew, among its own training rows.

use contract::card::Metrics;
use guest_model::{Calibration, Model};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fit::{FitError, two_classes};
use super::imbalance::Imbalance;
use super::learner::{FamilyName, Learner};
use super::metrics::measure;
use super::missing::Missing;
use super::recipe::{Wrong, demand};
use super::rows::Sample;
use super::scoring;
use super::split;

/// The most combinations; each is fitted once a fold.
const COMBINATIONS_MAX: usize = 256;
/// The most folds.
const FOLDS_MAX: usize = 20;
/// What is added to the seed to deal the folds.
const FOLDS_SEED: u64 = 2;

/// A search as a recipe's file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchForm {
    /// How many folds users are dealt into.
    pub folds: usize,
    /// What is to be as high as it can be, on average over the folds.
    pub maximise: Figure,
    /// The values of each parameter that is tried.
    pub parameters: toml::Table,
    /// Parameters that are otherwise while it is tried, such as fewer trees.
    #[serde(default)]
    pub meanwhile: toml::Table,
}

/// A figure that a search can maximise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Area under the ROC curve.
    RocAuc,
    /// Area under the precision-recall curve.
    PrAuc,
    /// Kolmogorov-Smirnov distance.
    Ks,
}

/// A search that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    folds: usize,
    maximise: Figure,
    combinations: Vec<Combination>,
}

/// One combination of values.
#[derive(Debug, Clone, PartialEq)]
struct Combination {
    /// The values that are tried.
    values: toml::Table,
    /// What is fitted on the folds.
    tried: Learner,
    /// What is fitted in the end, if this is the best.
    learner: Learner,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// How to learn.
    pub learner: Learner,
    /// The values that were best.
    pub values: toml::Table,
    /// Everything that was tried, with its figures, for the card.
    pub table: Value,
}

impl SearchForm {
    /// Makes every combination of the lists, in the order of the parameters' names.
    pub(super) fn expand(&self, family: FamilyName, parameters: &toml::Table) -> Result<Search, Wrong> {
        demand((2..=FOLDS_MAX).contains(&self.folds), "search.folds", &format!("must lie between 2 and {FOLDS_MAX}"))?;
        let mut combinations = vec![toml::Table::new()];
        for (name, values) in &self.parameters {
            let key = format!("search.parameters.{name}");
            demand(parameters.contains_key(name), &key, "stands not among the parameters: give it a value there too")?;
            let values = values.as_array().map_or(&[][..], Vec::as_slice);
            demand(!values.is_empty(), &key, "must be a list of values to try")?;
            let many = format!("makes more than {COMBINATIONS_MAX} combinations: try fewer values");
            demand(combinations.len() * values.len() <= COMBINATIONS_MAX, &key, &many)?;
            let with = |before: &toml::Table, value: &toml::Value| {
                let mut next = before.clone();
                next.insert(name.clone(), value.clone());
                next
            };
            combinations =
                combinations.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
        }
        demand(!self.parameters.is_empty(), "search.parameters", "names nothing to try")?;
        let learner = |tables: &[&toml::Table]| {
            let mut all = parameters.clone();
            tables.iter().for_each(|table| all.extend((*table).clone()));
            Learner::new(family, &all).map_err(|wrong| Wrong { key: format!("search: {}", wrong.key), ..wrong })
        };
        let combination = |values: toml::Table| {
            let (tried, learner) = (learner(&[&values, &self.meanwhile])?, learner(&[&values])?);
            Ok(Combination { values, tried, learner })
        };
        let combinations = combinations.into_iter().map(combination).collect::<Result<_, _>>()?;
        Ok(Search { folds: self.folds, maximise: self.maximise, combinations })
    }
}

impl Figure {
    fn of(self, metrics: &Metrics) -> Option<f64> {
        match self {
            Self::RocAuc => metrics.roc_auc,
            Self::PrAuc => metrics.pr_auc,
            Self::Ks => metrics.ks,
        }
    }
}

impl Search {
    /// Tries every combination on every fold; of equally good ones the first is taken.
    ///
    /// # Errors
    /// [`FitError`], when a fold cannot be learned from or judged by.
    pub fn run(&self, fitting: &Sample, missing: Missing, imbalance: &Imbalance, seed: u64) -> Result<Found, FitError> {
        let fold_of = split::folds(&fitting.entities, &fitting.labels, self.folds, seed.wrapping_add(FOLDS_SEED));
        let judge = |(combination, fold): (&Combination, usize)| {
            let (inside, outside): (Vec<usize>, Vec<usize>) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
            let (learned, judged) = (fitting.select(&outside), fitting.select(&inside));
            two_classes(&learned)?;
            let model = learn(&combination.tried, &learned, missing, imbalance, seed)?.0;
            let scores = scoring::score(&model, &judged.rows)?;
            let figure = self.maximise.of(&measure(&scores, &judged.labels, 1.0));
            figure.ok_or(FitError::Fold { fold: fold + 1, folds: self.folds })
        };
        let pairs: Vec<(&Combination, usize)> =
            self.combinations.iter().flat_map(|of| (0..self.folds).map(move |fold| (of, fold))).collect();
        let figures = pairs.into_par_iter().map(judge).collect::<Result<Vec<f64>, FitError>>()?;

        let means: Vec<f64> =
            figures.chunks(self.folds).map(|figures| figures.iter().sum::<f64>() / self.folds as f64).collect();
        let best = (0..means.len()).fold(0, |best, next| if means[next] > means[best] { next } else { best });
        let row = |((of, figures), mean): ((&Combination, &[f64]), &f64)| json!({ "parameters": of.values, "folds": figures, "mean": mean });
        let rows: Vec<Value> = self.combinations.iter().zip(figures.chunks(self.folds)).zip(&means).map(row).collect();
        let Combination { values, learner, .. } = self.combinations[best].clone();
        Ok(Found { learner, values, table: json!({ "maximised": self.maximise, "tried": rows }) })
    }
}

/// Learns a model, not calibrated yet; gives it with the count of the rows it was learned from.
///
/// # Errors
/// [`FitError`], when these rows cannot be learned from.
pub fn learn(
    learner: &Learner,
    fitting: &Sample,
    missing: Missing,
    imbalance: &Imbalance,
    seed: u64,
) -> Result<(Model, usize), FitError> {
    let imputation = missing.stand_ins(&fitting.rows);
    let (family, rows) = learner.learn(fitting, &imputation, imbalance, seed)?;
    Ok((Model { imputation, family, calibration: Calibration::None }, rows))
}
