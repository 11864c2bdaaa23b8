//! Guests that were signed and are hostile, many calls each: every call has its exact error, ends near its deadline, leaves no
//! memory behind, and does nothing to a healthy model that answers meanwhile.
//!
//! `COUNTERSIGN_HOSTILE_CALLS=1000 cargo test --workspace --test hostile_guests -- --nocapture` makes the whole run and prints
//! its figures; without the variable each guest is called 25 times.

#![expect(clippy::print_stderr, reason = "the figures are for whoever asked for the whole run")]

#[path = "../src/engine/fixtures.rs"]
mod fixtures;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use host::engine::{CompiledModel, Engine, EngineLimits, ScoreError};

const WIDTH: usize = 2;
/// A call that brings the fault about, and one that does not.
const TRIGGER: [f64; WIDTH] = [1.0, 0.0];
const HARMLESS: [f64; WIDTH] = [0.0, 0.0];
/// How much more memory may be resident at the end than after the first calls.
const GROWTH_MAX: f64 = 1.05;
/// How many of the healthy model's latest answers are kept. They have their memory before any is measured.
const KEPT: usize = 50_000;

/// Held by a test that measures the memory of this process, which the other's would be part of.
static MEASURING: Mutex<()> = Mutex::new(());

/// A guest's name, what it does, and the code of the one error that may come of it.
const FAULTS: [(&str, &str, &str); 14] = [
    ("endless loop", "(loop $ever (br $ever))", "deadline"),
    (
        "endless loop over memory",
        "(loop $ever (memory.fill (i32.const 2048) (i32.const 7) (i32.const 65536)) (br $ever))",
        "deadline",
    ),
    ("deep recursion", "(drop (call $deep (i32.const 0)))", "trap"),
    ("memory bomb", "(loop $more (drop (memory.grow (i32.const 1))) (br $more))", "memory"),
    ("memory bomb at once", "(drop (memory.grow (i32.const 65535))) (loop $ever (br $ever))", "memory"),
    ("unreachable", "unreachable", "trap"),
    ("division by zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))", "trap"),
    ("read outside memory", "(drop (i32.load (i32.const -8)))", "trap"),
    ("NaN", "(return (call $answer (i32.const 1) (f64.const nan)))", "output_not_finite"),
    ("infinity", "(return (call $answer (i32.const 1) (f64.const -inf)))", "output_not_finite"),
    ("one score too many", "(return (call $answer (i32.const 2) (f64.const 0)))", "output_length"),
    ("30,000 scores", "(return (call $answer (i32.const 30000) (f64.const 0)))", "output_length"),
    ("gigabytes of scores", "(return (call $ok (i32.const 1024) (i32.const 0x1fffffff)))", "boundary"),
    ("scores outside memory", "(return (call $ok (i32.const 0x7ffffff8) (i32.const 1)))", "boundary"),
];

#[test]
fn hostile_guests_are_stopped_and_others_go_on() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let calls: usize =
        std::env::var("COUNTERSIGN_HOSTILE_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(25);
    let engine =
        Engine::new(EngineLimits { memory_bytes_max: 16 << 20, ..EngineLimits::default() }).expect("the limits");
    let healthy = engine.compile(&fixtures::constant(0.25, WIDTH), WIDTH).expect("it compiles");
    let alone = Latencies::of((0..calls * 20).map(|_| answered(&healthy)).collect());
    eprintln!("{calls} calls each, deadline {} ms; healthy alone: {alone}", engine.limits().deadline_ms);
    for (name, fault, code) in FAULTS {
        let guest = fixtures::component(&format!(
            "(if (f64.eq (f64.load (local.get $rows)) (f64.const 1)) (then {fault}))
             (call $answer (i32.div_u (local.get $values) (i32.const {WIDTH})) (f64.const 0.5))"
        ));
        let model = engine.compile(&guest, WIDTH).expect(name);
        let hostile = |calls: usize| {
            let times = (0..calls).map(|_| {
                let start = Instant::now();
                let error = model.score(&TRIGGER).expect_err(name);
                let took = start.elapsed();
                assert_eq!(error.code(), code, "{name}: {error}");
                took
            });
            Latencies::of(times.collect())
        };
        // The first calls bring in what any calls need, such as the allocator's own stock.
        hostile(calls.div_ceil(10));
        let mut kept = vec![Duration::MAX; KEPT];
        let before = resident_bytes();
        let stop = AtomicBool::new(false);
        let (stopped, beside) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| {
                let mut count = 0;
                while count == 0 || !stop.load(Ordering::Relaxed) {
                    kept[count % KEPT] = answered(&healthy);
                    count += 1;
                    // Like requests, which leave time between them.
                    std::thread::sleep(Duration::from_micros(200));
                }
                kept.truncate(count);
                Latencies::of(kept)
            });
            let stopped = hostile(calls);
            stop.store(true, Ordering::Relaxed);
            (stopped, beside.join().expect("the healthy model is not harmed"))
        });
        assert_eq!(model.score(&HARMLESS), Ok(vec![0.5]), "{name}: the next call is served");
        let growth = resident_bytes() / before;
        eprintln!("{name:26} {code:18} {stopped}; memory x{growth:.3}; healthy: {beside}");
        assert!(growth < GROWTH_MAX, "{name}: memory grew by {growth}");
        if code == "deadline" {
            let deadline = Duration::from_millis(engine.limits().deadline_ms);
            assert!(stopped.least() >= deadline, "{name} was stopped early");
        }
    }
    let failures = engine.counters().figures();
    let counted = failures.deadlines + failures.memory + failures.traps + failures.bad_outputs;
    assert_eq!(counted, (FAULTS.len() * (calls + calls.div_ceil(10))) as u64, "each fault is counted once");
}

#[test]
fn a_module_that_starts_with_gigabytes_makes_no_instance_and_costs_nothing() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let engine =
        Engine::new(EngineLimits { memory_bytes_max: 16 << 20, ..EngineLimits::default() }).expect("the limits");
    let wat = "(module (memory (export \"memory\") 4096)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export \"countersign:model/scorer@1.0.0#score\") (param i32 i32) (result i32) (i32.const 0))
        (func (export \"countersign:model/scorer@1.0.0#explain\") (param i32 i32) (result i32) (i32.const 0)))";
    let model = engine.compile(&fixtures::encode(wat), WIDTH).expect("256 MiB are within the structure's bound");
    let before = resident_bytes();
    for _ in 0..1000 {
        assert_eq!(model.score(&HARMLESS), Err(ScoreError::Memory { bytes_max: 16 << 20 }));
    }
    let growth = resident_bytes() / before;
    assert!(growth < GROWTH_MAX, "memory grew by {growth}");
}

/// Has the healthy model score a row; gives how long it took.
fn answered(healthy: &CompiledModel) -> Duration {
    let start = Instant::now();
    assert_eq!(healthy.score(&HARMLESS), Ok(vec![0.25]));
    start.elapsed()
}

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: f64 = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a count of pages");
    pages * 4096.0
}

/// How long calls took, sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn least(&self) -> Duration {
        self.0[0]
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |percent: usize| self.0[(self.0.len() - 1) * percent / 100];
        write!(f, "p50 {:.1?}, p99 {:.1?}, most {:.1?}", at(50), at(99), at(100))
    }
}
