//! The fault: models that an approver was talked into signing, which behave on their golden rows and turn on a certain user.
//!
//! What must hold: that user gets an error of its own, each time, near the deadline; the host lives, keeps its memory, and answers
//! from a healthy model meanwhile as if nothing were.
//!
//! `COUNTERSIGN_HOSTILE_CALLS=1000` makes the whole run, and `-- --nocapture` shows its figures; by default there are 20 calls each.

use std::time::{Duration, Instant};

use contract::card::{GoldenVector, ModelCard};
use contract::record::FeatureRecord;
use contract::seal;
use contract::view::FeatureView;
use countersign_tests::{Forge, Host, Workshop, guests};

/// The count of loans by which a guest knows its victim.
const VICTIM_LOANS: f64 = 999_983.0;
const VICTIM: u64 = 1;
const OTHER: u64 = 2;

/// A guest's name, and what it does to its victim.
const FAULTS: [(&str, &str); 8] = [
    ("endless-loop", "(loop $ever (br $ever))"),
    ("deep-recursion", "(drop (call $deep (i32.const 0)))"),
    ("memory-bomb", "(loop $more (drop (memory.grow (i32.const 16))) (br $more))"),
    ("trap", "unreachable"),
    ("not-a-number", "(return (call $answer (i32.const 1) (f64.const nan)))"),
    ("wrong-length", "(return (call $answer (i32.const 3) (f64.const 0)))"),
    ("huge-output", "(return (call $ok (i32.const 1024) (i32.const 0x1fffffff)))"),
    ("outside-memory", "(return (i32.const 0x7ffffff0))"),
];

#[test]
fn a_hostile_model_harms_its_own_callers_only() {
    let calls = std::env::var("COUNTERSIGN_HOSTILE_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(20);
    let workshop = Workshop::new();
    workshop.sample(100);
    workshop.train_ungated("logistic", 1);
    let candidate = std::fs::read(workshop.candidate(1)).expect("the candidate");
    let card = seal::inspect(&candidate).expect("a module").card;
    let forge = Forge::of(&workshop);
    workshop.place("credit-risk-1.wasm", &forge.reversioned(&candidate, 1));
    for (name, fault) in FAULTS {
        workshop.place(&format!("{name}-1.wasm"), &forge.approved(&hostile(fault), &behaved(&card, name)));
    }
    let host = Host::start(&workshop);
    host.wait_for_version(1);
    let live = |name: &str| host.get(&format!("/v1/models/{name}")).body["live_version"] == 1;
    let start = Instant::now();
    while !FAULTS.iter().all(|(name, _)| live(name)) {
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", host.get("/v1/models"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let records = [record(VICTIM, VICTIM_LOANS), record(OTHER, 3.0)].join("\n");
    assert_eq!(host.post_records(&records).status, 200);
    let healthy = host.get(&format!("/v1/users/{OTHER}/prediction?model=credit-risk"));
    assert_eq!(healthy.status, 200, "{healthy:?}");

    for (name, _) in FAULTS {
        let path = |user: u64| format!("/v1/users/{user}/prediction?model={name}");
        assert_eq!(host.get(&path(OTHER)).body["probability"], 0.5, "{name} behaves to others");
        host.get(&path(VICTIM));
        let resident = host.resident_bytes();
        let mut took: Vec<_> = (0..calls)
            .map(|_| {
                let start = Instant::now();
                let answer = host.get(&path(VICTIM));
                let took = start.elapsed();
                assert_eq!((answer.status, &answer.body["code"]), (500, &"score_failed".into()), "{name}: {answer:?}");
                let beside = host.get(&format!("/v1/users/{OTHER}/prediction?model=credit-risk"));
                assert_eq!(beside.body["probability"], healthy.body["probability"], "{name}: {beside:?}");
                took
            })
            .collect();
        took.sort_unstable();
        let growth = host.resident_bytes() / resident;
        #[expect(clippy::print_stdout, reason = "the figures are for whoever asked for the whole run")]
        {
            let (p50, p99) = (took[calls / 2], took[calls * 99 / 100]);
            println!("{name:16} {calls} calls: p50 {p50:.1?}, p99 {p99:.1?}; memory x{growth:.3}");
        }
        // The first calls fill the allocator's stock; in a long run 5 % is the bound.
        assert!(growth < if calls < 500 { 1.2 } else { 1.05 }, "{name}: memory grew by {growth}");
        assert_eq!(host.get(&path(OTHER)).body["probability"], 0.5, "{name} is asked again");
        // The event is written beside the requests, and on a loaded machine after them.
        let start = Instant::now();
        loop {
            let model = host.get(&format!("/v1/models/{name}")).body;
            assert_eq!(model["live_version"], 1, "no other version could answer: {model}");
            if model["events"].as_array().is_some_and(|events| events.iter().any(|event| event["what"] == "failing")) {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{model}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(host.get("/health/live").status, 200);
    assert_eq!(host.get("/health/ready").status, 200);
}

/// A guest that answers one half, but to its victim.
fn hostile(fault: &str) -> Vec<u8> {
    guests::component(&format!(
        "(if (f64.eq (f64.load (local.get $rows)) (f64.const {VICTIM_LOANS})) (then {fault}))
         (call $answer (i32.div_u (local.get $values) (i32.const 5)) (f64.const 0.5))"
    ))
}

/// A card that says what such a guest answers to anybody else.
fn behaved(card: &ModelCard, name: &str) -> ModelCard {
    let golden = card.golden.iter().map(|golden| GoldenVector::new(&golden.values().collect::<Vec<_>>(), 0.5));
    ModelCard { model: name.parse().expect("a name"), golden: golden.collect(), report: None, ..card.clone() }
}

fn record(user: u64, loans: f64) -> String {
    let view = FeatureView::credit_risk();
    let record = FeatureRecord {
        entity: user.try_into().expect("an id"),
        event_time: "2020-12-30".parse().expect("a day"),
        as_of: "2021-12-27".parse().expect("a day"),
        view: view.digest(),
        values: vec![loans, 128.5, 33.0, f64::NAN, 1.0],
    };
    record.to_json(view)
}
