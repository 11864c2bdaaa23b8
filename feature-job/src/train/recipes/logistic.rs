//! `logistic`: logistic regression on users held out, the simplest model that gives a probability.
//!
//! Features are standardized, a missing value becomes the mean of its feature in the rows fitted on (so it moves the
//! score nowhere), and ages count from the loan's own day.

use std::collections::BTreeMap;

use contract::card::OutputKind;
use contract::view::Ages;
use guest_model::{Calibration, Family, Model};
use serde_json::{Value, json};

use crate::train::recipe::{FitError, Fitted, Recipe, THRESHOLD_SHARE, fit_and_choose};
use crate::train::regression::{self, RegressionParameters};
use crate::train::rows::{Rows, Sample};
use crate::train::split::{SplitKind, TEST_SHARE};

const REGRESSION: RegressionParameters = RegressionParameters { ridge: 1.0, rounds_max: 100, tolerance: 1e-8 };

/// Logistic regression.
#[derive(Debug, Clone, Copy)]
pub struct Logistic;

impl Recipe for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn family(&self) -> &'static str {
        "logistic"
    }

    fn ages(&self) -> Ages {
        Ages::Event
    }

    fn output(&self) -> OutputKind {
        OutputKind::Probability
    }

    fn splits(&self) -> &'static [SplitKind] {
        &[SplitKind::Users, SplitKind::Time, SplitKind::UsersTime]
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let parameters = json!({
            "missing_becomes": "mean",
            "test_share": TEST_SHARE,
            "ridge": REGRESSION.ridge,
            "rounds_max": REGRESSION.rounds_max,
            "tolerance": REGRESSION.tolerance,
            "threshold": "highest F1",
            "threshold_share": THRESHOLD_SHARE,
        });
        parameters.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn fit(&self, part: &Sample, seed: u64) -> Result<Fitted, FitError> {
        fit_and_choose(part, seed, |rows, labels| {
            let imputation: Vec<f64> = (0..rows.width()).map(|feature| known_mean(rows, feature)).collect();
            let logistic = regression::fit(&rows.imputed(&imputation), labels, &REGRESSION)?;
            Ok(Model { imputation, family: Family::Logistic(logistic), calibration: Calibration::None })
        })
    }
}

/// Gives the mean of the values that are there; 0 where none is.
fn known_mean(rows: &Rows, feature: usize) -> f64 {
    let known = || rows.column(feature).filter(|value| !value.is_nan());
    known().sum::<f64>() / known().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_ignores_what_is_missing() {
        let rows = Rows::new(2, vec![1.0, f64::NAN, f64::NAN, f64::NAN, 5.0, f64::NAN]);
        assert_eq!((known_mean(&rows, 0), known_mean(&rows, 1)), (3.0, 0.0));
    }
}
