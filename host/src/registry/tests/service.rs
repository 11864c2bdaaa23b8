//! Versions that fail in service, and folders that are hard to watch.

use super::traffic::{house_of, set};
use super::*;

/// Answers `value` for every row of `width` values, unless the first value of all is below zero: then it traps.
fn trapping_below_zero(value: f64, width: usize) -> Vec<u8> {
    let bits = value.to_bits() as i64;
    component(&format!(
        "(if (f64.lt (f64.load (local.get $rows)) (f64.const 0)) (then unreachable))
         (call $answer (i32.div_u (local.get $values) (i32.const {width})) (f64.reinterpret_i64 (i64.const {bits})))"
    ))
}

/// Places a version that traps where the first value of a row is below zero; its golden rows are missing values.
fn place_trapping(house: &House, version: u64) {
    let card = card(version, score(version));
    let component = trapping_below_zero(score(version), card.view.width());
    let candidate = contract::seal::seal_candidate(&component, &card, &house.job).expect("a bare component");
    house.place(&format!("credit-risk-{version}.wasm"), &house.approve(&candidate));
}

fn call(registry: &Registry, value: f64) -> bool {
    let mut row = [0.0; 5];
    row[0] = value;
    registry.serving(&name(), None).expect("something serves").score(&row).is_ok()
}

#[test]
fn a_version_that_fails_is_taken_out_and_the_one_before_serves() {
    let (house, registry) = house_of(&[1]);
    place_trapping(&house, 2);
    until("version 2 is live", || live_version(&registry) == Some(2));
    assert!((0..1000).all(|_| call(&registry, 1.0)));
    let failed = (0..1000).filter(|_| !call(&registry, -1.0)).count();
    assert!((10..1000).contains(&failed), "{failed} calls failed before it was taken out");
    until("version 1 is live", || live_version(&registry) == Some(1));
    assert!(call(&registry, -1.0));
    assert_eq!(state_of(&registry, 2).expect("known").0, VersionState::Withdrawn);
    assert_eq!(code_of(&registry, "credit-risk-2.wasm"), Some("failing"));
    assert_eq!(registry.counters().figures().withdrawals, 1);
    let events: Vec<_> = registry.model(&name()).expect("known").events.iter().map(|event| event.what).collect();
    assert_eq!(events, [What::WentLive, What::WentLive, What::Withdrawn, What::WentLive]);
    drop(registry);
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(1), "a restart does not bring it back");
    assert_eq!(set(&registry, r#"{"live":2}"#), Ok(()), "an operator does");
    assert_eq!(live_version(&registry), Some(2));
    (0..1000).for_each(|_| _ = call(&registry, -1.0));
    until("it is taken out again", || live_version(&registry) == Some(1));
}

#[test]
fn a_failing_version_that_is_alone_stays_and_says_so() {
    let house = House::new();
    place_trapping(&house, 1);
    let registry = house.open();
    assert!((0..200).all(|_| !call(&registry, -1.0)));
    until("it is said", || code_of(&registry, "credit-risk-1.wasm") == Some("failing"));
    assert_eq!(live_version(&registry), Some(1));
    assert!(call(&registry, 1.0));
    house.place_version(2);
    until("a better one is live", || live_version(&registry) == Some(2));
}

#[test]
fn a_failing_canary_or_shadow_is_taken_out_alone() {
    let (house, registry) = house_of(&[1]);
    set(&registry, r#"{"live":1}"#).expect("a pin");
    place_trapping(&house, 2);
    until("version 2 stands by", || state_of(&registry, 2) == Some((VersionState::Standby, true)));
    set(&registry, r#"{"live":1,"shadow":2}"#).expect("both are there");
    assert!((0..100).all(|_| call(&registry, -1.0)));
    until("the shadow is taken out", || state_of(&registry, 2).expect("known").0 == VersionState::Withdrawn);
    let user = contract::ids::EntityId::try_from(7).expect("an id");
    let version = || registry.serving(&name(), Some(user)).expect("it serves");
    // Rows that the shadow had still before it may take it out once more.
    until("an operator insists", || {
        set(&registry, r#"{"live":1,"canary":{"version":2,"percent":100}}"#).expect("it is there");
        version().model().version().get() == 2
    });
    (0..100).for_each(|_| drop(version().score(&[-1.0; 5])));
    until("the canary is taken out", || version().model().version().get() == 1);
    assert_eq!(live_version(&registry), Some(1));
}

#[test]
fn a_file_that_is_copied_in_place_for_seconds_is_not_read_at_each_change() {
    let (house, registry) = house_of(&[1]);
    let bytes = house.approved(&card(2, score(2)));
    let path = house.approved_path("credit-risk-2.wasm");
    let mut file = fs::File::create(&path).expect("ours");
    let start = std::time::Instant::now();
    let pieces = bytes.chunks(bytes.len() / 150 + 1);
    for piece in pieces {
        std::io::Write::write_all(&mut file, piece).expect("ours");
        std::thread::sleep(Duration::from_millis(10));
    }
    let took = start.elapsed();
    until("it is whole", || live_version(&registry) == Some(2));
    let attempts: u64 = registry.counters().figures().rejections.values().sum();
    assert!(took > Duration::from_millis(1400) && attempts <= 8, "{attempts} attempts within {took:?}");
}

#[test]
fn a_file_that_never_stops_changing_does_not_keep_a_host_from_starting() {
    let house = House::new();
    house.place_version(1);
    let path = house.approved_path("credit-risk-2.wasm");
    fs::write(&path, "?").expect("ours");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::write(&path, "??").expect("ours");
                fs::write(&path, "?").expect("ours");
            }
        });
        let registry = house.open();
        assert_eq!(live_version(&registry), Some(1));
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn thousands_of_files_are_judged_and_few_of_them_compiled() {
    let house = House::new();
    for number in 0..2000 {
        fs::write(house.approved_path(&format!("junk-{number}.wasm")), "?").expect("ours");
    }
    (1..=40).for_each(|version| house.place_version(version));
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(40));
    until("three stand by", || state_of(&registry, 37) == Some((VersionState::Standby, true)));
    assert_eq!(state_of(&registry, 36), Some((VersionState::Standby, false)));
    assert_eq!(registry.counters().figures().proven, 4);
    house.place_version(41);
    until("the next is live", || live_version(&registry) == Some(41));
    assert_eq!(registry.counters().figures().rejections["not_a_component"], 2000, "each is judged once");
}

#[test]
fn a_folder_that_comes_back_is_watched_again() {
    let house = House::new();
    house.place_version(1);
    let registry = house.open();
    let approved = house.modules().join("approved");
    fs::rename(&approved, house.modules().join("away")).expect("ours");
    until("it is missed", || registry.warnings().iter().any(|said| said.contains("cannot be read")));
    assert_eq!(live_version(&registry), Some(1));
    assert!(!versions(&registry)[0].file_deleted, "nothing is known of the file");
    fs::create_dir(&approved).expect("ours");
    until("it is empty", || versions(&registry)[0].file_deleted);
    assert_eq!(live_version(&registry), Some(1));
    let before = registry.counters().figures().scans;
    house.place_version(2);
    until("version 2 is live", || live_version(&registry) == Some(2));
    assert!(registry.counters().figures().scans > before);
}

#[test]
fn an_order_is_carried_out_while_the_worker_is_busy() {
    let (house, registry) = house_of(&[1, 2]);
    // It takes the two seconds of the proof's deadline to refuse this one.
    let card = card(3, score(3));
    let endless = component("(loop $ever (br $ever)) (i32.const 0)");
    let candidate = contract::seal::seal_candidate(&endless, &card, &house.job).expect("a bare component");
    house.place("credit-risk-3.wasm", &house.approve(&candidate));
    until("it is being proven", || state_of(&registry, 3) == Some((VersionState::Standby, false)));
    assert_eq!(set(&registry, r#"{"live":1}"#), Ok(()));
    assert_eq!(live_version(&registry), Some(1));
    assert_eq!(code_of(&registry, "credit-risk-3.wasm"), None, "the worker is not done");
    until("it is refused", || code_of(&registry, "credit-risk-3.wasm") == Some("golden_failed"));
}
