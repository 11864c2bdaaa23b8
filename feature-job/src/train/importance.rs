//! What each feature is worth to a model: how much it loses when the feature's values change places among the rows.
//!
//! # Source
//! Breiman, "Random Forests" (2001), section 10 (permutation importance), with ROC AUC as the figure that is lost.

use contract::card::Importance;
use contract::view::FeatureView;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rayon::prelude::*;

use super::metrics::measure;
use super::rows::{Rows, Sample};
use super::scoring::{self, ScoringError};
use guest_model::Model;

/// How often each feature is shuffled; the mean of three steadies the figure on small files.
const SHUFFLES: u64 = 3;

/// Measures every feature on held-out rows, whose scores as they are stand in `scores`. A file without both classes among
/// them has no ROC AUC to lose, and no importance. Below 0 means that the shuffled feature did better by chance: it is
/// worth nothing.
///
/// # Errors
/// [`ScoringError`], when the model does not take these rows.
pub fn importance(
    view: &FeatureView,
    model: &Model,
    held_out: &Sample,
    scores: &[f64],
    seed: u64,
) -> Result<Vec<Importance>, ScoringError> {
    let Some(whole) = measure(scores, &held_out.labels, 0.5).roc_auc else { return Ok(Vec::new()) };
    let features: Vec<_> = view.features.iter().enumerate().collect();
    let of = |(place, feature): (usize, &contract::view::Feature)| {
        let mut dropped = 0.0;
        for shuffle in 0..SHUFFLES {
            // A seed of its own for each shuffle, so that threads change nothing.
            let stream = place as u64 * SHUFFLES + shuffle;
            let rows = shuffled(&held_out.rows, place, seed.wrapping_add(stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let scores = scoring::score(model, &rows)?;
            dropped += whole - measure(&scores, &held_out.labels, 0.5).roc_auc.unwrap_or(whole);
        }
        Ok(Importance { feature: feature.name.clone(), roc_auc_drop: dropped / SHUFFLES as f64 })
    };
    features.into_par_iter().map(of).collect()
}

fn shuffled(rows: &Rows, place: usize, seed: u64) -> Rows {
    let mut column: Vec<f64> = rows.column(place).collect();
    column.shuffle(&mut StdRng::seed_from_u64(seed));
    let mut values = rows.values().to_vec();
    for (row, value) in values.chunks_exact_mut(rows.width()).zip(column) {
        row[place] = value;
    }
    Rows::new(rows.width(), values)
}

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Logistic};

    use super::*;

    /// A model that goes by the first feature alone, and rows whose labels do as well.
    fn bench() -> (Model, Sample) {
        let mut weights = vec![0.0; 5];
        weights[0] = 1.0;
        let logistic = Logistic { means: vec![0.0; 5], scales: vec![1.0; 5], weights, bias: 0.0 };
        let model =
            Model { imputation: vec![0.0; 5], family: Family::Logistic(logistic), calibration: Calibration::None };
        let value = |row: u32| f64::from(row * 37 % 101) / 101.0;
        let rows = (0..2_000).flat_map(|row| [value(row), value(row + 1), value(row + 2), f64::NAN, 1.0]).collect();
        let labels = (0..2_000).map(|row| u8::from(value(row) > 0.6)).collect();
        (model, Sample { rows: Rows::new(5, rows), labels, entities: vec![0; 2_000], days: vec![0; 2_000] })
    }

    fn of(model: &Model, sample: &Sample, seed: u64) -> Vec<Importance> {
        let scores = scoring::score(model, &sample.rows).expect("a valid model");
        importance(FeatureView::credit_risk(), model, sample, &scores, seed).expect("a valid model")
    }

    #[test]
    fn the_feature_a_model_goes_by_is_worth_all_and_the_others_nothing() {
        let (model, sample) = bench();
        let found = of(&model, &sample, 5);
        // Ranking is perfect, and a coin's without the first feature.
        assert!((found[0].roc_auc_drop - 0.5).abs() < 0.05, "{found:?}");
        assert!(found[1..].iter().all(|other| other.roc_auc_drop == 0.0), "{found:?}");
    }

    #[test]
    fn the_seed_decides() {
        let (model, sample) = bench();
        assert_eq!(of(&model, &sample, 5), of(&model, &sample, 5));
        assert_ne!(of(&model, &sample, 5), of(&model, &sample, 6));
    }

    #[test]
    fn one_class_has_no_importance() {
        let (model, mut sample) = bench();
        sample.labels.fill(0);
        assert!(of(&model, &sample, 5).is_empty());
    }
}
