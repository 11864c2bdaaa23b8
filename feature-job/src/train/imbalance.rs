//! What is done about there being few positive rows: nothing, more rows, or more weight. It happens to the rows learned from
//! and to no others, after every split.

use contract::view::FeatureView;
use serde::{Deserialize, Serialize};

use super::boosting::Weighted;
use super::learner::FamilyName;
use super::missing::Missing;
use super::recipe::{Wrong, demand};
use super::rows::Rows;
use super::smote::{self, SmoteError};

/// What is done about imbalance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imbalance {
    /// Nothing.
    None,
    /// The smaller class grows by invented rows until both are equal.
    Smote(SmoteForm),
    /// Each row weighs so much that both classes weigh the same.
    Weights,
}

/// How rows are invented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmoteForm {
    /// How many of the nearest rows one is drawn from.
    pub neighbours: usize,
    /// The features that are cut to whole numbers in invented rows.
    pub whole: Vec<String>,
}

/// Rows to learn from, as they are after that.
#[derive(Debug, Clone)]
pub struct Balanced {
    /// The rows.
    pub rows: Rows,
    /// Their labels.
    pub labels: Vec<u8>,
    /// How much each row counts; none where all count the same.
    pub weights: Option<Vec<f64>>,
}

impl Balanced {
    /// Gives the rows with what each counts.
    pub fn weighted(&self) -> Weighted<'_> {
        Weighted { rows: &self.rows, labels: &self.labels, weights: self.weights.as_deref() }
    }
}

impl Imbalance {
    pub(super) fn check(&self, view: &FeatureView, family: FamilyName, missing: Missing) -> Result<(), Wrong> {
        let weighed = *self == Self::Weights && family == FamilyName::DeepForest;
        demand(!weighed, "imbalance", "cannot be `weights` for `deep-forest`, which knows none: take smote")?;
        let Self::Smote(smote) = self else { return Ok(()) };
        demand(smote.neighbours > 0, "imbalance.smote.neighbours", "must be 1 at least")?;
        let unknown = smote.whole.iter().find(|name| !view.features.iter().any(|of| of.name.as_str() == name.as_str()));
        if let Some(name) = unknown {
            demand(false, "imbalance.smote.whole", &format!("names `{name}`, which is no feature of the view"))?;
        }
        demand(missing != Missing::Keep, "missing", "cannot be `keep` with SMOTE: it measures how far rows lie apart")
    }

    /// Makes rows ready to learn from; both classes are there, and for SMOTE nothing is missing.
    ///
    /// # Errors
    /// [`SmoteError`], when there are too few rows to invent more.
    pub fn balance(&self, rows: Rows, labels: Vec<u8>, seed: u64) -> Result<Balanced, SmoteError> {
        match self {
            Self::None => Ok(Balanced { rows, labels, weights: None }),
            Self::Weights => {
                let weights = Some(class_weights(&labels));
                Ok(Balanced { rows, labels, weights })
            }
            Self::Smote(form) => {
                let named = |name: &str| form.whole.iter().any(|whole| whole == name);
                let whole: Vec<bool> =
                    FeatureView::credit_risk().features.iter().map(|feature| named(feature.name.as_str())).collect();
                let (rows, labels) = smote::balance(&rows, &labels, &whole, form.neighbours, seed)?;
                Ok(Balanced { rows, labels, weights: None })
            }
        }
    }
}

/// Weighs every row so that a class weighs half of all, and all weigh as much as there are rows.
///
/// # Source
/// scikit-learn's `class_weight="balanced"`.
fn class_weights(labels: &[u8]) -> Vec<f64> {
    let positives = labels.iter().filter(|&&label| label == 1).count();
    let half = labels.len() as f64 / 2.0;
    let weights = [half / (labels.len() - positives) as f64, half / positives as f64];
    labels.iter().map(|&label| weights[usize::from(label == 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_make_the_classes_equal() {
        let labels = [0, 0, 0, 1, 0, 0, 0, 1];
        let balanced = Imbalance::Weights.balance(Rows::new(1, vec![0.0; 8]), labels.to_vec(), 1).expect("weighed");
        let weights = balanced.weights.expect("weights");
        let of =
            |class| weights.iter().zip(labels).filter(|(_, label)| *label == class).map(|(weight, _)| weight).sum();
        let (negative, positive): (f64, f64) = (of(0), of(1));
        assert!((negative - 4.0).abs() < 1e-12 && (positive - 4.0).abs() < 1e-12);
    }
}
