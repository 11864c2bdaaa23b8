//! What tests of the candidate's surroundings share: a small card, its component, and a judged fit.

use std::collections::BTreeMap;

use contract::card::{
    Evaluation, Gate, GoldenVector, Histogram, Importance, Metrics, ModelCard, Output, OutputKind, Provenance, Slice,
    Training,
};
use contract::digest::Digest;
use contract::exact::ExactF64;
use contract::view::{Ages, FeatureView};
use guest_model::{Calibration, Family, Logistic, Model};

use super::dataset::Dataset;
use super::evaluate::Judged;
use super::fit::Fitted;
use super::metrics::measure;
use super::scoring;
use super::split::{HoldOut, Split, SplitKind};
use crate::compile;
use crate::features::build;
use crate::offline::Table;
use crate::sample;

/// A logistic model that goes by age alone.
pub fn model() -> Model {
    let logistic = Logistic {
        means: vec![0.0, 0.0, 40.0, 0.0, 0.0],
        scales: vec![1.0, 1.0, 10.0, 1.0, 1.0],
        weights: vec![0.0, 0.0, -1.0, 0.0, 0.0],
        bias: 0.0,
    };
    Model { imputation: vec![0.0; 5], family: Family::Logistic(logistic), calibration: Calibration::None }
}

/// Its bare component.
pub fn component() -> Vec<u8> {
    compile::component(&model()).expect("a sound model")
}

/// Figures of scores that rank a little.
pub fn metrics() -> Metrics {
    measure(&SCORES, &LABELS, 0.5)
}

const SCORES: [f64; 10] = [0.9, 0.8, 0.7, 0.6, 0.45, 0.4, 0.35, 0.3, 0.2, 0.1];
const LABELS: [u8; 10] = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0];

/// A slice of a person's kind, of which this share is approved.
pub fn slice(by: &str, value: &str, rows: u64, approved: u64) -> Slice {
    let metrics = Metrics { confusion: [[approved, rows - approved], [0, 0]], ..metrics() };
    Slice { by: by.to_owned(), value: value.to_owned(), rows, positives: 0, metrics }
}

/// How a fit did on ten rows.
pub fn evaluation() -> Evaluation {
    Evaluation {
        split: "users".to_owned(),
        train_rows: 30,
        test_rows: 10,
        test_positives: 3,
        threshold: ExactF64::new(0.5),
        metrics: metrics(),
        slices: vec![slice("gender", "F", 1_000, 900), slice("gender", "M", 1_000, 800)],
        fairness: Vec::new(),
    }
}

fn fitted() -> Fitted {
    Fitted { model: model(), threshold: 0.5, rows: 30, parameters: BTreeMap::new() }
}

/// The fit itself.
pub fn judged() -> Judged {
    Judged {
        fitted: fitted(),
        split: Split { train: (10..40).collect(), test: (0..10).collect() },
        scores: SCORES.to_vec(),
        evaluation: evaluation(),
    }
}

/// A small invented store.
pub fn table() -> Table {
    let folder = tempfile::tempdir().expect("a folder");
    let (loans, features) = (folder.path().join("loans.csv"), folder.path().join("features.parquet"));
    sample::write(500, 5, &loans, |_| {}).expect("a sample");
    build::build(&[loans], &build::Options::at("2021-12-27".parse().expect("a day")), &features).expect("features");
    Table::read(&features).expect("a store")
}

/// What is learned from in it.
pub fn dataset() -> Dataset {
    Dataset::new(&table(), Ages::Event).expect("loans of both kinds")
}

/// The store, what is learned from in it, and the model that goes by age, judged on users held out.
pub fn trained() -> (Table, Dataset, Judged) {
    let (table, dataset) = (table(), dataset());
    let split = SplitKind::Users.split(&dataset.sample, &HoldOut::default(), 123);
    let held_out = dataset.sample.select(&split.test);
    let scores = scoring::score(&model(), &held_out.rows).expect("a sound model");
    let evaluation = Evaluation {
        train_rows: split.train.len() as u64,
        test_rows: split.test.len() as u64,
        test_positives: held_out.positives() as u64,
        metrics: measure(&scores, &held_out.labels, 0.5),
        ..evaluation()
    };
    (table, dataset, Judged { fitted: fitted(), split, scores, evaluation })
}

/// The labels of the rows it was judged by.
pub fn labels() -> &'static [u8] {
    &LABELS
}

/// A card of credit-risk.
pub fn card(version: u64) -> ModelCard {
    let view = FeatureView::credit_risk().clone();
    let day = |text: &str| text.parse().expect("a day");
    ModelCard {
        model: "credit-risk".parse().expect("a name"),
        version: version.try_into().expect("a counter"),
        task: "binary-classification".to_owned(),
        output: Output {
            kind: OutputKind::Probability,
            threshold: ExactF64::new(0.5),
            at_or_above: "decline".to_owned(),
            below: "approve".to_owned(),
        },
        training: Training {
            recipe: "logistic".to_owned(),
            family: "logistic".to_owned(),
            seed: 123,
            parameters: [("l2".to_owned(), 1.into())].into(),
            data: Digest::of(b"features"),
            rows: 40,
            entities: 20,
            first_event: day("2019-01-01"),
            last_event: day("2020-12-30"),
            as_of: day("2021-12-27"),
            ages: Ages::Event,
            fitted_rows: 30,
        },
        evaluations: vec![evaluation()],
        importance: vec![Importance { feature: view.features[2].name.clone(), roc_auc_drop: 0.1 }],
        quality: None,
        champion: None,
        gates: vec![Gate {
            name: "roc_auc_min".to_owned(),
            demand: "ROC AUC is at least 0.53".to_owned(),
            found: Some(0.76),
            bound: 0.53,
            passed: true,
        }],
        report: None,
        golden: vec![GoldenVector::new(&[1.0, f64::NAN, 40.0, 2.0, 1.0], 0.5)],
        histograms: vec![Histogram {
            feature: view.features[0].name.clone(),
            edges: vec![1.0],
            counts: vec![20, 20],
            missing: 0,
        }],
        provenance: Provenance { builder: "test".to_owned(), revision: None, template: Digest::of(b"template") },
        view,
    }
}
