//! Training: features to a judged, proven and signed candidate.
//!
//! Read in this order: what is learned from ([`dataset`], [`rows`], [`split`]); what a [`recipe`] says and how it is carried
//! out ([`fit`]): what is done about missing values and few positives ([`missing`], [`imbalance`], [`smote`]), the families
//! ([`learner`], [`trees`], [`deep`], [`boosting`], [`binned`], [`regression`]), [`search`], [`calibrate`] and [`threshold`];
//! how a model is judged ([`evaluate`], [`metrics`], [`bootstrap`], [`slices`], [`fairness`], [`importance`]); what it is held
//! against ([`champion`], [`demands`]); and what is written ([`candidate`], with its [`card`] and its [`proof`]).
//!
//! The model that goes into the module is the one fitted on the training part of the recipe's first split: the very
//! model whose held-out figures stand first in the card. Nothing is fitted again on all rows, since such a model would
//! carry figures that were never measured on it. Everything random comes from the one seed: the same features, recipe,
//! seed and key give the same bytes.

pub mod binned;
pub mod bins;
pub mod boosting;
pub mod bootstrap;
pub mod calibrate;
pub mod candidate;
pub mod card;
pub mod champion;
pub mod dataset;
pub mod deep;
pub mod demands;
pub mod evaluate;
pub mod fairness;
pub mod fit;
pub mod golden;
pub mod histogram;
pub mod imbalance;
pub mod importance;
pub mod leak;
pub mod learner;
pub mod metrics;
pub mod missing;
pub mod pipeline;
pub mod place;
pub mod proof;
pub mod recipe;
pub mod regression;
pub mod rows;
pub mod scoring;
pub mod search;
pub mod slices;
pub mod smote;
pub mod split;
pub mod summary;
pub mod threshold;
pub mod trees;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::date::Date;
use contract::ids::{ModelName, ModelVersion};
use contract::key::PrivateKey;
use indicatif::ProgressBar;

use candidate::{Candidate, Order};
use dataset::Dataset;
use demands::{DemandArgs, Demands};
use place::Place;
use recipe::Recipe;

use crate::answer;
use crate::exit::{Code, Stop};
use crate::offline::Table;

/// What `train` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Trains a model, judges it on rows it was not trained on, and writes it as a signed candidate. Before it is written, its
component is proven to give the trained model's scores, bit for bit, on every held-out row and every user's latest. A candidate serves nobody:
that takes an approval (`countersign approve`). It is compared with the newest approved version on the same held-out rows, and
held against the gates: where one is not passed the candidate is written all the same, marked, and the exit code is 4. A report
for whoever decides lies beside it.

Examples:
  feature-job train --features features.parquet --recipe forest --model credit-risk --key job.pem --out modules/candidates
  feature-job train --features features.parquet --recipe baseline --model credit-risk --key job.pem --out modules/candidates \
    --version 7 --seed 1
  feature-job train --features features.parquet --recipe forest --model credit-risk --key job.pem --out modules/candidates \
    --gates our-gates.toml --champion modules/approved/credit-risk-3.wasm")]
pub struct TrainArgs {
    /// The feature file, as `feature-job features` writes it.
    #[arg(long, value_name = "FILE")]
    pub features: PathBuf,
    /// How to train, and where to.
    #[command(flatten)]
    pub how: HowArgs,
}

/// How to train, and where the candidate goes.
#[derive(Debug, clap::Args)]
pub struct HowArgs {
    /// The recipe: `baseline` (the data scientist's), `forest`, `extra-trees`, `boosted`, `logistic`, or a file like theirs
    /// whose name ends in `.toml`.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub recipe: Recipe,
    /// The first day that is held out by time; by default the recipe's, or the day from which on the latest loans lie.
    #[arg(long, value_name = "DATE")]
    pub split_date: Option<Date>,
    /// The model's name, such as `credit-risk`.
    #[arg(long, value_name = "NAME")]
    pub model: ModelName,
    /// The job's private key, as `countersign keygen --role job` writes it.
    #[arg(long, value_name = "PEM")]
    pub key: PathBuf,
    /// The folder of candidates, such as `modules/candidates`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The version; by default the one after the highest among candidates and approved.
    #[arg(long, value_name = "N")]
    pub version: Option<ModelVersion>,
    /// The seed of everything random; the same seed gives the same candidate.
    #[arg(long, value_name = "S", default_value_t = 123)]
    pub seed: u64,
    /// What the candidate is held against.
    #[command(flatten)]
    pub demands: DemandArgs,
}

/// What has to be there before any long work starts.
#[derive(Debug)]
pub struct Prepared {
    key: PrivateKey,
    place: Place,
    /// What the candidate is held against.
    pub demands: Demands,
}

impl TrainArgs {
    /// Trains, and says what was written.
    ///
    /// # Errors
    /// Whatever kept the candidate from being written, with what to do about it.
    pub fn run(self) -> anyhow::Result<()> {
        let prepared = prepare(&self.how)?;
        train_and_tell(&self.features, &self.how, prepared)
    }
}

/// Reads the key, the gates and the champion and finds the candidate's place, so that a mistake shows at once and not after a
/// minute of work.
///
/// # Errors
/// When one of them cannot be read, or the folder has no place for the version.
pub fn prepare(how: &HowArgs) -> anyhow::Result<Prepared> {
    let key = PrivateKey::load(&how.key).with_context(|| {
        format!("cannot use the key {} (`countersign keygen --role job` makes one)", how.key.display())
    })?;
    let place = Place::take(&how.out, &how.model, how.version)?;
    let demands = how.demands.find(&how.out, &how.model)?;
    Ok(Prepared { key, place, demands })
}

/// Trains on a feature file and prints the summary.
///
/// # Errors
/// As [`TrainArgs::run`]; where a gate was not passed the candidate was written, and the error is a [`Stop`].
pub fn train_and_tell(features: &Path, how: &HowArgs, prepared: Prepared) -> anyhow::Result<()> {
    let started = Instant::now();
    let candidate = train(features, how, prepared)?;
    answer::tell(summary::summary(&candidate, started.elapsed()).trim_end())?;
    let failed: Vec<&str> = candidate.card.failed_gates().map(|gate| gate.name.as_str()).collect();
    if !failed.is_empty() {
        let said = format!(
            "{} was written, and marked: it did not pass {}. Approving it takes `countersign approve --override`",
            candidate.card.name(),
            failed.join(", ")
        );
        return Err(Stop { code: Code::GatesFailed, said }.into());
    }
    Ok(())
}

/// Trains on a feature file and writes the candidate.
///
/// # Errors
/// As [`TrainArgs::run`].
pub fn train(features: &Path, how: &HowArgs, prepared: Prepared) -> anyhow::Result<Candidate> {
    let Prepared { key, place, demands } = prepared;
    let recipe = &how.recipe.clone().split_at(how.split_date);
    // One step for the features, one for each fit with its judgement, one for the component and its proof.
    let bar = ProgressBar::new(recipe.splits().len() as u64 + 2);
    bar.enable_steady_tick(Duration::from_millis(200));
    let table = Table::read(features)?;
    let dataset = Dataset::new(&table, recipe.ages())?;
    bar.inc(1);
    tracing::info!(recipe = recipe.name(), rows = dataset.sample.rows.len(), "training");
    let judged = evaluate::judge_all(recipe, &dataset, how.seed, &|| bar.inc(1))?;
    let order = Order { recipe, model: &how.model, seed: how.seed, key: &key, demands: &demands, place };
    let candidate = candidate::write(order, &table, &dataset, &judged)?;
    bar.finish_and_clear();
    tracing::info!(path = %candidate.path.display(), "wrote a candidate");
    Ok(candidate)
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
