//! Fitting a calibration: what scores become so that they are shares of outcomes.
//!
//! It is fitted on users who took no part in the fit of the model and whose rows were neither resampled nor weighted, so that
//! it takes out what SMOTE or class weights distorted.
//!
//! # Source
//! Platt (1999), on log odds; Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete Information"
//! (1955), for pooling adjacent violators.

use guest_model::Calibration;
use serde::{Deserialize, Serialize};

use super::regression::{self, RegressionError, RegressionParameters};
use super::rows::Rows;

/// How scores are calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationMethod {
    /// Not at all.
    None,
    /// A logistic curve, two numbers: for few rows.
    Platt,
    /// Any curve that does not fall: for many rows.
    Isotonic,
}

/// The groups of about equal size that an isotonic curve is fitted to. With one loan in 67 unpaid, a group of 800 rows has a
/// dozen of them to tell its share by.
const GROUPS: usize = 100;
/// Hardly any penalty: two numbers need none, but scores that separate the classes would make them infinite without.
const PLATT: RegressionParameters = RegressionParameters { ridge: 1e-3, rounds_max: 100, tolerance: 1e-8 };
/// How near to 0 and 1 a score may come before its log odds are taken, as in the guest.
const CLIP: f64 = 1e-15;

impl CalibrationMethod {
    /// Fits a calibration to scores and outcomes; where there are none, there is nothing to calibrate.
    ///
    /// # Errors
    /// [`RegressionError`], when the logistic curve does not settle.
    pub fn fit(self, scores: &[f64], labels: &[u8]) -> Result<Calibration, RegressionError> {
        match self {
            _ if labels.is_empty() => Ok(Calibration::None),
            Self::None => Ok(Calibration::None),
            Self::Platt => platt(scores, labels),
            Self::Isotonic => Ok(isotonic(scores, labels)),
        }
    }
}

fn platt(scores: &[f64], labels: &[u8]) -> Result<Calibration, RegressionError> {
    let log_odds = |score: f64| {
        let share = score.clamp(CLIP, 1.0 - CLIP);
        libm::log(share / (1.0 - share))
    };
    let rows = Rows::new(1, scores.iter().copied().map(log_odds).collect());
    let fitted = regression::fit(&rows, labels, None, &PLATT)?;
    let slope = fitted.weights[0] / fitted.scales[0];
    if slope > 0.0 {
        return Ok(Calibration::Platt { slope, intercept: fitted.bias - slope * fitted.means[0] });
    }
    // Scores that rank these users no better than chance say nothing: every row gets the share of all of them.
    Ok(Calibration::Platt { slope: 0.0, intercept: log_odds(share(labels)) })
}

fn share(labels: &[u8]) -> f64 {
    labels.iter().copied().map(f64::from).sum::<f64>() / labels.len().max(1) as f64
}

/// Neighbouring scores that share a value.
#[derive(Debug, Clone, Copy)]
struct Block {
    rows: f64,
    score_sum: f64,
    positives: f64,
    lowest: f64,
    highest: f64,
}

impl Block {
    fn value(&self, share: f64) -> f64 {
        // One row more, as positive as all rows are: no share is then exactly 0 or 1, which would say that the other
        // outcome can never be.
        (self.positives + share) / (self.rows + 1.0)
    }

    fn with(self, above: Self) -> Self {
        Self {
            rows: self.rows + above.rows,
            score_sum: self.score_sum + above.score_sum,
            positives: self.positives + above.positives,
            lowest: self.lowest,
            highest: above.highest,
        }
    }

    /// The mean score; rounding must not carry it into the next block.
    fn score(&self) -> f64 {
        (self.score_sum / self.rows).clamp(self.lowest, self.highest)
    }
}

fn isotonic(scores: &[f64], labels: &[u8]) -> Calibration {
    let share = share(labels);
    let mut blocks: Vec<Block> = Vec::new();
    for group in groups(scores, labels) {
        let mut block = group;
        // A block that is worth no more than the one below it joins that one.
        while let Some(below) = blocks.pop_if(|below| below.value(share) >= block.value(share)) {
            block = below.with(block);
        }
        blocks.push(block);
    }
    let (scores, values) = blocks.iter().map(|block| (block.score(), block.value(share))).unzip();
    Calibration::Isotonic { scores, values }
}

/// Groups rows by rising score; equal scores stay together.
fn groups(scores: &[f64], labels: &[u8]) -> Vec<Block> {
    let mut pairs: Vec<(f64, u8)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows_min = pairs.len().div_ceil(GROUPS) as f64;
    let mut groups: Vec<Block> = Vec::new();
    for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
        let (score, rows) = (equal[0].0, equal.len() as f64);
        let positives = equal.iter().map(|(_, label)| f64::from(*label)).sum();
        let equal = Block { rows, score_sum: score * rows, positives, lowest: score, highest: score };
        match groups.pop_if(|group| group.rows < rows_min) {
            Some(group) => groups.push(group.with(equal)),
            None => groups.push(equal),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use guest_model::{Family, Logistic, Model};
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::train::metrics::measure;
    use crate::train::scoring::score;

    /// Rows of one number between 0 and 1; the scores are right in their order, and distorted as balancing distorts them.
    fn distorted(count: usize, seed: u64) -> (Rows, Vec<u8>, Model) {
        let mut random = StdRng::seed_from_u64(seed);
        let rows = Rows::new(1, (0..count).map(|_| random.random::<f64>() * 4.0).collect());
        let truth = |x: f64| 1.0 / (1.0 + libm::exp(5.0 - x));
        let labels = rows.iter().map(|row| u8::from(random.random::<f64>() < truth(row[0]))).collect();
        let logistic = Logistic { means: vec![0.0], scales: vec![1.0], weights: vec![2.0], bias: -3.0 };
        let (family, calibration) = (Family::Logistic(logistic), Calibration::None);
        (rows, labels, Model { imputation: vec![0.0], family, calibration })
    }

    #[test]
    fn distorted_scores_become_shares_and_keep_their_order() {
        let (rows, labels, model) = distorted(20_000, 1);
        let (others, other_labels, _) = distorted(20_000, 2);
        let raw = score(&model, &others).expect("scores");
        let before = measure(&raw, &other_labels, 0.5);
        for method in [CalibrationMethod::Platt, CalibrationMethod::Isotonic] {
            let calibration = method.fit(&score(&model, &rows).expect("scores"), &labels).expect("fits");
            let model = Model { calibration, ..model.clone() };
            let calibrated = score(&model, &others).expect("a valid calibration");
            let after = measure(&calibrated, &other_labels, 0.5);
            assert!(after.log_loss < before.log_loss / 2.0, "{method:?}: {} from {}", after.log_loss, before.log_loss);
            assert!(after.calibration_error < 0.01, "{method:?}: {}", after.calibration_error);
            let [before, after] = [&before, &after].map(|metrics| metrics.roc_auc.expect("two classes"));
            assert!((before - after).abs() < 1e-3, "{method:?}: {before}, {after}");
            let mut pairs: Vec<(f64, f64)> = raw.iter().copied().zip(calibrated).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(pairs.is_sorted_by(|a, b| a.1 <= b.1), "{method:?}");
        }
    }

    #[test]
    fn violators_are_pooled_by_hand() {
        // Shares by score 1/1, 0/1, 1/2, 2/2, each with a row of 4/6 more: the first three pool to 2/4.
        let found = isotonic(&[0.1, 0.2, 0.3, 0.3, 0.4, 0.4], &[1, 0, 0, 1, 1, 1]);
        let Calibration::Isotonic { scores, values } = found else { panic!("isotonic") };
        let close = |found: &[f64], wanted: &[f64]| {
            assert!(found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12));
        };
        close(&scores, &[0.9 / 4.0, 0.4]);
        close(&values, &[(2.0 + 2.0 / 3.0) / 5.0, (2.0 + 2.0 / 3.0) / 3.0]);
    }

    #[test]
    fn scores_that_rank_the_wrong_way_say_nothing() {
        let (scores, labels) = ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0]);
        let Ok(Calibration::Platt { slope, intercept }) = CalibrationMethod::Platt.fit(&scores, &labels) else {
            panic!("a curve")
        };
        assert_eq!((slope, intercept), (0.0, 0.0), "half of them are positive");
        let Calibration::Isotonic { values, .. } = isotonic(&scores, &labels) else { panic!("isotonic") };
        assert_eq!(values, [0.5]);
    }
}
