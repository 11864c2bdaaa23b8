//! How a model did: on which rows, by which figures, for whom, beside which version, and against which demands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::exact::ExactF64;
use crate::ids::{FeatureName, ModelVersion};

/// How a model did on rows it had not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// How rows were held out: `users`, `rows`, `time` or `users-time`.
    pub split: String,
    /// Rows the model was trained on for this evaluation, before resampling.
    pub train_rows: u64,
    /// Rows it was judged on.
    pub test_rows: u64,
    /// Positive rows among them.
    pub test_positives: u64,
    /// From which score on this fit decides positive; the module's own where this is the first evaluation.
    pub threshold: ExactF64,
    /// The figures over all of these rows.
    pub metrics: Metrics,
    /// The same figures over parts of them.
    pub slices: Vec<Slice>,
    /// How far apart the parts are treated, for each thing they are told apart by.
    pub fairness: Vec<Fairness>,
}

/// Figures of a binary classifier; null where a figure is undefined, such as the area under a curve of one class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Twice the area under the ROC curve, less one.
    pub gini: Option<f64>,
    /// Area under the precision-recall curve (average precision).
    pub pr_auc: Option<f64>,
    /// Kolmogorov-Smirnov distance between the scores of the two classes.
    pub ks: Option<f64>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: f64,
    /// Mean squared distance between score and outcome.
    pub brier: f64,
    /// Expected calibration error: the mean distance between score and outcome over ten bins of equal size.
    pub calibration_error: f64,
    /// Share of right decisions at the threshold.
    pub accuracy: f64,
    /// Share of positives among the rows decided positive.
    pub precision: Option<f64>,
    /// Share of the positives that are decided positive.
    pub recall: Option<f64>,
    /// `[[true negatives, false positives], [false negatives, true positives]]` at the threshold.
    pub confusion: [[u64; 2]; 2],
    /// The highest recall at which precision is at least this share, by the share's text.
    pub recall_at_precision: BTreeMap<String, Option<f64>>,
    /// 95 % intervals by the name of the figure, from drawing whole users again and again; empty where none were drawn.
    pub intervals: BTreeMap<String, Interval>,
}

/// A range that a figure lies in, as far as chance in the choice of users is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// How far apart the parts of one slicing are treated; each ratio is the lowest part's rate over the highest part's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fairness {
    /// What the parts are told apart by, such as `gender`.
    pub by: String,
    /// Of the share decided `below`, that is approved (the adverse impact ratio; four fifths is the usual bound).
    pub approval_rate_ratio: Option<f64>,
    /// Of the share approved among those who paid (equal opportunity).
    pub good_approval_rate_ratio: Option<f64>,
    /// Of recall: the share declined among those who did not pay.
    pub recall_ratio: Option<f64>,
    /// Of precision: the share that did not pay among the declined (predictive parity).
    pub precision_ratio: Option<f64>,
    /// The part with the lowest approval rate.
    pub lowest: String,
    /// The part with the highest approval rate.
    pub highest: String,
}

/// What one feature is worth to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// The feature.
    pub feature: FeatureName,
    /// How much ROC AUC is lost when the feature's values change places among the rows.
    pub roc_auc_drop: f64,
}

/// A candidate and the version it would replace, on the same held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The champion's version.
    pub version: ModelVersion,
    /// The champion's module digest.
    pub digest: Digest,
    /// How the rows were held out.
    pub split: String,
    /// The rows.
    pub rows: u64,
    /// Whether the champion may have learned from some of them, or from other loans of the same users of the same day or
    /// later, which flatters its figures.
    pub champion_may_have_seen: bool,
    /// The champion's figures on them.
    pub champion: Metrics,
    /// The candidate's figures on them.
    pub challenger: Metrics,
    /// Challenger less champion with its interval, by the name of the figure; both are judged on the same drawn users.
    pub differences: BTreeMap<String, Difference>,
}

/// A difference of two figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The difference.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// Something demanded of a candidate, and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The gate's name, such as `roc_auc_min`.
    pub name: String,
    /// What is demanded, in words.
    pub demand: String,
    /// What was found; none where it could not be measured, which passes only where it is about a champion and there is none.
    pub found: Option<f64>,
    /// The bound it was held against.
    pub bound: f64,
    /// Whether it holds.
    pub passed: bool,
}

/// The figures over one part of the test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// What the rows are told apart by, such as `age`.
    pub by: String,
    /// Which part this is, such as `30-39`.
    pub value: String,
    /// Rows in it.
    pub rows: u64,
    /// Positive rows in it.
    pub positives: u64,
    /// Its figures.
    pub metrics: Metrics,
}
