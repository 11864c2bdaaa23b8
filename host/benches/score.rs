//! One call into a warm guest: one row, 64 rows, and 1000 rows on a batch thread.
//!
//! `COUNTERSIGN_MODULE=FILE cargo bench -p host --bench score` measures a module file or a bare component, such as a
//! forest of 100 trees of depth 8, for which one row shall take at most 3 us. Without it a guest that answers a
//! constant shows what the boundary alone costs.

#![expect(clippy::print_stderr, reason = "a benchmark says what it measures")]

#[path = "../src/engine/fixtures.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fixtures;

use std::hint::black_box;
use std::sync::{Arc, mpsc};

use contract::card::GoldenVector;
use contract::seal;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host::engine::{BatchPool, CompiledModel, Engine, EngineLimits};

/// Gives the model to measure, and a row that suits it.
fn model() -> (Arc<CompiledModel>, Vec<f64>) {
    let (bytes, row) = match std::env::var_os("COUNTERSIGN_MODULE") {
        Some(path) => {
            let bytes = std::fs::read(&path).expect("COUNTERSIGN_MODULE names a module file");
            let golden = seal::inspect(&bytes).ok().and_then(|inspected| inspected.card.golden.into_iter().next());
            eprintln!("measuring {} ({} bytes)", path.display(), bytes.len());
            (
                bytes,
                golden.map_or_else(|| vec![15.0, 128.9, 33.0, 12.0, 1.0], |row| GoldenVector::values(&row).collect()),
            )
        }
        None => {
            eprintln!("measuring a guest that answers a constant; set COUNTERSIGN_MODULE to measure a model");
            (fixtures::constant(0.5, 5), vec![15.0, 128.9, 33.0, 12.0, 1.0])
        }
    };
    let engine = Engine::new(EngineLimits::default()).expect("the default limits are fine");
    let model = engine.compile(&bytes, row.len()).expect("the module compiles");
    model.warm(4, &row).expect("the module scores its own row");
    (Arc::new(model), row)
}

fn score(criterion: &mut Criterion) {
    let (model, row) = model();
    let mut group = criterion.benchmark_group("score");
    for count in [1, 64, 1000] {
        let rows = row.repeat(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} rows, calling thread"), |bencher| {
            bencher.iter(|| model.score(black_box(&rows)).expect("the model scores"));
        });
    }
    let pool = BatchPool::new(1, 4, 100_000).expect("a thread can be started");
    let (reply, answers) = mpsc::channel();
    let rows = row.repeat(1000);
    group.bench_function("1000 rows, batch thread", |bencher| {
        bencher.iter(|| {
            let reply = reply.clone();
            let send = move |answer| reply.send(answer).expect("the benchmark waits");
            pool.score(Arc::clone(&model), rows.clone(), send).expect("the queue has room");
            answers.recv().expect("a reply").expect("the model scores")
        });
    });
    group.bench_function("a fresh instance", |bencher| {
        let engine = Engine::new(EngineLimits { instance_calls_max: 1, ..EngineLimits::default() }).expect("fine");
        let component = fixtures::constant(0.5, 5);
        let fresh = engine.compile(&component, 5).expect("the fixture compiles");
        bencher.iter(|| fresh.score(black_box(&[0.0; 5])).expect("the model scores"));
    });
    group.finish();
}

criterion_group!(benches, score);
criterion_main!(benches);
