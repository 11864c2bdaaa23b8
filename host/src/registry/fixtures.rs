//! A registry folder for tests: its keys, and module files of guests that answer one constant.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use contract::approval::{Approval, Decision};
use contract::card::{
    Evaluation, GoldenVector, Histogram, Metrics, ModelCard, Output, OutputKind, Provenance, Training,
};
use contract::digest::Digest;
use contract::exact::ExactF64;
use contract::key::PrivateKey;
use contract::seal;
use contract::trust::{NewKey, Role, enrol};
use contract::view::{Ages, FeatureView};
use tempfile::TempDir;

use super::{Registry, RegistryConfig};
use crate::engine::{Engine, EngineLimits, fixtures};

/// A temporary registry with an enrolled job and an enrolled approver.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) job: PrivateKey,
    pub(crate) approver: PrivateKey,
}

impl House {
    /// Makes the folder and enrols both keys.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let house = Self { folder, job: PrivateKey::from_seed([1; 32]), approver: PrivateKey::from_seed([2; 32]) };
        fs::create_dir_all(house.modules().join("approved")).expect("folders can be made");
        house.enrol("job", Role::Job, &house.job);
        house.enrol("Ada", Role::Approver, &house.approver);
        house
    }

    pub(crate) fn modules(&self) -> PathBuf {
        self.folder.path().join("modules")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn approved_path(&self, name: &str) -> PathBuf {
        self.modules().join("approved").join(name)
    }

    pub(crate) fn enrol(&self, name: &str, role: Role, key: &PrivateKey) {
        enrol(&self.modules().join("trust.toml"), &NewKey::new(name, role, key.public())).expect("the key is new");
    }

    /// Gives the configuration that the tests change.
    pub(crate) fn config(&self) -> RegistryConfig {
        let view = FeatureView::credit_risk().digest();
        RegistryConfig {
            poll_interval: Duration::from_millis(200),
            warm_instances: 1,
            ..RegistryConfig::new(&self.modules(), &self.data(), view)
        }
    }

    /// Opens the registry and waits until it is ready.
    pub(crate) fn open(&self) -> Registry {
        self.open_with(self.config())
    }

    pub(crate) fn open_with(&self, config: RegistryConfig) -> Registry {
        let engine = Engine::new(EngineLimits::default()).expect("the limits are fine");
        let registry = Registry::open(config, engine).expect("the registry opens");
        until("the registry is ready", || registry.is_ready());
        registry
    }

    /// Makes a file appear in `approved/` whole, as `countersign approve` does.
    pub(crate) fn place(&self, name: &str, bytes: &[u8]) {
        contract::file::replace(&self.approved_path(name), bytes).expect("the file can be written");
    }

    /// Places an approved module under its usual name.
    pub(crate) fn place_version(&self, version: u64) {
        self.place(&format!("credit-risk-{version}.wasm"), &self.approved(&card(version, score(version))));
    }

    /// Gives a candidate whose guest answers the card's first golden score.
    pub(crate) fn candidate(&self, card: &ModelCard) -> Vec<u8> {
        let component = fixtures::constant(card.golden[0].scores[0].get(), card.view.width());
        seal::seal_candidate(&component, card, &self.job).expect("a bare component and a sound card")
    }

    /// Gives the same, countersigned.
    pub(crate) fn approved(&self, card: &ModelCard) -> Vec<u8> {
        self.approve(&self.candidate(card))
    }

    pub(crate) fn approve(&self, candidate: &[u8]) -> Vec<u8> {
        let approval = Approval {
            digest: seal::inspect(candidate).expect("a candidate").digest,
            decision: Decision::Approve,
            key: self.approver.public().id(),
            by: "Ada".to_owned(),
            reason: "it is fine".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            gates_override: None,
            without_report: false,
            expires: None,
        };
        seal::approve(candidate, &approval, &self.approver).expect("a candidate of ours")
    }
}

/// The score of every row by a version, by which a test tells versions apart.
pub(crate) fn score(version: u64) -> f64 {
    version as f64 / 1024.0
}

/// A card of credit-risk whose golden vectors all score `score`.
pub(crate) fn card(version: u64, score: f64) -> ModelCard {
    let view = FeatureView::credit_risk().clone();
    let row: Vec<f64> = vec![f64::NAN; view.width()];
    let day = "2021-12-27".parse().expect("a day");
    let metrics =
        Metrics { log_loss: 0.5, brier: 0.25, accuracy: 0.5, confusion: [[1, 0], [0, 1]], ..Metrics::default() };
    ModelCard {
        model: "credit-risk".parse().expect("a name"),
        version: version.try_into().expect("a counter"),
        task: "binary-classification".to_owned(),
        output: Output {
            kind: OutputKind::Score,
            threshold: ExactF64::new(0.5),
            at_or_above: "decline".to_owned(),
            below: "grant".to_owned(),
        },
        training: Training {
            recipe: "constant".to_owned(),
            family: "constant".to_owned(),
            seed: 0,
            parameters: [].into(),
            data: Digest::of(b"none"),
            rows: 2,
            entities: 1,
            first_event: day,
            last_event: day,
            as_of: day,
            ages: Ages::AsOf,
            fitted_rows: 2,
        },
        evaluations: vec![Evaluation {
            split: "users".to_owned(),
            train_rows: 1,
            test_rows: 1,
            test_positives: 0,
            threshold: ExactF64::new(0.5),
            metrics,
            slices: Vec::new(),
            fairness: Vec::new(),
        }],
        importance: Vec::new(),
        quality: None,
        champion: None,
        gates: Vec::new(),
        report: None,
        golden: vec![GoldenVector::new(&row, score); 70],
        histograms: Vec::<Histogram>::new(),
        provenance: Provenance { builder: "test".to_owned(), revision: None, template: Digest::of(b"none") },
        view,
    }
}

/// Waits for something that another thread brings about.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
