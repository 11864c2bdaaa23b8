//! One call into a warm guest: one row, 64 rows, and 1000 rows on a batch thread.
//!
//! It measures the recipe `forest` (100 trees of depth 8) trained on a sample, for which one row shall take at most 3 us,
//! or the module file that `COUNTERSIGN_MODULE` names.

#![expect(clippy::print_stderr, reason = "a benchmark says what it measures")]

#[path = "../src/engine/fixtures.rs"]
mod fixtures;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use contract::seal;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host::engine::{BatchPool, CompiledModel, Engine, EngineLimits};
use tempfile::TempDir;

/// Gives the model to measure, and a row that suits it.
fn model() -> (Arc<CompiledModel>, Vec<f64>) {
    let made = TempDir::new().expect("a temporary folder");
    let named = std::env::var_os("COUNTERSIGN_MODULE").map(PathBuf::from);
    let path = named.unwrap_or_else(|| make(made.path()));
    let bytes = std::fs::read(&path).expect("the module is a file");
    eprintln!("measuring {} ({} bytes)", path.display(), bytes.len());
    let golden = seal::inspect(&bytes).expect("a module file").card.golden;
    let row: Vec<f64> = golden.first().map(|golden| golden.values().collect()).expect("a card has golden vectors");
    let engine = Engine::new(EngineLimits::default()).expect("the default limits are fine");
    let model = engine.compile(&bytes, row.len()).expect("the module compiles");
    model.warm(4, &row).expect("the module scores its own row");
    (Arc::new(model), row)
}

/// Makes a forest of 100 trees of depth 8, with the feature job that was built beside this benchmark.
fn make(folder: &Path) -> PathBuf {
    let bench = std::env::current_exe().expect("a benchmark has a path");
    let job = bench.ancestors().nth(2).expect("a target folder").join("feature-job");
    assert!(job.exists(), "{} is not built: bench the whole workspace, or name a COUNTERSIGN_MODULE", job.display());
    contract::key::PrivateKey::from_seed([1; 32]).save_new(&folder.join("job.pem")).expect("a key");
    let run = |words: &str| {
        let status = Command::new(&job).args(words.split(' ')).current_dir(folder).stdout(Stdio::null()).status();
        assert!(status.expect("the job runs").success(), "feature-job {words}");
    };
    run("sample --users 5000 --seed 7 --out loans.csv");
    run("features --input loans.csv --as-of 2021-12-27 --out features.parquet");
    run("train --features features.parquet --recipe forest --model credit-risk --key job.pem --out .");
    folder.join("credit-risk-1.wasm")
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
