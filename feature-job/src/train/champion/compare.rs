//! Candidate and champion on the same held-out rows.

use std::collections::BTreeMap;

use contract::card::{Comparison, Difference, Metrics, ModelCard};
use contract::digest::Digest;
use contract::ids::ModelVersion;
use contract::view::FeatureView;

use super::Champion;
use super::unseen::{Unseen, unseen};
use crate::compile::{Component, RunError};
use crate::drift::{self, Drift};
use crate::offline::Table;
use crate::train::bootstrap;
use crate::train::dataset::Dataset;
use crate::train::evaluate::Judged;
use crate::train::metrics::measure;
use crate::train::rows::Rows;

/// The figure without which two versions cannot be told apart.
const DECIDING: &str = "roc_auc";

/// Where a candidate stands.
#[derive(Debug, Clone)]
pub enum Standing {
    /// There is nothing to compare with.
    Alone,
    /// There is a champion, and it cannot be compared with.
    Apart {
        /// Its version.
        version: ModelVersion,
        /// Its module digest.
        digest: Digest,
        /// Why not.
        why: String,
    },
    /// Both were judged on the same rows.
    Beside(Box<Beside>),
}

/// All that the comparison found.
#[derive(Debug, Clone)]
pub struct Beside {
    /// What goes into the candidate's card.
    pub comparison: Comparison,
    /// The champion's own card.
    pub card: ModelCard,
    /// The places, among the held-out rows, of those that both were judged on.
    pub places: Vec<usize>,
    /// The champion's scores of these.
    pub scores: Vec<f64>,
    /// The decisions that change.
    pub flips: Flips,
    /// How far each feature has moved since the champion was trained, in the rows the candidate was trained on.
    pub drifts: Vec<Drift>,
}

/// Rows that the two decide differently about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flips {
    /// Approved by the champion and declined by the candidate, and how many of them were not paid.
    pub to_declined: [u64; 2],
    /// Declined by the champion and approved by the candidate, and how many of them were not paid.
    pub to_approved: [u64; 2],
}

/// Why a champion cannot be compared with; it stands in the report.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("it reads another feature view ({0}), whose values the feature file does not hold")]
    View(Digest),
    #[error("it did not answer: {0}")]
    Run(#[from] RunError),
    #[error("it gave {found} scores for {wanted} rows")]
    Count { found: usize, wanted: usize },
    #[error("it gave a score that is no finite number")]
    NotFinite,
}

/// Runs the champion on the rows that the candidate's own fit held out, and measures both on those that the champion has
/// learned nothing about; where these are too few to tell the two apart, on more of them, and saying so.
///
/// A champion that cannot be run is no reason to stop: what was found out stands in the answer, and gates that need the
/// comparison are then not passed.
pub fn compare(champion: Option<&Champion>, table: &Table, dataset: &Dataset, first: &Judged, seed: u64) -> Standing {
    let Some(champion) = champion else { return Standing::Alone };
    match beside(champion, table, dataset, first, seed) {
        Ok(beside) => Standing::Beside(Box::new(beside)),
        Err(obstacle) => {
            let (version, digest) = (champion.card.version, champion.digest);
            Standing::Apart { version, digest, why: obstacle.to_string() }
        }
    }
}

fn beside(
    champion: &Champion,
    table: &Table,
    dataset: &Dataset,
    first: &Judged,
    seed: u64,
) -> Result<Beside, Obstacle> {
    let Champion { card, digest, module } = champion;
    let view = FeatureView::credit_risk();
    if card.view.digest() != view.digest() {
        return Err(Obstacle::View(card.view.digest()));
    }
    // The same loans, with ages counted as in the rows that the champion learned from.
    let all = Rows::new(view.width(), table.rows(card.training.ages));
    let scores = run(module, &all.select(&first.split.test))?;
    let pair = Pair {
        scores: [&scores, &first.scores],
        labels: first.split.test.iter().map(|&place| dataset.sample.labels[place]).collect(),
        entities: first.split.test.iter().map(|&place| dataset.sample.entities[place]).collect(),
        thresholds: [card.output.threshold.get(), first.fitted.threshold],
    };
    let fairest = Measured::fairest(&pair, unseen(card, dataset, &first.split.test), seed);
    let [old, new] = fairest.compared.metrics();
    let comparison = Comparison {
        version: card.version,
        digest: *digest,
        split: first.evaluation.split.clone(),
        rows: fairest.places.len() as u64,
        champion_may_have_seen: fairest.flattered,
        champion: old,
        challenger: new,
        differences: fairest.differences,
    };
    let flips = fairest.compared.flips();
    let drifts = drift::drifts(&card.histograms, &all.select(&first.split.train));
    let [scores, _] = fairest.compared.scores;
    Ok(Beside { comparison, card: card.clone(), places: fairest.places, scores, flips, drifts })
}

/// Both versions on some of the held-out rows.
#[derive(Debug)]
struct Measured {
    places: Vec<usize>,
    /// Whether the champion may know these rows, or their users.
    flattered: bool,
    compared: Pair<Vec<f64>>,
    differences: BTreeMap<String, Difference>,
}

impl Measured {
    fn new<S: AsRef<[f64]>>(pair: &Pair<S>, places: Vec<usize>, flattered: bool, seed: u64) -> Self {
        let compared = pair.at(&places);
        let differences = compared.differences(seed);
        Self { places, flattered, compared, differences }
    }

    /// Takes the fairest rows that are enough to tell the two apart; in the end all of them, whether or not they are.
    fn fairest<S: AsRef<[f64]>>(pair: &Pair<S>, unseen: Unseen, seed: u64) -> Self {
        let everything = (0..pair.labels.len()).collect();
        let mut measured = Self::new(pair, unseen.unheard, false, seed);
        for places in [unseen.unlearned, everything] {
            if measured.differences.contains_key(DECIDING) {
                break;
            }
            measured = Self::new(pair, places, true, seed);
        }
        measured
    }
}

/// Scores rows in the sandbox, whatever the component does.
fn run(module: &[u8], rows: &Rows) -> Result<Vec<f64>, Obstacle> {
    checked(Component::load(module)?.score_all(rows.values(), rows.width())?, rows.len())
}

fn checked(scores: Vec<f64>, wanted: usize) -> Result<Vec<f64>, Obstacle> {
    if scores.len() != wanted {
        return Err(Obstacle::Count { found: scores.len(), wanted });
    }
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(Obstacle::NotFinite);
    }
    Ok(scores)
}

/// Champion and candidate, in this order, on the same rows.
#[derive(Debug)]
struct Pair<S> {
    scores: [S; 2],
    labels: Vec<u8>,
    entities: Vec<i64>,
    thresholds: [f64; 2],
}

impl<S: AsRef<[f64]>> Pair<S> {
    fn at(&self, places: &[usize]) -> Pair<Vec<f64>> {
        let scores = |of: &S| places.iter().map(|&place| of.as_ref()[place]).collect();
        Pair {
            scores: [scores(&self.scores[0]), scores(&self.scores[1])],
            labels: places.iter().map(|&place| self.labels[place]).collect(),
            entities: places.iter().map(|&place| self.entities[place]).collect(),
            thresholds: self.thresholds,
        }
    }
}

impl Pair<Vec<f64>> {
    fn differences(&self, seed: u64) -> BTreeMap<String, Difference> {
        let [champion, candidate] = &self.scores;
        bootstrap::differences(champion, candidate, &self.labels, &self.entities, self.thresholds, seed)
    }

    fn metrics(&self) -> [Metrics; 2] {
        [0, 1].map(|which| measure(&self.scores[which], &self.labels, self.thresholds[which]))
    }

    fn flips(&self) -> Flips {
        let mut flips = Flips::default();
        let [champion, candidate] = &self.scores;
        for ((old, new), &label) in champion.iter().zip(candidate).zip(&self.labels) {
            let count = match (*old >= self.thresholds[0], *new >= self.thresholds[1]) {
                (false, true) => &mut flips.to_declined,
                (true, false) => &mut flips.to_approved,
                _ => continue,
            };
            count[0] += 1;
            count[1] += u64::from(label == 1);
        }
        flips
    }
}

#[cfg(test)]
mod tests;
