//! Calibration: from a score that only ranks to the share of such rows that turn out positive.
//!
//! A calibration never falls where the score rises, so it keeps the ranking (and may join neighbours).
//!
//! # Source
//! Platt, "Probabilistic outputs for support vector machines" (1999), here on the log odds of the score; Zadrozny and Elkan,
//! "Transforming classifier scores into accurate multiclass probability estimates" (2002).

use serde::{Deserialize, Serialize};

use crate::logistic::probability;
use crate::model::ModelError;

/// What is done to the family's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Calibration {
    /// Nothing.
    None,
    /// A logistic curve over the log odds of the score: `1 / (1 + exp(-(intercept + slope * ln(score / (1 - score)))))`.
    Platt {
        /// How much the log odds count; not negative.
        slope: f64,
        /// The log odds of a score of one half.
        intercept: f64,
    },
    /// Straight lines between points, and the end points' values beyond them.
    Isotonic {
        /// The points' scores between 0 and 1, strictly rising.
        scores: Vec<f64>,
        /// What each of them becomes, between 0 and 1, never falling.
        values: Vec<f64>,
    },
}

/// How near to 0 and 1 a score may come before its log odds are taken, which are infinite at the ends.
const CLIP: f64 = 1e-15;

impl Calibration {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let share = |value: &f64| (0.0..=1.0).contains(value);
        match self {
            Self::None => Ok(()),
            Self::Platt { slope, intercept } if !slope.is_finite() || !intercept.is_finite() => {
                Err(ModelError::NotFinite("a parameter of the calibration"))
            }
            Self::Platt { slope, .. } if *slope < 0.0 => Err(ModelError::Calibration("falls")),
            Self::Platt { .. } => Ok(()),
            Self::Isotonic { scores, values } if scores.is_empty() || scores.len() != values.len() => {
                Err(ModelError::Calibration("has not one value for each of its points"))
            }
            Self::Isotonic { scores, values } if !scores.iter().chain(values).all(share) => {
                Err(ModelError::Calibration("leaves the range from 0 to 1"))
            }
            Self::Isotonic { scores, .. } if !scores.is_sorted_by(|a, b| a < b) => {
                Err(ModelError::Calibration("has points that do not rise"))
            }
            Self::Isotonic { values, .. } if !values.is_sorted() => Err(ModelError::Calibration("falls")),
            Self::Isotonic { .. } => Ok(()),
        }
    }

    /// Gives what a score becomes.
    pub(crate) fn of(&self, score: f64) -> f64 {
        match self {
            Self::None => score,
            Self::Platt { slope, intercept } => {
                let share = score.clamp(CLIP, 1.0 - CLIP);
                probability(intercept + slope * libm::log(share / (1.0 - share)))
            }
            Self::Isotonic { scores, values } => between_points(scores, values, score),
        }
    }
}

fn between_points(scores: &[f64], values: &[f64], score: f64) -> f64 {
    let above = scores.partition_point(|&point| point <= score);
    if above == 0 {
        return values[0];
    }
    if above == scores.len() {
        return values[above - 1];
    }
    let (low, high) = (values[above - 1], values[above]);
    let way = (score - scores[above - 1]) / (scores[above] - scores[above - 1]);
    // Rounding may carry the sum past the higher point, where the next line starts.
    (low + (high - low) * way).min(high)
}
