//! What a missing value becomes before a model sees it. The model keeps it and does it for itself when it scores.

use serde::{Deserialize, Serialize};

use super::learner::FamilyName;
use super::recipe::{Wrong, demand};
use super::rows::Rows;

/// What a missing value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The mean of its feature in the rows learned from, which moves a linear model nowhere.
    Mean,
    /// This number, for every feature.
    Value(f64),
    /// It stays missing, and goes right at every split.
    Keep,
}

impl Missing {
    pub(super) fn check(self, family: FamilyName) -> Result<(), Wrong> {
        let number = !matches!(self, Self::Value(value) if !value.is_finite());
        demand(number, "missing.value", "must be a finite number")?;
        let kept = self == Self::Keep;
        demand(
            !kept || family == FamilyName::Boosted,
            "missing",
            "can be `keep` for `boosted` only: give \"mean\" or { value = -1.0 }",
        )
    }

    /// Gives what stands in for each feature.
    pub fn stand_ins(self, rows: &Rows) -> Vec<f64> {
        let stand_in = |feature| match self {
            Self::Mean => known_mean(rows, feature),
            Self::Value(value) => value,
            Self::Keep => f64::NAN,
        };
        (0..rows.width()).map(stand_in).collect()
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
        assert_eq!(Missing::Mean.stand_ins(&rows), [3.0, 0.0]);
        assert_eq!(Missing::Value(-1.0).stand_ins(&rows), [-1.0, -1.0]);
        assert!(Missing::Keep.stand_ins(&rows).iter().all(|value| value.is_nan()));
    }
}
