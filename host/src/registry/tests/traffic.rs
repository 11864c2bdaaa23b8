//! What operators order, and that it holds.

use contract::ids::EntityId;

use super::*;

fn version(counter: u64) -> contract::ids::ModelVersion {
    counter.try_into().expect("a counter")
}

/// Gives an order and waits for what comes of it.
pub(super) fn order(registry: &Registry, order: Order) -> Result<(), OrderRefused> {
    registry.order(&name(), order).blocking_recv().unwrap_or(Err(OrderRefused::Busy))
}

pub(super) fn set(registry: &Registry, traffic: &str) -> Result<(), OrderRefused> {
    order(registry, Order::Traffic(serde_json::from_str(traffic).expect("traffic")))
}

fn back(registry: &Registry) -> Result<(), OrderRefused> {
    order(registry, Order::Rollback { to: None })
}

/// A house with these versions, opened.
pub(super) fn house_of(versions: &[u64]) -> (House, Registry) {
    let house = House::new();
    versions.iter().for_each(|&version| house.place_version(version));
    let registry = house.open();
    (house, registry)
}

#[test]
fn a_pin_holds_against_newer_versions_and_a_restart_until_it_is_taken_away() {
    let (house, registry) = house_of(&[1, 2]);
    assert_eq!(set(&registry, r#"{"live":1}"#), Ok(()));
    assert_eq!(live_version(&registry), Some(1), "an answered order has been carried out");
    house.place_version(3);
    until("version 3 stands by", || state_of(&registry, 3) == Some((VersionState::Standby, true)));
    assert_eq!(live_version(&registry), Some(1));
    let status = registry.model(&name()).expect("known");
    assert!(status.pinned && status.highest_live_version == Some(2), "{status:?}");
    drop(registry);
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(1), "also after a restart");
    assert_eq!(set(&registry, "{}"), Ok(()));
    until("the newest is live", || live_version(&registry) == Some(3));
}

#[test]
fn rolling_back_goes_to_the_version_before_and_stays() {
    let (house, registry) = house_of(&[5]);
    // Version 6 comes late and never serves: going back from 7 leads to 5.
    house.place_version(7);
    until("version 7 is live", || live_version(&registry) == Some(7));
    house.place_version(6);
    until("version 6 stands by", || state_of(&registry, 6) == Some((VersionState::Standby, true)));
    assert_eq!(back(&registry), Ok(()));
    assert_eq!(live_version(&registry), Some(5));
    assert_eq!(back(&registry), Err(OrderRefused::NothingBefore(version(5))));
    drop(registry);
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(5));
    assert_eq!(order(&registry, Order::Rollback { to: Some(version(6)) }), Ok(()));
    assert_eq!(live_version(&registry), Some(6));
    let events: Vec<_> = registry.model(&name()).expect("known").events.iter().map(|event| event.what).collect();
    assert_eq!(events, [What::WentLive, What::WentLive, What::RolledBack, What::RolledBack]);
    assert_eq!(registry.model(&name()).expect("known").highest_live_version, Some(7), "the ledger never goes back");
}

#[test]
fn an_order_for_what_cannot_serve_changes_nothing() {
    let (house, registry) = house_of(&[1, 2]);
    let mut other = card(9, score(9));
    other.view.semantics_version += 1;
    house.place("credit-risk-9.wasm", &house.approved(&other));
    until("version 9 waits", || code_of(&registry, "credit-risk-9.wasm") == Some("view_mismatch"));
    let refused = |traffic: &str| set(&registry, traffic).expect_err(traffic);
    assert_eq!(refused(r#"{"live":3}"#), OrderRefused::UnknownVersion(version(3)));
    assert_eq!(refused(r#"{"live":1,"shadow":3}"#), OrderRefused::UnknownVersion(version(3)));
    assert!(matches!(refused(r#"{"live":9}"#), OrderRefused::Unusable { .. }));
    assert!(matches!(refused(r#"{"shadow":1}"#), OrderRefused::Contradiction(_)));
    let stranger: ModelName = "affordability".parse().expect("a name");
    let order = registry.order(&stranger, Order::Rollback { to: None }).blocking_recv();
    assert_eq!(order, Ok(Err(OrderRefused::UnknownModel(stranger))));
    let away = house.folder.path().join("away");
    fs::rename(house.data(), &away).expect("ours");
    assert!(matches!(refused(r#"{"live":1}"#), OrderRefused::Ledger(_)), "what a restart would forget is no order");
    fs::rename(&away, house.data()).expect("ours");
    let status = registry.model(&name()).expect("known");
    assert_eq!((status.live_version, status.traffic), (Some(2), Traffic::default()));
}

#[test]
fn a_canary_answers_its_share_of_the_users_and_always_the_same() {
    let (_house, registry) = house_of(&[1, 2]);
    set(&registry, r#"{"live":1,"canary":{"version":2,"percent":25}}"#).expect("both are there");
    let who = |id: u64| {
        let user = EntityId::try_from(id).expect("an id");
        let serving = registry.serving(&name(), Some(user)).expect("it serves");
        let version = serving.model().version().get();
        assert_eq!(serving.score(&[0.0; 5]), Ok(vec![score(version)]));
        assert_eq!(serving.role() == crate::registry::Role::Canary, version == 2);
        version
    };
    let first: Vec<_> = (1..=2000).map(who).collect();
    let share = first.iter().filter(|&&version| version == 2).count();
    assert!((400..600).contains(&share), "{share} of 2000");
    assert_eq!(first, (1..=2000).map(who).collect::<Vec<_>>());
    assert_eq!(live_version(&registry), Some(1), "who names no user gets the live version");
    assert_eq!(state_of(&registry, 2), Some((VersionState::Canary, true)));
    set(&registry, r#"{"live":2}"#).expect("the canary is taken on");
    assert!((1..=2000).all(|id| who_serves(&registry, id) == 2));
}

fn who_serves(registry: &Registry, id: u64) -> u64 {
    let user = EntityId::try_from(id).expect("an id");
    registry.serving(&name(), Some(user)).expect("it serves").model().version().get()
}

#[test]
fn a_shadow_scores_along_and_is_compared() {
    let (_house, registry) = house_of(&[1, 2]);
    set(&registry, r#"{"live":1,"shadow":2}"#).expect("both are there");
    for _ in 0..50 {
        let serving = registry.serving(&name(), None).expect("it serves");
        assert_eq!(serving.score(&[0.0; 5]), Ok(vec![score(1)]));
    }
    let figures = || registry.model(&name()).expect("known").shadow.expect("it listens");
    until("all are compared", || figures().compared == 50);
    let ShadowFigures { version: shadow, dropped, failed, decisions_differ, mean_difference, .. } = figures();
    assert_eq!((shadow, dropped, failed, decisions_differ), (version(2), 0, 0, 0));
    assert_eq!(mean_difference, Some(score(2) - score(1)));
    assert_eq!(state_of(&registry, 2), Some((VersionState::Shadow, true)));
    assert_eq!(set(&registry, r#"{"live":1}"#), Ok(()));
    assert_eq!(registry.model(&name()).expect("known").shadow, None);
}

#[test]
fn a_version_that_was_let_go_is_compiled_again_when_an_order_needs_it() {
    let (house, registry) = house_of(&[1, 2, 3, 4, 5, 6]);
    until("three stand by", || state_of(&registry, 3) == Some((VersionState::Standby, true)));
    assert_eq!(state_of(&registry, 1), Some((VersionState::Standby, false)));
    assert_eq!(set(&registry, r#"{"live":1}"#), Ok(()));
    assert_eq!(live_version(&registry), Some(1));
    // One whose file is gone meanwhile cannot be.
    fs::remove_file(house.approved_path("credit-risk-2.wasm")).expect("ours");
    until("it is forgotten", || state_of(&registry, 2).is_none());
    assert_eq!(set(&registry, r#"{"live":2}"#), Err(OrderRefused::UnknownVersion(version(2))));
    assert_eq!(live_version(&registry), Some(1));
}
