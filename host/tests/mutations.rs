//! Modules past the signature check that are not what anybody wrote: valid ones, changed at random, are admitted, compiled and called
//! as the registry would. Whatever comes of one, nothing panics, and nothing takes more than five seconds.
//!
//! `COUNTERSIGN_MUTATIONS=100000 cargo test --workspace --test mutations -- --nocapture` makes the whole run and prints what became
//! of them; without the variable there are 600. `COUNTERSIGN_SEED` starts from another seed than 1; a failure names its own.

#![expect(clippy::print_stderr, reason = "the figures are for whoever asked for the whole run")]

#[path = "../src/engine/fixtures.rs"]
mod fixtures;
#[path = "mutations/mutant.rs"]
mod mutant;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host::engine::{Engine, EngineLimits, ModuleLimits};

use self::mutant::{Chance, mutant};

const WIDTH: usize = 5;
const MOST: Duration = Duration::from_secs(5);

#[test]
fn no_mutation_of_a_module_crashes_or_hangs_the_host() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (count, first) = (number("COUNTERSIGN_MUTATIONS").unwrap_or(600), number("COUNTERSIGN_SEED").unwrap_or(1));
    let engine = Engine::new(EngineLimits { proof_deadline_ms: 50, deadline_ms: 20, ..EngineLimits::default() });
    let engine = engine.expect("the limits are fine");
    let (small, whole) = (fixtures::constant(0.25, WIDTH), template());
    let mut became = BTreeMap::<String, u64>::new();
    let (mut slowest, mut slowest_seed) = (Duration::ZERO, 0);
    let (seed, began, done) = (AtomicU64::new(first), AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    let now = || start.elapsed().as_millis() as u64;
    std::thread::scope(|scope| {
        // A thread that hangs cannot say so itself.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
                if now().saturating_sub(began.load(Ordering::SeqCst)) > MOST.as_millis() as u64 {
                    eprintln!("seed {} takes more than {MOST:?}", seed.load(Ordering::SeqCst));
                    std::process::exit(1);
                }
            }
        });
        for one in first..first + count {
            let mut chance = Chance::new(one);
            // The small guest is quick; the real one has all that a real one has.
            let base = if one % 10 == 0 { &whole } else { &small };
            let bytes = mutant(base, &mut chance);
            seed.store(one, Ordering::SeqCst);
            began.store(now(), Ordering::SeqCst);
            let took = Instant::now();
            let fate = catch_unwind(AssertUnwindSafe(|| fate(&engine, &bytes)));
            let took = took.elapsed();
            let fate = fate.unwrap_or_else(|_| {
                done.store(true, Ordering::Relaxed);
                panic!("seed {one} panicked")
            });
            *became.entry(fate).or_default() += 1;
            if took > slowest {
                (slowest, slowest_seed) = (took, one);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    eprintln!("{count} mutations from seed {first}; the slowest took {slowest:.1?} (seed {slowest_seed})");
    for (fate, count) in &became {
        eprintln!("{count:8}  {fate}");
    }
    // A mutator that only ever makes rubbish, or never changes anything that matters, would prove nothing.
    let some = |start: &str| became.iter().any(|(fate, count)| fate.starts_with(start) && *count > 0);
    assert!(
        some("refused: malformed") && some("refused: not_compilable") && some("scored") && some("failed"),
        "{became:?}"
    );
}

/// The largest modules of each kind that are admitted, or nearly: each compiles, or is refused, within the same time.
#[test]
fn the_most_that_is_admitted_compiles_in_time() {
    let engine = Engine::new(EngineLimits::default()).expect("the limits are fine");
    for (name, body) in extremes() {
        let wat = format!(
            "(module (memory (export \"memory\") 1) (table 10 funcref) (type $t (func (param i32) (result i32)))
             {body}
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))
             (func (export \"countersign:model/scorer@1.0.0#score\") (param i32 i32) (result i32) (i32.const 0))
             (func (export \"countersign:model/scorer@1.0.0#explain\") (param i32 i32) (result i32) (i32.const 0)))"
        );
        let bytes = fixtures::encode(&wat);
        let start = Instant::now();
        let compiled = engine.compile(&bytes, WIDTH);
        let took = start.elapsed();
        let outcome = compiled.as_ref().map_or_else(|error| error.code(), |_| "compiled");
        eprintln!("{name:40} {outcome:14} {took:.1?}, {} bytes", bytes.len());
        assert_eq!(outcome, if name.starts_with("too ") { "too_large" } else { "compiled" }, "{name}: {compiled:?}");
        // Each takes under five seconds alone on a core; a machine that builds something else meanwhile is no reason to fail.
        assert!(took < 6 * MOST, "{name} took {took:?}");
    }
}

/// Code that costs a compiler much for what it weighs, at the bounds of what is admitted.
fn extremes() -> Vec<(&'static str, String)> {
    let bounds = ModuleLimits::default();
    let (locals_max, blocks_max) = (bounds.locals_max as usize, bounds.blocks_max as usize);
    let nesting_max = bounds.nesting_max as usize;
    let (full, deep) = (bounds.all_blocks_max as usize / blocks_max, bounds.all_blocks_max as usize / nesting_max);
    let function = |inside: &str| format!("(func (param i32) (result i32) {inside} (local.get 0))\n");
    let adds = |count: usize| "(local.set 0 (i32.add (local.get 0) (i32.const 7)))".repeat(count);
    let locals = |count: usize| format!("(local {})", "i64 ".repeat(count));
    let loops = |count: usize, inside: &str| {
        format!("{}{inside}{}", "(loop ".repeat(count), "(br_if 0 (local.get 0)))".repeat(count))
    };
    let set: String = (1..=locals_max).map(|l| format!("(local.set {l} (i64.extend_i32_u (local.get 0)))")).collect();
    let used: String = (1..=locals_max).map(|l| format!("(i64.store (i32.const 8) (local.get {l}))")).collect();
    let table = |targets: usize, depth: usize| {
        let targets: String = (0..targets).map(|target| format!("{} ", target % depth)).collect();
        format!("{}(br_table {targets}(local.get 0)){}", "(block ".repeat(depth), ")".repeat(depth))
    };
    let calls = |count: usize| "(local.set 0 (call_indirect (type $t) (local.get 0) (i32.const 0)))".repeat(count);
    let live = locals(locals_max) + &set;
    vec![
        ("one long function", function(&adds(12_000))),
        ("2,000 functions of 50 additions", function(&adds(50)).repeat(1_990)),
        ("2,000 functions with the most locals", function(&locals(locals_max)).repeat(1_990)),
        ("the most loops", function(&loops(1, "").repeat(blocks_max)).repeat(full)),
        ("the deepest loops", function(&loops(nesting_max, "").repeat(blocks_max / nesting_max)).repeat(full)),
        ("all locals through the deepest loops", function(&(live.clone() + &loops(nesting_max, &used))).repeat(deep)),
        (
            "all locals through the most loops",
            function(&(live.clone() + &loops(1, "").repeat(blocks_max) + &used)).repeat(full),
        ),
        (
            "all locals used in the most loops",
            function(
                &(live + &loops(1, "(local.set 1 (i64.add (local.get 1) (local.get 2)))").repeat(blocks_max) + &used),
            )
            .repeat(full),
        ),
        ("16 tables of 60,000 branches", function(&table(60_000, 100)).repeat(16)),
        ("60,000 indirect calls", function(&calls(10_000)).repeat(6)),
        ("too many locals", function(&locals(locals_max + 1))),
        ("too many loops", function(&loops(1, "").repeat(blocks_max + 1))),
        ("too deep loops", function(&loops(nesting_max + 1, ""))),
    ]
}

/// Admits, compiles and calls a module; gives what became of it.
fn fate(engine: &Engine, bytes: &[u8]) -> String {
    match engine.compile(bytes, WIDTH) {
        Err(error) => format!("refused: {}", error.code()),
        Ok(model) => match model.score(&[0.5; 2 * WIDTH]) {
            Ok(_) => "scored".to_owned(),
            Err(error) => format!("failed: {}", error.code()),
        },
    }
}

/// The real guest, without a model in it, as a component.
fn template() -> Vec<u8> {
    let template = std::fs::read("../guest-model/template.wasm").expect("the template is checked in");
    let mut encoder = wit_component::ComponentEncoder::default().module(&template).expect("the template's exports");
    encoder.encode().expect("the template wraps into a component")
}
