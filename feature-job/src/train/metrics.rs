//! What a binary classifier's scores are worth.
//!
//! # Source
//! The definitions of scikit-learn's `roc_auc_score`, `average_precision_score`, `log_loss` and `brier_score_loss`.

use std::collections::BTreeMap;

use contract::card::Metrics;

use super::bins::Bins;

/// The precisions at which recall is reported, with the text they stand under in the card.
const PRECISIONS: [(&str, f64); 2] = [("0.05", 0.05), ("0.10", 0.10)];
/// How near to 0 and 1 a score may come in the log loss, where the exact ends would cost infinity.
const CLIP: f64 = 1e-15;

/// Computes every figure for scores and labels of the same rows.
///
/// What is undefined is none: areas and distances where one class is absent, precision where nothing is decided
/// positive, recall where nothing is positive.
pub fn measure(scores: &[f64], labels: &[u8], threshold: f64) -> Metrics {
    let curve = Curve::new(scores, labels);
    let mut confusion = [[0_u64; 2]; 2];
    let (mut log_loss, mut brier) = (0.0, 0.0);
    for (&score, &label) in scores.iter().zip(labels) {
        confusion[usize::from(label == 1)][usize::from(score >= threshold)] += 1;
        log_loss += negative_log_likelihood(score, label);
        brier += (score - f64::from(label)).powi(2);
    }
    let [[true_negatives, false_positives], [false_negatives, true_positives]] = confusion;
    let rows = scores.len().max(1) as f64;
    Metrics {
        roc_auc: curve.roc_auc(),
        gini: curve.roc_auc().map(|area| 2.0 * area - 1.0),
        pr_auc: curve.average_precision(),
        ks: curve.kolmogorov_smirnov(),
        log_loss: log_loss / rows,
        brier: brier / rows,
        calibration_error: curve.calibration_error(),
        accuracy: (true_negatives + true_positives) as f64 / rows,
        precision: share(true_positives, true_positives + false_positives),
        recall: share(true_positives, true_positives + false_negatives),
        confusion,
        recall_at_precision: PRECISIONS
            .into_iter()
            .map(|(text, precision)| (text.to_owned(), curve.recall_at_precision(precision)))
            .collect::<BTreeMap<_, _>>(),
        intervals: BTreeMap::new(),
    }
}

/// Gives what a score costs in the log loss when this is the outcome.
pub fn negative_log_likelihood(score: f64, label: u8) -> f64 {
    let likelihood = if label == 1 { score } else { 1.0 - score };
    -libm::log(likelihood.clamp(CLIP, 1.0 - CLIP))
}

/// Finds the threshold with the highest F1 (harmonic mean of precision and recall); of equals, the highest one.
/// None where there is no positive row.
pub fn best_f1_threshold(scores: &[f64], labels: &[u8]) -> Option<f64> {
    let curve = Curve::new(scores, labels);
    let mut best: Option<(f64, f64)> = None;
    for step in curve.steps.iter().filter(|_| curve.positives > 0) {
        let f1 =
            2.0 * step.true_positives as f64 / (curve.positives + step.true_positives + step.false_positives) as f64;
        if best.is_none_or(|(highest, _)| f1 > highest) {
            best = Some((f1, step.score));
        }
    }
    best.map(|(_, threshold)| threshold)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The counts at every threshold worth telling apart, from the highest score down; equal scores are one step.
struct Curve {
    steps: Vec<Step>,
    positives: u64,
    negatives: u64,
}

/// What is decided positive when the threshold is this score.
struct Step {
    score: f64,
    true_positives: u64,
    false_positives: u64,
}

impl Curve {
    fn new(scores: &[f64], labels: &[u8]) -> Self {
        let mut pairs: Vec<(f64, u8)> = scores.iter().copied().zip(labels.iter().copied()).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut steps, mut positives, mut negatives) = (Vec::new(), 0, 0);
        for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
            let positive = equal.iter().filter(|(_, label)| *label == 1).count() as u64;
            positives += positive;
            negatives += equal.len() as u64 - positive;
            steps.push(Step { score: equal[0].0, true_positives: positives, false_positives: negatives });
        }
        Self { steps, positives, negatives }
    }

    fn two_classes(&self) -> Option<(f64, f64)> {
        (self.positives > 0 && self.negatives > 0).then_some((self.positives as f64, self.negatives as f64))
    }

    /// Gives each step with the one before it.
    fn pairs(&self) -> impl Iterator<Item = (&Step, &Step)> {
        const START: &Step = &Step { score: f64::INFINITY, true_positives: 0, false_positives: 0 };
        std::iter::once(START).chain(&self.steps).zip(&self.steps)
    }

    /// The area by trapezoids, which counts a tie between the classes as half won.
    fn roc_auc(&self) -> Option<f64> {
        let (positives, negatives) = self.two_classes()?;
        let area = self.pairs().map(|(before, step)| {
            let wider = (step.false_positives - before.false_positives) as f64;
            wider * (step.true_positives + before.true_positives) as f64 / 2.0
        });
        Some(area.sum::<f64>() / (positives * negatives))
    }

    fn average_precision(&self) -> Option<f64> {
        let (positives, _) = self.two_classes()?;
        let area = self.pairs().map(|(before, step)| {
            let precision = step.true_positives as f64 / (step.true_positives + step.false_positives) as f64;
            (step.true_positives - before.true_positives) as f64 * precision
        });
        Some(area.sum::<f64>() / positives)
    }

    fn kolmogorov_smirnov(&self) -> Option<f64> {
        let (positives, negatives) = self.two_classes()?;
        let distance =
            |step: &Step| (step.true_positives as f64 / positives - step.false_positives as f64 / negatives).abs();
        Some(self.steps.iter().map(distance).fold(0.0, f64::max))
    }

    fn calibration_error(&self) -> f64 {
        let mut bins = Bins::new(self.positives + self.negatives);
        // Steps go down from the highest score, bins up from the lowest.
        for (before, step) in self.pairs().collect::<Vec<_>>().into_iter().rev() {
            let positives = step.true_positives - before.true_positives;
            bins.add(step.score, positives, positives + step.false_positives - before.false_positives);
        }
        bins.error()
    }

    fn recall_at_precision(&self, precision: f64) -> Option<f64> {
        let (positives, _) = self.two_classes()?;
        let precise = |step: &&Step| {
            step.true_positives as f64 / (step.true_positives + step.false_positives) as f64 >= precision
        };
        // Recall rises from step to step, so the last precise enough is the highest.
        let last = self.steps.iter().rfind(precise).filter(|step| step.true_positives > 0)?;
        Some(last.true_positives as f64 / positives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, wanted: f64) {
        assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-12), "{found:?}, by hand {wanted}");
    }

    /// Positives at 0.9, 0.6 and 0.4, negatives at 0.8, 0.4, 0.3 and 0.1.
    const SCORES: [f64; 7] = [0.9, 0.8, 0.6, 0.4, 0.4, 0.3, 0.1];
    const LABELS: [u8; 7] = [1, 0, 1, 1, 0, 0, 0];

    #[test]
    fn figures_by_hand() {
        let metrics = measure(&SCORES, &LABELS, 0.5);
        // Pairs won: 4 by 0.9, 3 by 0.6, 2 and a half by 0.4, of 12.
        close(metrics.roc_auc, 9.5 / 12.0);
        close(metrics.gini, 7.0 / 12.0);
        // Precision 1/1 at the first positive, 2/3 at the second, 3/5 at the tie.
        close(metrics.pr_auc, (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0);
        // Widest at the tie: 3/3 against 2/4 (and 2/3 against 1/4 is less).
        close(metrics.ks, 0.5);
        assert_eq!(metrics.confusion, [[3, 1], [1, 2]]);
        close(Some(metrics.accuracy), 5.0 / 7.0);
        close(metrics.precision, 2.0 / 3.0);
        close(metrics.recall, 2.0 / 3.0);
        let brier = (0.01 + 0.64 + 0.16 + 0.36 + 0.16 + 0.09 + 0.01) / 7.0;
        close(Some(metrics.brier), brier);
        let likelihood: f64 = 0.9 * 0.2 * 0.6 * 0.4 * 0.6 * 0.7 * 0.9;
        assert!((metrics.log_loss + likelihood.ln() / 7.0).abs() < 1e-12);
        // Seven rows are seven bins; the tie at 0.4 is half positive.
        close(Some(metrics.calibration_error), (0.1 + 0.8 + 0.4 + 0.1 + 0.1 + 0.3 + 0.1) / 7.0);
    }

    #[test]
    fn recall_is_not_precision() {
        // Two decided positive, one rightly, of four positives.
        let metrics = measure(&[0.9, 0.8, 0.1, 0.1, 0.1, 0.1], &[1, 0, 1, 1, 1, 0], 0.5);
        close(metrics.precision, 1.0 / 2.0);
        close(metrics.recall, 1.0 / 4.0);
    }

    #[test]
    fn one_class_leaves_areas_undefined() {
        for label in [0, 1] {
            let metrics = measure(&[0.1, 0.9], &[label; 2], 0.5);
            assert_eq!((metrics.roc_auc, metrics.pr_auc, metrics.ks), (None, None, None));
            assert!(metrics.recall_at_precision.values().all(Option::is_none));
            assert_eq!(metrics.recall.is_some(), label == 1);
        }
        assert_eq!(measure(&[0.1], &[1], 0.5).precision, None, "nothing is decided positive");
        assert_eq!(measure(&[], &[], 0.5).log_loss, 0.0);
    }

    #[test]
    fn certain_and_wrong_costs_much_but_not_infinity() {
        let metrics = measure(&[0.0, 1.0], &[1, 0], 0.5);
        assert!((30.0..40.0).contains(&metrics.log_loss), "{}", metrics.log_loss);
        close(metrics.roc_auc, 0.0);
    }

    #[test]
    fn constant_scores_rank_nothing() {
        let metrics = measure(&[0.5; 4], &[1, 0, 0, 0], 0.5);
        close(metrics.roc_auc, 0.5);
        close(metrics.pr_auc, 0.25);
        close(metrics.ks, 0.0);
    }

    #[test]
    fn recall_at_a_precision_is_the_highest() {
        // 1 positive on top, then 9 negatives and 1 positive: precision 2/11 for both, 1 for the first.
        let mut scores = vec![0.9];
        let mut labels = vec![1];
        (0..9).for_each(|_| (scores.push(0.5), labels.push(0)).0);
        scores.push(0.5);
        labels.push(1);
        let at = |precision| Curve::new(&scores, &labels).recall_at_precision(precision);
        close(at(0.05), 1.0);
        close(at(2.0 / 11.0), 1.0);
        close(at(0.2), 0.5);
        assert_eq!(Curve::new(&[0.9, 0.1], &[0, 1]).recall_at_precision(0.6), None, "never that precise");
    }

    #[test]
    fn the_best_threshold_by_hand() {
        // F1 from the top: 2/4, 2/5, 4/6, 6/8 at the tie of 0.4, and less below.
        assert_eq!(best_f1_threshold(&SCORES, &LABELS), Some(0.4));
        assert_eq!(best_f1_threshold(&[0.1], &[0]), None);
    }
}
