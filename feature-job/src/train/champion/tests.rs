//! Registries with champions, and with what is none.

use contract::approval::{Approval, Decision};
use contract::key::PrivateKey;
use contract::trust::{NewKey, Role, enrol};

use super::*;
use crate::train::fixtures;

struct House {
    folder: tempfile::TempDir,
    registry: Registry,
    model: ModelName,
}

const JOB: u8 = 1;
const ADA: u8 = 2;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed([seed; 32])
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["candidates", "approved"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let registry = Registry::of(&folder.path().join("candidates"), None);
        for (name, role, seed) in [("job", Role::Job, JOB), ("Ada", Role::Approver, ADA)] {
            enrol(&registry.trust, &NewKey::new(name, role, key(seed).public())).expect("a new key");
        }
        Self { folder, registry, model: "credit-risk".parse().expect("a name") }
    }

    /// Puts an approved module of a version into a file.
    fn approve(&self, name: &str, version: u64, approver: u8) -> PathBuf {
        let module = seal::seal_candidate(&fixtures::component(), &fixtures::card(version), &key(JOB)).expect("ours");
        let approval = Approval {
            digest: seal::inspect(&module).expect("ours").digest,
            decision: Decision::Approve,
            key: key(approver).public().id(),
            by: "Ada".to_owned(),
            reason: "a test".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            gates_override: None,
            without_report: false,
            expires: None,
        };
        let module = seal::approve(&module, &approval, &key(approver)).expect("an approval");
        let path = self.registry.approved.join(name);
        std::fs::write(&path, module).expect("a file");
        path
    }

    fn champion(&self, choice: &Choice) -> Option<u64> {
        let found = find(choice, &self.registry, &self.model).expect("the registry is in order");
        found.map(|champion| champion.card.version.get())
    }
}

#[test]
fn the_highest_version_that_may_run_is_the_champion() {
    let house = House::new();
    assert_eq!(house.champion(&Choice::Newest), None, "nothing is approved");
    house.approve("credit-risk-2.wasm", 2, ADA);
    house.approve("a-mirror-named-it.wasm", 10, ADA);
    house.approve("credit-risk-9.wasm", 9, ADA);
    assert_eq!(house.champion(&Choice::Newest), Some(10), "versions are numbers, and names do not matter");
    assert_eq!(house.champion(&Choice::Nothing), None);
}

#[test]
fn what_a_host_would_refuse_is_no_champion() {
    let house = House::new();
    house.approve("credit-risk-2.wasm", 2, ADA);
    house.approve("credit-risk-3.wasm", 3, 7);
    let tampered = house.approve("credit-risk-4.wasm", 4, ADA);
    let mut bytes = std::fs::read(&tampered).expect("the module");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&tampered, bytes).expect("a file");
    let half = house.approve("credit-risk-5.wasm", 5, ADA);
    let bytes = std::fs::read(&half).expect("the module");
    std::fs::write(&half, &bytes[..bytes.len() / 2]).expect("a file");
    house.approve(".credit-risk-6.wasm", 6, ADA);
    let unapproved = seal::seal_candidate(&fixtures::component(), &fixtures::card(8), &key(JOB)).expect("ours");
    std::fs::write(house.registry.approved.join("credit-risk-8.wasm"), unapproved).expect("a file");
    assert_eq!(house.champion(&Choice::Newest), Some(2));
}

#[test]
fn a_named_file_is_taken_whoever_signed_it() {
    let house = House::new();
    house.approve("credit-risk-2.wasm", 2, ADA);
    let named = house.approve("credit-risk-1.wasm", 1, 7);
    assert_eq!(house.champion(&Choice::File(named.clone())), Some(1));
    let other = "other".parse().expect("a name");
    let refused = find(&Choice::File(named), &house.registry, &other);
    assert!(matches!(refused, Err(ChampionError::OtherModel { .. })), "{refused:?}");
    let absent = find(&"absent.wasm".parse().expect("a choice"), &house.registry, &house.model);
    assert!(matches!(absent, Err(ChampionError::Read { .. })), "{absent:?}");
}

#[test]
fn approved_modules_without_a_policy_are_a_question_and_no_guess() {
    let house = House::new();
    house.approve("credit-risk-2.wasm", 2, ADA);
    std::fs::remove_file(house.folder.path().join("trust.toml")).expect("it can be removed");
    let refused = find(&Choice::Newest, &house.registry, &house.model);
    assert!(matches!(refused, Err(ChampionError::Trust { .. })), "{refused:?}");
    assert_eq!(house.champion(&Choice::Nothing), None, "nothing is asked of the policy");
}
