//! Golden vectors: rows with the exact scores that every machine must give for them before a version goes live.

use contract::card::GoldenVector;
use contract::view::FeatureView;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::index::sample;

use super::rows::Rows;
use super::scoring::{self, ScoringError};
use guest_model::Model;

/// Golden rows drawn from the held-out ones.
const DRAWN_ROWS: usize = 48;
/// Golden rows drawn from the held-out ones with a missing value.
const MISSING_ROWS: usize = 12;

/// Draws golden rows from the held-out ones, adds the corners of the view's ranges, and scores them.
///
/// # Errors
/// [`ScoringError`], when the model is not valid.
pub fn golden_vectors(
    view: &FeatureView,
    model: &Model,
    held_out: &Rows,
    seed: u64,
) -> Result<Vec<GoldenVector>, ScoringError> {
    let mut random = StdRng::seed_from_u64(seed);
    let all: Vec<usize> = (0..held_out.len()).collect();
    let with_missing: Vec<usize> =
        all.iter().copied().filter(|&place| held_out.row(place).iter().any(|value| value.is_nan())).collect();
    let mut rows = Rows::new(view.width(), Vec::new());
    for (places, count) in [(&all, DRAWN_ROWS), (&with_missing, MISSING_ROWS)] {
        let mut drawn: Vec<usize> =
            sample(&mut random, places.len(), count.min(places.len())).into_iter().map(|at| places[at]).collect();
        drawn.sort_unstable();
        drawn.into_iter().for_each(|place| rows.push(held_out.row(place).iter().copied()));
    }
    for corner in corners(view) {
        rows.push(corner);
    }
    let scores = scoring::score(model, &rows)?;
    Ok(rows.iter().zip(scores).map(|(row, score)| GoldenVector::new(row, score)).collect())
}

/// Gives the lowest and the highest row the view allows, each also with all that may be missing missing.
fn corners(view: &FeatureView) -> [Vec<f64>; 4] {
    let row = |value: fn(&contract::view::Feature) -> f64| view.features.iter().map(value).collect();
    [
        row(|feature| feature.min),
        row(|feature| feature.max),
        row(|feature| if feature.missing_allowed { f64::NAN } else { feature.min }),
        row(|feature| if feature.missing_allowed { f64::NAN } else { feature.max }),
    ]
}

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Logistic};

    use super::*;

    #[test]
    fn golden_rows_hold_missing_values_and_corners() {
        let view = FeatureView::credit_risk();
        let logistic = Logistic {
            means: vec![0.0; 5],
            scales: vec![1.0; 5],
            weights: vec![0.1, 0.01, 0.02, 0.0, 0.0],
            bias: -3.0,
        };
        let (family, calibration) = (Family::Logistic(logistic), Calibration::None);
        let model = Model { imputation: vec![0.5; 5], family, calibration };
        let row = |row: i32| {
            let average = if row % 50 == 0 { f64::NAN } else { 100.0 + f64::from(row) };
            [f64::from(row % 20), average, 40.0, 3.0, 1.0]
        };
        let held_out = Rows::new(5, (0..1_000).flat_map(row).collect());
        let golden = golden_vectors(view, &model, &held_out, 3).expect("a valid model");
        assert_eq!(golden.len(), DRAWN_ROWS + MISSING_ROWS + 4);
        let missing = golden.iter().filter(|vector| vector.row.iter().any(Option::is_none)).count();
        assert!(missing >= MISSING_ROWS + 2, "{missing}");
        for vector in &golden {
            for (feature, value) in view.features.iter().zip(vector.values()) {
                feature.check(value).expect("a golden row keeps to the view");
            }
        }
        assert_eq!(golden, golden_vectors(view, &model, &held_out, 3).expect("again"));
        assert_eq!(golden_vectors(view, &model, &held_out.select(&[1]), 3).expect("one row").len(), 1 + 4);
    }
}
