//! `baseline`: what the data scientist trained, reproduced so that it can be judged fairly.
//!
//! Nulls become 0; rows (not users) are split 70/30, stratified; SMOTE balances the training part only; five trees
//! without depth limit; decided at 0.5. Ages count from as-of, although the loans are older. SMOTE makes positives seem
//! as frequent as negatives, so the model's number is a score and no probability. The split by row lets a user's rows
//! stand on both sides; a second fit, on users held out, is reported beside it.

use std::collections::BTreeMap;

use contract::card::OutputKind;
use contract::view::Ages;
use guest_model::{Family, Model};
use serde_json::{Value, json};

use crate::train::recipe::{FitError, Fitted, Recipe, two_classes};
use crate::train::rows::Sample;
use crate::train::smote;
use crate::train::split::{SplitKind, TEST_SHARE};
use crate::train::trees::{self, ForestParameters};

const IMPUTED: f64 = 0.0;
const SMOTE_NEIGHBOURS: usize = 5;
const THRESHOLD: f64 = 0.5;
const FOREST: ForestParameters = ForestParameters {
    trees_per_group: 5,
    groups: 1,
    depth_max: None,
    // The whole part of the square root of five features.
    features_per_split: 2,
    leaf_rows_min: 1,
};

/// The data scientist's recipe.
#[derive(Debug, Clone, Copy)]
pub struct Baseline;

impl Recipe for Baseline {
    fn name(&self) -> &'static str {
        "baseline"
    }

    fn family(&self) -> &'static str {
        "forest"
    }

    fn ages(&self) -> Ages {
        Ages::AsOf
    }

    fn output(&self) -> OutputKind {
        OutputKind::Score
    }

    fn splits(&self) -> &'static [SplitKind] {
        &[SplitKind::Rows, SplitKind::Users, SplitKind::Time]
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let parameters = json!({
            "missing_becomes": IMPUTED,
            "test_share": TEST_SHARE,
            "smote_neighbours": SMOTE_NEIGHBOURS,
            "trees": FOREST.trees_per_group,
            "depth_max": FOREST.depth_max,
            "features_per_split": FOREST.features_per_split,
            "leaf_rows_min": FOREST.leaf_rows_min,
            "bootstrap": true,
            "threshold": THRESHOLD,
        });
        parameters.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn fit(&self, part: &Sample, seed: u64) -> Result<Fitted, FitError> {
        two_classes(part)?;
        let imputation = vec![IMPUTED; part.rows.width()];
        let (rows, labels) = smote::balance(&part.rows.imputed(&imputation), &part.labels, SMOTE_NEIGHBOURS, seed)?;
        let forest = trees::grow(&rows, &labels, &FOREST, seed)?;
        let model = Model { imputation, family: Family::Forest(forest) };
        Ok(Fitted { model, threshold: THRESHOLD, rows: rows.len() })
    }
}
