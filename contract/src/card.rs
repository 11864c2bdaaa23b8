//! The model card: everything about a model that is data. It stands in the module and is read without running anything.
//!
//! # Shape
//! An in-toto Statement v1 in canonical JSON. Its subject is the bare component; its predicate is a [`ModelCard`].
//! No clock time stands in it: two runs on the same inputs give the same bytes.
//!
//! # Source
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

mod figures;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, CanonicalError};
use crate::date::Date;
use crate::digest::Digest;
use crate::exact::ExactF64;
use crate::ids::{FeatureName, ModelName, ModelVersion};
use crate::view::FeatureView;

pub use figures::{Comparison, Difference, Evaluation, Fairness, Gate, Importance, Interval, Metrics, Slice};

/// The statement's own type.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of the predicate: a card of this project, in its first form.
const PREDICATE_TYPE: &str = "urn:countersign:model-card:v1";
/// The most bytes a card may have: a hundred times what a card of 256 features needs.
pub const CARD_BYTES_MAX: usize = 4 << 20;
/// What follows a version's name in the name of its report.
pub const REPORT_SUFFIX: &str = ".report.html";
/// The most bytes of a report that are read: a hundred times what one with all its plots has.
pub const REPORT_BYTES_MAX: u64 = 32 << 20;
/// The most golden rows a card may have; a host runs them all before a version goes live.
pub const GOLDEN_ROWS_MAX: usize = 4096;

/// All that is said of one version of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The model's name.
    pub model: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// What it is for, such as `binary-classification`.
    pub task: String,
    /// What it reads, in the order of a row.
    pub view: FeatureView,
    /// What it answers.
    pub output: Output,
    /// What it was trained on, and how.
    pub training: Training,
    /// How it did, once for each way of holding data out. The first is of the very fit in the module; the others are of other
    /// fits by the same recipe, and say what that recipe is worth when judged their way.
    pub evaluations: Vec<Evaluation>,
    /// What each feature is worth to the model in the module, on its own held-out rows.
    pub importance: Vec<Importance>,
    /// What the checks of the loan data found; none where the feature file does not say.
    pub quality: Option<Quality>,
    /// How it stands beside the version that was live or newest when it was trained; none for a model's first.
    pub champion: Option<Comparison>,
    /// What was demanded of it, each with its outcome; a candidate with one not passed takes an override to approve.
    pub gates: Vec<Gate>,
    /// The digest of the report that lies beside the candidate, for the person who decides.
    pub report: Option<Digest>,
    /// Rows and the exact scores they must give.
    pub golden: Vec<GoldenVector>,
    /// How each feature was distributed in training: the baseline of drift.
    pub histograms: Vec<Histogram>,
    /// Where the module came from.
    pub provenance: Provenance,
}

/// What a model answers for a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// What the number is.
    pub kind: OutputKind,
    /// From which number on the decision is `at_or_above`.
    pub threshold: ExactF64,
    /// The decision at the threshold and above it.
    pub at_or_above: String,
    /// The decision below it.
    pub below: String,
}

/// What a model's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// The share of such rows that turn out positive, as far as the training data says.
    Probability,
    /// A ranking between 0 and 1 that resampling or weights have distorted; no probability.
    Score,
}

/// What a model was trained on, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The recipe's name.
    pub recipe: String,
    /// The family of the model, such as `forest`.
    pub family: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The recipe's parameters, by name.
    pub parameters: BTreeMap<String, Value>,
    /// The digest of the feature file.
    pub data: Digest,
    /// Rows in that file.
    pub rows: u64,
    /// Entities in it.
    pub entities: u64,
    /// The first event in it.
    pub first_event: Date,
    /// The last event in it.
    pub last_event: Date,
    /// The day it was computed for.
    pub as_of: Date,
    /// What ages count from in the rows it was trained on.
    pub ages: crate::view::Ages,
    /// Rows that the model itself was fitted on, after resampling.
    pub fitted_rows: u64,
}

/// What the checks of the loan data found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The digests of the loan files.
    pub sources: Vec<Digest>,
    /// Rows read.
    pub rows: u64,
    /// Rows put aside because they broke a rule.
    pub rejected: u64,
    /// Rows left out because they lie after as-of.
    pub excluded: u64,
    /// The rules that were broken.
    pub findings: Vec<QualityFinding>,
}

/// A rule of the loan data that rows broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityFinding {
    /// The rule's name.
    pub rule: String,
    /// The column it is about.
    pub column: String,
    /// Rows that broke it.
    pub rows: u64,
}

/// A row and the exact scores it must give on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenVector {
    /// The row; null where missing.
    pub row: Vec<Option<ExactF64>>,
    /// Its scores.
    pub scores: Vec<ExactF64>,
}

/// How one feature was distributed in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// The feature.
    pub feature: FeatureName,
    /// The inner edges of the bins, rising; a value belongs to the first bin whose edge is at least the value.
    pub edges: Vec<f64>,
    /// Rows in each bin, one more than there are edges.
    pub counts: Vec<u64>,
    /// Rows where the feature is missing.
    pub missing: u64,
}

/// Where a module came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The version of the feature job that made it.
    pub builder: String,
    /// The revision of the sources, where it is known.
    pub revision: Option<String>,
    /// The digest of the guest template.
    pub template: Digest,
}

/// Why bytes are no card.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The card is larger than any real one.
    #[error("the card has {bytes} bytes, at most {CARD_BYTES_MAX} are read")]
    TooLarge {
        /// The size refused.
        bytes: usize,
    },
    /// The bytes are no canonical JSON of a card.
    #[error("the card is no model card: {0}")]
    Form(#[from] CanonicalError),
    /// The statement is of another type.
    #[error("the card is a statement of another type, `{0}`")]
    Type(String),
    /// The card does not have exactly one subject, named after the version.
    #[error("the card's subject is not `{0}` alone")]
    Subject(String),
    /// The card contradicts itself.
    #[error("the card is inconsistent: {0}")]
    Inconsistent(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: ModelCard,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

impl ModelCard {
    /// Gives the name of this version, which is also the stem of its file: `credit-risk-3`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.model, self.version)
    }

    /// Writes the card about a bare component, in canonical form.
    pub fn to_bytes(&self, component: Digest) -> Vec<u8> {
        let statement = Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: self.name(),
                digest: BTreeMap::from([("sha256".to_owned(), component.hex())]),
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: self.clone(),
        };
        canonical::to_vec(&statement).expect("a card is plain data")
    }

    /// Reads a card, with the digest of the bare component it is about.
    ///
    /// # Errors
    /// [`CardError`]: the form, the types, the subject, or what the card says of itself is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Digest), CardError> {
        if bytes.len() > CARD_BYTES_MAX {
            return Err(CardError::TooLarge { bytes: bytes.len() });
        }
        let statement: Statement = canonical::from_slice(bytes)?;
        for (found, wanted) in [(statement.kind, STATEMENT_TYPE), (statement.predicate_type, PREDICATE_TYPE)] {
            if found != wanted {
                return Err(CardError::Type(found.chars().take(80).collect::<String>().escape_default().to_string()));
            }
        }
        let card = statement.predicate;
        card.check()?;
        let refused = || CardError::Subject(card.name());
        let [subject] = statement.subject.as_slice() else { return Err(refused()) };
        let digest = match (subject.name == card.name(), subject.digest.len(), subject.digest.get("sha256")) {
            (true, 1, Some(hex)) => format!("sha256:{hex}").parse().map_err(|_| refused())?,
            _ => return Err(refused()),
        };
        Ok((card, digest))
    }

    fn check(&self) -> Result<(), CardError> {
        let width = self.view.width();
        let rules = [
            (self.view.clone().checked().is_ok(), "its feature view is not valid"),
            (self.output.threshold.get().is_finite(), "its threshold is no number"),
            (!self.evaluations.is_empty(), "it has no evaluation"),
            (!self.golden.is_empty(), "it has no golden vector"),
            (self.golden.len() <= GOLDEN_ROWS_MAX, "it has too many golden vectors"),
            (
                self.golden.iter().all(|golden| golden.row.len() == width),
                "a golden row has another width than its view",
            ),
            (self.golden.iter().all(|golden| golden.scores.len() == 1), "a golden vector has not one score"),
            (
                self.histograms.iter().all(|histogram| histogram.counts.len() == histogram.edges.len() + 1),
                "a histogram has not one bin more than edges",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err(CardError::Inconsistent(broken)),
            None => Ok(()),
        }
    }
}

impl ModelCard {
    /// Gives the gates that were not passed.
    pub fn failed_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|gate| !gate.passed)
    }

    /// Gives the name of the report's file, which lies beside the candidate: `credit-risk-3.report.html`.
    pub fn report_name(&self) -> String {
        format!("{}{REPORT_SUFFIX}", self.name())
    }
}

impl Output {
    /// Gives the decision for a score.
    pub fn decide(&self, score: f64) -> &str {
        if score >= self.threshold.get() { &self.at_or_above } else { &self.below }
    }
}

impl GoldenVector {
    /// Takes a row (NaN where missing) and its score.
    pub fn new(row: &[f64], score: f64) -> Self {
        let exact = |value: &f64| (!value.is_nan()).then(|| ExactF64::new(*value));
        Self { row: row.iter().map(exact).collect(), scores: vec![ExactF64::new(score)] }
    }

    /// Gives the row as a model reads it, NaN where missing.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.row.iter().map(|value| value.map_or(f64::NAN, ExactF64::get))
    }
}
