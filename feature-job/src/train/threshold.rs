//! Choosing from which score on a loan is declined, on users who took no part in the fit.

use serde::{Deserialize, Serialize};

use super::metrics::best_f1_threshold;
use super::recipe::{Wrong, demand};

/// How the threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// Where F1, the harmonic mean of precision and recall, is highest.
    BestF1,
    /// Where the decisions cost least.
    Cost(Costs),
    /// The highest at which this share of the bad loans is found.
    Recall(f64),
    /// This one.
    Fixed(f64),
}

/// What wrong decisions cost, in any one unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// What it costs to decline a good loan.
    pub false_positive: f64,
    /// What it costs to approve a bad one.
    pub false_negative: f64,
}

impl ThresholdRule {
    pub(super) fn check(self) -> Result<(), Wrong> {
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let cost = |value: f64| value >= 0.0 && value.is_finite();
        match self {
            Self::BestF1 => Ok(()),
            Self::Recall(recall) => demand(share(recall), "threshold.recall", "must lie above 0 and at most at 1"),
            Self::Fixed(fixed) => demand(share(fixed), "threshold.fixed", "must lie above 0 and at most at 1"),
            Self::Cost(Costs { false_positive, false_negative }) => {
                let costs = cost(false_positive) && cost(false_negative) && false_positive + false_negative > 0.0;
                demand(costs, "threshold.cost", "must hold two numbers, none negative and not both 0")
            }
        }
    }

    /// Says whether rows are needed to choose by.
    pub fn needs_rows(self) -> bool {
        !matches!(self, Self::Fixed(_))
    }

    /// Chooses the threshold; none where no row is positive and the rule needs one. Of equally good ones, the highest.
    pub fn choose(self, scores: &[f64], labels: &[u8]) -> Option<f64> {
        match self {
            Self::BestF1 => best_f1_threshold(scores, labels),
            Self::Cost(costs) => least_cost(scores, labels, costs),
            Self::Recall(share) => at_recall(scores, labels, share),
            Self::Fixed(threshold) => Some(threshold),
        }
    }
}

/// Rows by falling score; equal scores are one step, with its negatives and positives.
fn steps(scores: &[f64], labels: &[u8]) -> Vec<(f64, [u64; 2])> {
    let mut pairs: Vec<(f64, u8)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let step = |equal: &[(f64, u8)]| {
        let positives = equal.iter().filter(|(_, label)| *label == 1).count() as u64;
        (equal[0].0, [equal.len() as u64 - positives, positives])
    };
    pairs.chunk_by(|a, b| a.0 == b.0).map(step).collect()
}

fn least_cost(scores: &[f64], labels: &[u8], costs: Costs) -> Option<f64> {
    let steps = steps(scores, labels);
    // To decline nobody is a choice too: just above the highest score.
    let (highest, _) = steps.first()?;
    let mut cost = 0.0;
    let mut best = (cost, highest.next_up());
    for (score, [negatives, positives]) in steps {
        cost += negatives as f64 * costs.false_positive - positives as f64 * costs.false_negative;
        if cost < best.0 {
            best = (cost, score);
        }
    }
    Some(best.1)
}

fn at_recall(scores: &[f64], labels: &[u8], share: f64) -> Option<f64> {
    let steps = steps(scores, labels);
    let all: u64 = steps.iter().map(|(_, [_, positives])| positives).sum();
    let mut found = 0;
    let enough = |(_, [_, positives]): &&(f64, [u64; 2])| {
        found += positives;
        found as f64 / all as f64 >= share
    };
    steps.iter().filter(|_| all > 0).find(enough).map(|(score, _)| *score)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::train::metrics::measure;

    /// Every threshold worth trying, from the highest down.
    fn thresholds(scores: &[f64]) -> Vec<f64> {
        let mut all = scores.to_vec();
        all.push(scores.iter().copied().fold(0.0, f64::max).next_up());
        all.sort_by(|a, b| b.total_cmp(a));
        all
    }

    #[test]
    fn rules_find_what_trying_every_threshold_finds() {
        let mut random = StdRng::seed_from_u64(8);
        for _ in 0..200 {
            let scores: Vec<f64> = (0..30).map(|_| f64::from(random.random_range(0..12)) / 12.0).collect();
            let labels: Vec<u8> = scores.iter().map(|score| u8::from(random.random::<f64>() < *score)).collect();
            if labels.iter().all(|&label| label == 0) {
                continue;
            }
            let confusion = |threshold: f64| measure(&scores, &labels, threshold).confusion;
            let costs = Costs { false_positive: 1.0, false_negative: f64::from(random.random_range(0..9)) };
            let cost = |threshold: &f64| {
                let [[_, false_positives], [false_negatives, _]] = confusion(*threshold);
                false_positives as f64 * costs.false_positive + false_negatives as f64 * costs.false_negative
            };
            let all = thresholds(&scores);
            let wanted = all.iter().copied().reduce(|best, next| if cost(&next) < cost(&best) { next } else { best });
            assert_eq!(ThresholdRule::Cost(costs).choose(&scores, &labels), wanted, "{costs:?}");

            let share = random.random::<f64>();
            let recall = |threshold: f64| measure(&scores, &labels, threshold).recall.expect("a positive row");
            let wanted = all.iter().copied().find(|&threshold| threshold <= 1.0 && recall(threshold) >= share);
            assert_eq!(ThresholdRule::Recall(share).choose(&scores, &labels), wanted, "{share}");
        }
    }

    #[test]
    fn corners_of_the_rules() {
        let cost = |false_positive, false_negative| ThresholdRule::Cost(Costs { false_positive, false_negative });
        let (scores, labels) = ([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 0]);
        assert_eq!(cost(1.0, 0.5).choose(&scores, &labels), Some(0.9_f64.next_up()), "nobody is declined");
        assert_eq!(cost(1.0, 9.0).choose(&scores, &labels), Some(0.4));
        assert_eq!(cost(0.0, 1.0).choose(&scores, &labels), Some(0.4), "of equals the highest");
        assert_eq!(ThresholdRule::Recall(1.0).choose(&scores, &labels), Some(0.4));
        assert_eq!(ThresholdRule::Recall(0.5).choose(&scores, &[0; 4]), None, "there is none to find");
        assert_eq!(ThresholdRule::BestF1.choose(&scores, &[0; 4]), None);
        assert_eq!(ThresholdRule::Fixed(0.5).choose(&[], &[]), Some(0.5));
        assert_eq!(cost(1.0, 1.0).choose(&[], &[]), None);
    }
}
