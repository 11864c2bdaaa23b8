//! The families of models by their names in recipes, each with its parameters and the way it learns.

use guest_model::Family;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::boosting::{self, BoostedParameters, EarlyStop, Weighted};
use super::deep::{self, DeepParameters};
use super::fit::{FitError, two_classes};
use super::imbalance::{Balanced, Imbalance};
use super::recipe::{Wrong, demand};
use super::regression::{self, RegressionParameters};
use super::rows::Sample;
use super::split::by_users;
use super::trees::{self, ForestParameters, Variety};

/// A family, as recipes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyName {
    /// Trees without a depth limit, as the data scientist grows them.
    DeepForest,
    /// Trees on samples of the rows.
    Forest,
    /// Trees with random cuts.
    ExtraTrees,
    /// Trees that add up to log odds.
    Boosted,
    /// Logistic regression.
    Logistic,
}

/// A family with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Learner {
    /// Trees without a depth limit.
    DeepForest(DeepParameters),
    /// Trees on samples of the rows.
    Forest(ForestParameters),
    /// Trees with random cuts.
    ExtraTrees(ForestParameters),
    /// Trees that add up to log odds.
    Boosted(BoostedParameters),
    /// Logistic regression.
    Logistic(RegressionParameters),
}

/// The most trees of a model; each is more work for every row that is ever scored.
const TREES_MAX: usize = 2_000;
/// The deepest that trees with a limit may be.
const DEPTH_MAX: usize = 32;
/// What is added to the seed to draw the users who watch; the users kept aside and the folds have others, so that no draw
/// repeats another.
const WATCHING_SEED: u64 = 3;

impl FamilyName {
    /// Gives the word that stands in recipes and cards.
    pub fn word(self) -> &'static str {
        match self {
            Self::DeepForest => "deep-forest",
            Self::Forest => "forest",
            Self::ExtraTrees => "extra-trees",
            Self::Boosted => "boosted",
            Self::Logistic => "logistic",
        }
    }
}

impl Learner {
    /// Reads the parameters of a family.
    pub(super) fn new(family: FamilyName, parameters: &toml::Table) -> Result<Self, Wrong> {
        let learner = match family {
            FamilyName::DeepForest => Self::DeepForest(read(parameters)?),
            FamilyName::Forest => Self::Forest(read(parameters)?),
            FamilyName::ExtraTrees => Self::ExtraTrees(read(parameters)?),
            FamilyName::Boosted => Self::Boosted(read(parameters)?),
            FamilyName::Logistic => Self::Logistic(read(parameters)?),
        };
        learner.check()?;
        Ok(learner)
    }

    fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::DeepForest(DeepParameters { trees, features_per_split }) => {
                check_trees(*trees, "trees")?;
                demand(*features_per_split > 0, "parameters.features_per_split", "must be 1 at least")
            }
            Self::Forest(forest) | Self::ExtraTrees(forest) => {
                check_trees(forest.trees, "trees")?;
                check_depth(usize::from(forest.depth_max))?;
                demand(forest.features_per_split > 0, "parameters.features_per_split", "must be 1 at least")?;
                demand(forest.leaf_rows_min > 0, "parameters.leaf_rows_min", "must be 1 at least")
            }
            Self::Boosted(boosted) => {
                check_trees(boosted.trees_max, "trees_max")?;
                check_depth(boosted.depth_max)?;
                let share = |share: f64| share > 0.0 && share <= 1.0;
                let between = "must lie above 0 and at most at 1";
                demand(share(boosted.learning_rate), "parameters.learning_rate", between)?;
                demand(share(boosted.rows_share), "parameters.rows_share", between)?;
                demand(boosted.leaf_rows_min > 0, "parameters.leaf_rows_min", "must be 1 at least")?;
                demand(boosted.l2 > 0.0 && boosted.l2.is_finite(), "parameters.l2", "must be a number above 0")?;
                let Some(EarlyStop { patience, watching_share }) = boosted.early_stop else { return Ok(()) };
                demand(patience > 0, "parameters.early_stop.patience", "must be 1 at least")?;
                let watching = watching_share > 0.0 && watching_share < 1.0;
                demand(watching, "parameters.early_stop.watching_share", "must lie between 0 and 1")
            }
            Self::Logistic(RegressionParameters { ridge, rounds_max, tolerance }) => {
                demand(*ridge >= 0.0 && ridge.is_finite(), "parameters.ridge", "must be a number, 0 at least")?;
                demand(*rounds_max > 0, "parameters.rounds_max", "must be 1 at least")?;
                demand(*tolerance > 0.0 && tolerance.is_finite(), "parameters.tolerance", "must be a number above 0")
            }
        }
    }

    /// Learns from rows of both classes with stand-ins for what is missing; gives what was learned, and from how many rows.
    ///
    /// # Errors
    /// [`FitError`], when these rows cannot be learned from.
    pub fn learn(
        &self,
        fitting: &Sample,
        stand_ins: &[f64],
        imbalance: &Imbalance,
        seed: u64,
    ) -> Result<(Family, usize), FitError> {
        let balanced = |sample: &Sample| imbalance.balance(sample.rows.imputed(stand_ins), sample.labels.clone(), seed);
        let forest = |parameters: &ForestParameters, variety| -> Result<(Family, usize), FitError> {
            let Balanced { rows, labels, weights } = balanced(fitting)?;
            let forest = trees::grow(&rows, &labels, weights.as_deref(), parameters, variety, seed)?;
            Ok((Family::Forest(forest), rows.len()))
        };
        match self {
            Self::DeepForest(parameters) => {
                let Balanced { rows, labels, weights: _ } = balanced(fitting)?;
                Ok((Family::Forest(deep::grow(&rows, &labels, parameters, seed)?), rows.len()))
            }
            Self::Forest(parameters) => forest(parameters, Variety::Sampled),
            Self::ExtraTrees(parameters) => forest(parameters, Variety::RandomCuts),
            Self::Logistic(parameters) => {
                let Balanced { rows, labels, weights } = balanced(fitting)?;
                let logistic = regression::fit(&rows, &labels, weights.as_deref(), parameters)?;
                Ok((Family::Logistic(logistic), rows.len()))
            }
            Self::Boosted(parameters) => {
                let Some(EarlyStop { patience, watching_share }) = parameters.early_stop else {
                    let of = balanced(fitting)?;
                    return Ok((Family::Boosted(boosting::fit(of.weighted(), None, parameters, seed)), of.rows.len()));
                };
                let watching_seed = seed.wrapping_add(WATCHING_SEED);
                let split = by_users(&fitting.entities, &fitting.labels, watching_share, watching_seed);
                let (learned, watching) = (fitting.select(&split.train), fitting.select(&split.test));
                two_classes(&learned)?;
                two_classes(&watching)?;
                let of = balanced(&learned)?;
                let watching_rows = watching.rows.imputed(stand_ins);
                let watched = Weighted { rows: &watching_rows, labels: &watching.labels, weights: None };
                let boosted = boosting::fit(of.weighted(), Some((watched, patience)), parameters, seed);
                Ok((Family::Boosted(boosted), of.rows.len()))
            }
        }
    }
}

fn read<P: DeserializeOwned>(parameters: &toml::Table) -> Result<P, Wrong> {
    let wrong = |error: toml::de::Error| Wrong { key: "parameters".to_owned(), said: error.message().to_owned() };
    parameters.clone().try_into().map_err(wrong)
}

fn check_trees(trees: usize, key: &str) -> Result<(), Wrong> {
    demand(
        (1..=TREES_MAX).contains(&trees),
        &format!("parameters.{key}"),
        &format!("must lie between 1 and {TREES_MAX}"),
    )
}

fn check_depth(depth: usize) -> Result<(), Wrong> {
    demand((1..=DEPTH_MAX).contains(&depth), "parameters.depth_max", &format!("must lie between 1 and {DEPTH_MAX}"))
}
