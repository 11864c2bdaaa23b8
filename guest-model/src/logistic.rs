//! Logistic regression on standardized features.

use serde::{Deserialize, Serialize};

use crate::model::{ModelError, check_list};

/// A logistic regression: `1 / (1 + exp(-(bias + sum of weight * (x - mean) / scale)))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// What is taken from each feature.
    pub means: Vec<f64>,
    /// What each feature is then divided by; not zero.
    pub scales: Vec<f64>,
    /// How much each standardized feature counts, in log odds.
    pub weights: Vec<f64>,
    /// The log odds of a row of means.
    pub bias: f64,
}

impl Logistic {
    pub(crate) fn check(&self, width: usize) -> Result<(), ModelError> {
        check_list("the means", &self.means, width)?;
        check_list("the scales", &self.scales, width)?;
        check_list("the weights", &self.weights, width)?;
        if self.scales.contains(&0.0) {
            return Err(ModelError::NotFinite("the inverse of a scale"));
        }
        if self.bias.is_finite() { Ok(()) } else { Err(ModelError::NotFinite("the bias")) }
    }

    /// Scores one row.
    pub(crate) fn score_row(&self, row: &[f64]) -> f64 {
        let mut log_odds = self.bias;
        for (place, value) in row.iter().enumerate().take(self.weights.len()) {
            log_odds += self.weights[place] * ((value - self.means[place]) / self.scales[place]);
        }
        probability(log_odds)
    }
}

/// Gives the probability of log odds. libm's `exp` gives the same bits natively and in the sandbox; the platform's own does
/// not.
pub(crate) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}
