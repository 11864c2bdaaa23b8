//! A small module file, the keys that seal it, and a bench to take it apart on and put it together wrongly.

use std::io::Write as _;

use contract::approval::{Approval, Decision};
use contract::card::{Evaluation, GoldenVector, Metrics, ModelCard, Output, OutputKind, Provenance, Training};
use contract::digest::Digest;
use contract::exact::ExactF64;
use contract::key::PrivateKey;
use contract::seal::{self, DELIMITER_SECTION};
use contract::section::{COMPONENT_PREAMBLE, custom_section, sections};
use contract::trust::TrustPolicy;
use contract::view::{Ages, FeatureView};
use ed25519_dalek::{Signer as _, SigningKey};
use wasm_encoder::Encode as _;

/// The seeds of the keys; the stranger is in no policy.
pub const JOB: u8 = 1;
pub const ADA: u8 = 2;
pub const BEN: u8 = 3;
pub const STRANGER: u8 = 4;

/// The day on which everything is judged.
pub const TODAY: &str = "2026-06-15";

pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed([seed; 32])
}

/// A policy of the job, Ada and Ben, with lines added at the top, to the job's key and to Ada's.
pub fn policy(top: &str, job: &str, ada: &str) -> TrustPolicy {
    let entry = |seed, role, more| {
        let public = String::from(key(seed).public());
        format!("[[keys]]\nname = \"{seed}\"\nrole = \"{role}\"\npublic_key = \"{public}\"\n{more}\n")
    };
    let keys = [entry(JOB, "job", job), entry(ADA, "approver", ada), entry(BEN, "approver", "")];
    format!("{top}\n{}", keys.concat()).parse().expect("a policy")
}

/// Gives the code a file is refused with; none where it verifies.
pub fn refusal(file: &[u8], policy: &TrustPolicy) -> Option<&'static str> {
    let today = TODAY.parse().expect("a day");
    seal::verify(file, policy, today).err().map(|refusal| refusal.code())
}

/// Asserts that a file is refused with this code by a policy of one approval.
pub fn check(name: &str, file: &[u8], code: &str) {
    assert_eq!(refusal(file, &policy("", "", "")), Some(code), "{name}");
}

/// A file that must be refused, and why.
pub struct Case {
    pub name: &'static str,
    pub file: Vec<u8>,
    pub policy: TrustPolicy,
    pub code: &'static str,
}

impl Case {
    /// A case that a policy of one approval judges.
    pub fn new(name: &'static str, file: Vec<u8>, code: &'static str) -> Self {
        Self { name, file, policy: policy("", "", ""), code }
    }

    /// The same, judged by another policy.
    pub fn under(self, policy: TrustPolicy) -> Self {
        Self { policy, ..self }
    }
}

/// Says how much was tried, where a run of the tests shows it.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stdout(), "{what}");
}

/// A component that holds an empty core module, and a payload to tell it by.
pub fn component(payload: &str) -> Vec<u8> {
    let core = [&[1, 8][..], b"\0asm\x01\0\0\0"].concat();
    [&COMPONENT_PREAMBLE[..], &core, &custom_section("producers", payload.as_bytes())].concat()
}

pub fn candidate(payload: &str) -> Vec<u8> {
    seal::seal_candidate(&component(payload), &card(), &key(JOB)).expect("a bare component")
}

/// Approves a module with the key of each seed, in turn.
pub fn approved(mut module: Vec<u8>, seeds: &[u8]) -> Vec<u8> {
    for &seed in seeds {
        module = seal::approve(&module, &approval(digest(&module), seed), &key(seed)).expect("an approval");
    }
    module
}

pub fn digest(module: &[u8]) -> Digest {
    seal::inspect(module).expect("a module of ours").digest
}

pub fn approval(digest: Digest, seed: u8) -> Approval {
    Approval {
        digest,
        decision: Decision::Approve,
        key: key(seed).public().id(),
        by: "Ada".to_owned(),
        reason: "all gates passed".to_owned(),
        time: "2026-06-15T08:00:00Z".to_owned(),
        gates_override: None,
        without_report: false,
        expires: None,
    }
}

/// A part that holds one section.
pub fn part(name: &str, payload: &[u8]) -> Vec<Vec<u8>> {
    vec![custom_section(name, payload), custom_section(DELIMITER_SECTION, &[7; 16])]
}

/// A module file taken apart: the raw `signature` section, and for each part its raw sections.
#[derive(Clone)]
pub struct Module {
    pub signature: Vec<u8>,
    pub parts: Vec<Vec<Vec<u8>>>,
}

impl Module {
    pub fn of(file: &[u8]) -> Self {
        let all = sections(file).expect("a module file");
        let split = all[1..].split_inclusive(|section| section.custom(DELIMITER_SECTION).is_some());
        let parts = split.map(|part| part.iter().map(|section| section.raw.to_vec()).collect()).collect();
        Self { signature: all[0].raw.to_vec(), parts }
    }

    /// Puts a section before the one at a place of a part.
    pub fn insert(&mut self, part: usize, place: usize, section: Vec<u8>) {
        self.parts[part].insert(place, section);
    }

    /// Gives the module after a change.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut module = self.clone();
        change(&mut module);
        module
    }

    /// Gives the file with the signatures as they were.
    pub fn bytes(&self) -> Vec<u8> {
        [&COMPONENT_PREAMBLE[..], &self.signature, &self.parts.concat().concat()].concat()
    }

    /// Gives the file with each part signed anew by the key of a seed. This writer asks nothing of the parts, and shares
    /// no code with the seal's own.
    pub fn signed_by(&self, seeds: &[u8]) -> Vec<u8> {
        self.signed_over(&seeds.iter().copied().zip(1..).collect::<Vec<_>>())
    }

    /// As [`Self::signed_by`], where each signer says how many parts it signs.
    pub fn signed_over(&self, signers: &[(u8, u8)]) -> Vec<u8> {
        let mut payload = vec![1, 1, 1, signers.len() as u8];
        let hash = |parts| *Digest::of(&self.parts[..parts].concat().concat()).as_bytes();
        for &(seed, parts) in signers {
            let hashes = (1..=usize::from(parts)).map(hash).collect::<Vec<_>>().concat();
            let message = [&b"wasmsig\x01\x01\x01"[..], &hashes].concat();
            let signature = SigningKey::from_bytes(&[seed; 32]).sign(&message).to_bytes();
            let id = key(seed).public().id();
            let set = [
                &[parts][..],
                &hashes,
                &[1, 79, 12], // one signature, its length, that of its key's id
                id.as_bytes(),
                &[1, 64], // Ed25519, the length of its signature
                &signature,
            ];
            set.concat()[..].encode(&mut payload);
        }
        Self { signature: custom_section("signature", &payload), parts: self.parts.clone() }.bytes()
    }
}

/// SplitMix64 (Steele et al. 2014): the same numbers for the same seed on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// A card with as little in it as the contract takes.
pub fn card() -> ModelCard {
    let view = FeatureView::credit_risk().clone();
    let day = "2021-12-27".parse().expect("a day");
    let metrics =
        Metrics { log_loss: 0.5, brier: 0.25, accuracy: 0.5, confusion: [[1, 0], [0, 1]], ..Metrics::default() };
    ModelCard {
        model: "credit-risk".parse().expect("a name"),
        version: 3.try_into().expect("a counter"),
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
        golden: vec![GoldenVector::new(&vec![f64::NAN; view.width()], 0.25)],
        histograms: Vec::new(),
        provenance: Provenance { builder: "test".to_owned(), revision: None, template: Digest::of(b"none") },
        view,
    }
}
