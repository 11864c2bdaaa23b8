//! Stories of the registry with real files, keys and threads.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use contract::ids::ModelName;
use contract::key::PrivateKey;
use contract::trust::Role;

use super::fixtures::{House, card, score, until};
use super::*;
use crate::engine::fixtures::component;

fn name() -> ModelName {
    "credit-risk".parse().expect("a name")
}

fn live_version(registry: &Registry) -> Option<u64> {
    registry.live(&name()).map(|live| live.version().get())
}

fn versions(registry: &Registry) -> Vec<VersionStatus> {
    registry.model(&name()).map(|model| model.versions).unwrap_or_default()
}

/// Gives the reason's code of a refused or waiting file.
fn code_of(registry: &Registry, file: &str) -> Option<&'static str> {
    versions(registry).into_iter().find(|version| version.file == file)?.reason.map(|reason| reason.code)
}

fn state_of(registry: &Registry, version: u64) -> Option<(VersionState, bool)> {
    let status = versions(registry).into_iter().find(|status| status.version == Some(version))?;
    Some((status.state, status.compiled))
}

mod service;
mod traffic;
mod trust;

#[test]
fn at_the_start_the_highest_version_goes_live_and_the_others_stand_by() {
    let house = House::new();
    for version in [2, 1, 3] {
        house.place_version(version);
    }
    let registry = house.open();
    let live = registry.live(&name()).expect("a live version");
    assert_eq!(live.version().get(), 3);
    assert_eq!(live.score(&[0.0; 10]), Ok(vec![score(3); 2]));
    assert_eq!(registry.route_default().expect("the only one").serving(None).model().digest(), live.digest());
    assert_eq!(state_of(&registry, 3), Some((VersionState::Live, true)));
    until("the others are compiled", || state_of(&registry, 1) == Some((VersionState::Standby, true)));
    assert_eq!(state_of(&registry, 2), Some((VersionState::Standby, true)));
    assert_eq!(registry.counters().figures().swaps, 1, "versions do not go live in turn");
    let status = serde_json::to_value(registry.models()).expect("plain data");
    assert_eq!(status[0]["name"], "credit-risk");
    assert_eq!(status[0]["live_version"], 3);
    assert_eq!(status[0]["versions"][0]["state"], "live");
    assert_eq!(status[0]["versions"][0]["digest"], live.digest().to_string());
}

#[test]
fn versions_swap_under_load_and_each_answer_is_its_versions() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let live = registry.live(&name()).expect("there is always a live version");
                    assert_eq!(live.score(&[0.0; 5]), Ok(vec![score(live.version().get())]));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for version in 2..=6 {
            house.place_version(version);
            until("the next version is live", || live_version(&registry) == Some(version));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(calls.load(Ordering::Relaxed) > 100);
    assert_eq!(registry.counters().figures().swaps, 6);
    assert_eq!(state_of(&registry, 5), Some((VersionState::Standby, true)));
    assert_eq!(state_of(&registry, 3), Some((VersionState::Standby, true)));
    assert_eq!(state_of(&registry, 2), Some((VersionState::Standby, false)), "three standbys stay compiled");
}

#[test]
fn each_bad_file_has_its_reason_and_the_live_version_goes_on() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let fine = house.approved(&card(2, score(2)));
    let mut tampered = fine.clone();
    let place = tampered.windows(5).position(|bytes| bytes == b"grant").expect("a word of the card");
    tampered[place] ^= 1;
    let stranger = House { job: PrivateKey::from_seed([9; 32]), ..House::new() };
    for (file, bytes, code) in [
        ("credit-risk-unsigned.wasm", &crate::engine::fixtures::constant(0.5, 5)[..], "unsigned"),
        ("credit-risk-half-written.wasm", &fine[..fine.len() / 2], "truncated"),
        ("credit-risk-changed.wasm", &tampered, "tampered"),
        ("credit-risk-unapproved.wasm", &house.candidate(&card(2, score(2))), "not_approved"),
        ("credit-risk-strangers.wasm", &stranger.approved(&card(2, score(2))), "unknown_key"),
        ("credit-risk-empty.wasm", b"", "not_a_component"),
    ] {
        house.place(file, bytes);
        until(file, || code_of(&registry, file).is_some());
        assert_eq!(code_of(&registry, file), Some(code), "{file}");
        assert_eq!(live_version(&registry), Some(1));
        assert_eq!(registry.counters().figures().rejections[code], 1);
    }
    let half = versions(&registry).into_iter().find(|status| status.file == "credit-risk-half-written.wasm");
    let half = half.expect("it is listed");
    assert_eq!((half.state, half.version, half.digest), (VersionState::Rejected, None, None));
    assert_eq!(half.file_bytes, fine.len() as u64 / 2);
    assert!(half.file_digest.is_some());
    // The half-written file is completed in place.
    fs::write(house.approved_path("credit-risk-half-written.wasm"), &fine).expect("the file is ours");
    until("the completed file is live", || live_version(&registry) == Some(2));
    assert_eq!(code_of(&registry, "credit-risk-half-written.wasm"), None);
    // A bad file is judged once, not at each look.
    let scans = registry.counters().figures().scans;
    until("some more scans", || registry.counters().figures().scans > scans + 3);
    assert_eq!(registry.counters().figures().rejections["unsigned"], 1);
}

#[test]
fn guests_that_do_not_do_as_their_card_says_are_refused() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let sealed = |version: u64, component: &[u8]| {
        let card = card(version, 0.5);
        house.approve(&contract::seal::seal_candidate(component, &card, &house.job).expect("a bare component"))
    };
    let module = wat::parse_str("(component (core module (func) (start 0)))").expect("valid WAT");
    for (version, component, code) in [
        (2, crate::engine::fixtures::constant(0.5 + f64::EPSILON, 5), "golden_mismatch"),
        (3, component("unreachable"), "golden_failed"),
        (4, component("(loop $ever (br $ever)) (i32.const 0)"), "golden_failed"),
        (5, module, "start_function"),
    ] {
        let file = format!("credit-risk-{version}.wasm");
        house.place(&file, &sealed(version, &component));
        until(&file, || code_of(&registry, &file).is_some());
        assert_eq!(code_of(&registry, &file), Some(code));
    }
    assert_eq!(live_version(&registry), Some(1));
    // A version that was never proven is not taken.
    house.place_version(2);
    until("version 2 is live", || live_version(&registry) == Some(2));
}

#[test]
fn a_version_belongs_to_the_first_digest_also_after_a_restart() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let digest = registry.live(&name()).expect("version 1").digest();
    let other = house.approved(&card(1, 0.75));
    house.place("credit-risk-1-again.wasm", &other);
    until("it is judged", || code_of(&registry, "credit-risk-1-again.wasm").is_some());
    assert_eq!(code_of(&registry, "credit-risk-1-again.wasm"), Some("version_taken"));
    drop(registry);
    fs::remove_file(house.approved_path("credit-risk-1.wasm")).expect("the file is ours");
    let registry = house.open();
    assert_eq!(code_of(&registry, "credit-risk-1-again.wasm"), Some("version_taken"));
    assert_eq!(live_version(&registry), None);
    house.place_version(1);
    until("its owner is back", || registry.live(&name()).is_some_and(|live| live.digest() == digest));
}

#[test]
fn versions_do_not_go_back_by_themselves() {
    let house = House::new();
    house.place_version(3);
    let registry = house.open();
    house.place_version(2);
    until("version 2 stands by", || state_of(&registry, 2) == Some((VersionState::Standby, true)));
    assert_eq!(live_version(&registry), Some(3));
    drop(registry);
    // At a restart the highest version that is there serves, and the ledger still knows of the higher one.
    fs::remove_file(house.approved_path("credit-risk-3.wasm")).expect("the file is ours");
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(2));
    assert_eq!(registry.model(&name()).expect("known").highest_live_version, Some(3));
    assert_eq!(code_of(&registry, "credit-risk-2.wasm"), Some("highest_missing"));
    drop(registry);
    // With nothing there at the start, an old version that turns up later waits for an operator; the one that served last
    // does not.
    fs::remove_file(house.approved_path("credit-risk-2.wasm")).expect("the file is ours");
    let registry = house.open();
    house.place_version(1);
    until("version 1 stands by", || state_of(&registry, 1) == Some((VersionState::Standby, true)));
    assert_eq!(live_version(&registry), None);
    house.place_version(2);
    until("version 2 is live", || live_version(&registry) == Some(2));
    house.place_version(4);
    until("version 4 is live", || live_version(&registry) == Some(4));
}

#[test]
fn a_live_version_outlives_its_file() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let deleted = || versions(&registry)[0].file_deleted;
    assert!(!deleted());
    fs::remove_file(house.approved_path("credit-risk-1.wasm")).expect("the file is ours");
    until("the file is missed", deleted);
    assert_eq!(registry.live(&name()).expect("still live").score(&[0.0; 5]), Ok(vec![score(1)]));
    // The whole folder may go, and come back: events are lost with it, polling is not.
    fs::remove_dir(house.modules().join("approved")).expect("it is empty");
    let scans = registry.counters().figures().scans;
    until("a scan without a folder", || registry.counters().figures().scans > scans + 1);
    assert_eq!(live_version(&registry), Some(1));
    fs::create_dir(house.modules().join("approved")).expect("made again");
    std::thread::sleep(Duration::from_millis(300));
    house.place_version(2);
    until("version 2 is live", || live_version(&registry) == Some(2));
}

#[test]
fn events_bring_a_new_version_without_waiting_for_the_clock() {
    let house = House::new();
    let registry = house.open_with(RegistryConfig { poll_interval: Duration::from_secs(3600), ..house.config() });
    house.place_version(1);
    until("version 1 is live", || live_version(&registry) == Some(1));
    let scans = registry.counters().figures().scans;
    std::thread::sleep(Duration::from_millis(300));
    assert!(registry.counters().figures().scans <= scans + 2, "its own reading does not wake it");
}

#[test]
fn another_feature_view_waits() {
    let house = House::new();
    house.place_version(1);
    let mut other = card(2, score(2));
    other.view.semantics_version += 1;
    house.place("credit-risk-2.wasm", &house.approved(&other));
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(1));
    assert_eq!(state_of(&registry, 2), Some((VersionState::Standby, false)));
    assert_eq!(code_of(&registry, "credit-risk-2.wasm"), Some("view_mismatch"));
}

#[test]
fn a_changed_trust_policy_has_refused_files_judged_again() {
    let house = House::new();
    let other = House { approver: PrivateKey::from_seed([7; 32]), ..House::new() };
    house.place("credit-risk-1.wasm", &other.approved(&card(1, score(1))));
    let registry = house.open();
    assert_eq!(code_of(&registry, "credit-risk-1.wasm"), Some("unknown_key"));
    let trust = house.modules().join("trust.toml");
    let before = fs::read(&trust).expect("the policy");
    fs::write(&trust, "keys = 3").expect("the policy is ours");
    let scans = registry.counters().figures().scans;
    until("scans under a broken policy", || registry.counters().figures().scans > scans + 1);
    assert_eq!(live_version(&registry), None);
    contract::file::replace(&trust, &before).expect("the policy is ours");
    house.enrol("Grace", Role::Approver, &other.approver);
    until("version 1 is live", || live_version(&registry) == Some(1));
}

#[test]
fn oddities_in_the_folder_do_not_stop_it() {
    let house = House::new();
    house.place_version(1);
    let at = |name: &str| house.approved_path(name);
    fs::create_dir(at("credit-risk-folder.wasm")).expect("a folder");
    std::os::unix::fs::symlink(at("credit-risk-1.wasm"), at("credit-risk-link.wasm")).expect("a link");
    std::os::unix::fs::symlink(at("nowhere"), at("credit-risk-dangling.wasm")).expect("a link");
    let made = std::process::Command::new("mkfifo").arg(at("credit-risk-pipe.wasm")).status();
    assert!(made.expect("mkfifo is part of every Unix").success());
    fs::write(at("no module.wasm"), "?").expect("a file");
    fs::write(at("\u{1b}[2Jcredit.wasm"), "?").expect("a file");
    fs::write(at(".credit-risk-2.wasm"), "?").expect("a file");
    fs::write(at("credit-risk-2.wasm.part"), "?").expect("a file");
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(1));
    for file in ["folder", "link", "dangling", "pipe"] {
        assert_eq!(code_of(&registry, &format!("credit-risk-{file}.wasm")), Some("not_a_file"), "{file}");
    }
    let unnamed: Vec<_> = registry.unnamed().into_iter().map(|status| status.file).collect();
    assert_eq!(unnamed, ["\\u{1b}[2Jcredit.wasm", "no module.wasm"]);
    assert_eq!(versions(&registry).len(), 5, "files being written are not listed");
}

#[test]
fn what_is_remembered_is_bounded() {
    let house = House::new();
    for number in 0..10 {
        fs::write(house.approved_path(&format!("credit-risk-bad{number}.wasm")), "?").expect("a file");
    }
    let registry = house.open_with(RegistryConfig { refusals_max: 4, ..house.config() });
    let files: Vec<_> = versions(&registry).into_iter().map(|status| status.file).collect();
    assert_eq!(files, [6, 7, 8, 9].map(|number| format!("credit-risk-bad{number}.wasm")));
    let bytes = house.approved(&card(1, score(1)));
    house.place("credit-risk-1.wasm", &bytes);
    until("version 1 is live", || live_version(&registry) == Some(1));
    drop(registry);
    let small = RegistryConfig { module_bytes_max: bytes.len() as u64 - 1, ..house.config() };
    let registry = house.open_with(small);
    assert_eq!(code_of(&registry, "credit-risk-1.wasm"), Some("too_large"));
}

#[test]
fn a_second_model_changes_nothing_for_those_who_name_none() {
    let house = House::new();
    let other: ModelName = "affordability".parse().expect("a name");
    let place_other = || {
        let card = contract::card::ModelCard { model: other.clone(), ..card(1, score(9)) };
        house.place("affordability-1.wasm", &house.approved(&card));
    };
    house.place_version(1);
    let registry = house.open();
    place_other();
    until("the second model is live", || registry.live(&other).is_some());
    let default =
        |registry: &Registry| registry.route_default().map(|route| route.serving(None).model().name().clone());
    assert_eq!(default(&registry), Some(name()));
    drop(registry);
    let registry = house.open();
    assert_eq!(default(&registry), Some(name()), "also after a restart, though the other comes first by name");
    drop(registry);
    let registry = house.open_with(RegistryConfig { default_model: Some(other.clone()), ..house.config() });
    assert_eq!(default(&registry), Some(other.clone()));
    drop(registry);
    fs::remove_file(house.approved_path("credit-risk-1.wasm")).expect("ours");
    let registry = house.open();
    assert_eq!(default(&registry), Some(other), "the only one that is left");
}

#[test]
fn a_lost_ledger_lets_nothing_go_live() {
    let house = House::new();
    house.place_version(1);
    drop(house.open());
    fs::remove_file(house.data().join("ledger.json")).expect("ours");
    let expected = || RegistryConfig { ledger_expected: true, ..house.config() };
    for _ in 0..2 {
        let registry = house.open_with(expected());
        assert_eq!(live_version(&registry), None);
        assert!(registry.withheld().is_some_and(|said| said.contains("--new-ledger")));
        house.place_version(2);
        until("version 2 stands by", || state_of(&registry, 2) == Some((VersionState::Standby, true)));
        assert_eq!(live_version(&registry), None);
    }
    assert_eq!(live_version(&house.open()), Some(2), "an operator begins a new one");
    let registry = house.open_with(expected());
    assert_eq!((live_version(&registry), registry.withheld()), (Some(2), None));
}

#[test]
fn a_refusal_goes_with_its_file() {
    let house = House::new();
    house.place_version(1);
    house.place("junk-3.wasm", b"?");
    house.place("credit-risk-bad.wasm", b"?");
    let registry = house.open();
    let junk = || registry.model(&"junk".parse().expect("a name"));
    assert!(junk().is_some());
    assert_eq!(versions(&registry).len(), 2);
    for file in ["junk-3.wasm", "credit-risk-bad.wasm"] {
        fs::remove_file(house.approved_path(file)).expect("ours");
    }
    until("the junk is forgotten", || junk().is_none() && versions(&registry).len() == 1);
    assert_eq!(live_version(&registry), Some(1));
}

#[test]
fn an_unwritable_ledger_withholds_the_version_until_it_can_be_written() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let away = house.folder.path().join("away");
    fs::rename(house.data(), &away).expect("ours");
    house.place_version(2);
    until("version 2 is withheld", || code_of(&registry, "credit-risk-2.wasm") == Some("ledger_unwritable"));
    assert_eq!(live_version(&registry), Some(1));
    assert_eq!(registry.model(&name()).expect("known").highest_live_version, Some(1));
    fs::rename(&away, house.data()).expect("ours");
    until("version 2 is live", || live_version(&registry) == Some(2));
    assert_eq!(code_of(&registry, "credit-risk-2.wasm"), None);
}

#[test]
fn without_policy_or_ledger_it_does_not_open() {
    let house = House::new();
    let open = || {
        let engine = Engine::new(crate::engine::EngineLimits::default()).expect("the limits are fine");
        Registry::open(house.config(), engine).map(|_| ())
    };
    fs::create_dir_all(house.data()).expect("a folder");
    fs::write(house.data().join("ledger.json"), "{").expect("a file");
    assert!(matches!(open(), Err(RegistryError::Ledger { .. })));
    fs::remove_file(house.data().join("ledger.json")).expect("ours");
    fs::remove_dir(house.modules().join("approved")).expect("it is empty");
    assert!(open().is_ok(), "a missing folder is made");
    assert!(house.modules().join("approved").is_dir());
    fs::remove_file(house.modules().join("trust.toml")).expect("ours");
    assert!(matches!(open(), Err(RegistryError::Trust(_))));
}
