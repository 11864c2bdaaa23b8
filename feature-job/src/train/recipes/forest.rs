//! `forest`: a probability forest on users held out.
//!
//! No row is invented or weighted, so a leaf's mean is the share of such loans that went unpaid, and the mean of 100
//! trees is a probability as far as the training data says. Trees of depth 8 whose leaves hold at least 100 rows cannot
//! learn single users by heart. Ages count from the loan's own day, as a lender would have seen them. A missing value
//! becomes -1, which no feature can be, so that a split can tell "no job" from "first year on the job".

use std::collections::BTreeMap;

use contract::card::OutputKind;
use contract::view::Ages;
use guest_model::{Calibration, Family, Model};
use serde_json::{Value, json};

use crate::train::recipe::{FitError, Fitted, Recipe, THRESHOLD_SHARE, fit_and_choose};
use crate::train::rows::Sample;
use crate::train::split::{SplitKind, TEST_SHARE};
use crate::train::trees::{self, ForestParameters};

const IMPUTED: f64 = -1.0;
const FOREST: ForestParameters =
    ForestParameters { trees_per_group: 25, groups: 4, depth_max: Some(8), features_per_split: 2, leaf_rows_min: 100 };

/// A probability forest.
#[derive(Debug, Clone, Copy)]
pub struct Forest;

impl Recipe for Forest {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn family(&self) -> &'static str {
        "forest"
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
            "missing_becomes": IMPUTED,
            "test_share": TEST_SHARE,
            "trees": FOREST.trees_per_group * FOREST.groups,
            "depth_max": FOREST.depth_max,
            "features_per_split": FOREST.features_per_split,
            "leaf_rows_min": FOREST.leaf_rows_min,
            "bootstrap": true,
            "threshold": "highest F1",
            "threshold_share": THRESHOLD_SHARE,
        });
        parameters.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn fit(&self, part: &Sample, seed: u64) -> Result<Fitted, FitError> {
        let imputation = vec![IMPUTED; part.rows.width()];
        fit_and_choose(part, seed, |rows, labels| {
            let forest = trees::grow(&rows.imputed(&imputation), labels, &FOREST, seed)?;
            let family = Family::Forest(forest);
            Ok(Model { imputation: imputation.clone(), family, calibration: Calibration::None })
        })
    }
}
