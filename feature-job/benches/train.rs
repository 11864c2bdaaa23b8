//! Training on the whole dataset: the baseline beside scikit-learn and imbalanced-learn, then whole runs of `train`.
//!
//! `cargo bench --profile dev --workspace --bench train`; the rival runs in the Python that `COUNTERSIGN_PYTHON` names
//! (`python3` by default), if that has it. Both start from features that have been read: they fill nulls, split the same rows, balance
//! them by SMOTE, grow five trees on two threads, score the held-out rows and give their ROC AUC, in turns.
//! Without the dataset, an invented one as large stands in.

#![expect(clippy::print_stdout, reason = "a benchmark answers on stdout")]

mod measured;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use contract::key::PrivateKey;
use contract::view::Ages;
use feature_job::offline::Table;
use feature_job::sample;
use feature_job::train::dataset::Dataset;
use feature_job::train::metrics::measure;
use feature_job::train::recipe::Recipe;
use feature_job::train::scoring;
use feature_job::train::split::by_rows;
use measured::{Measured, median, run, shared_loans};

const SEED: u64 = 123;
const SAMPLE_USERS: u64 = 36_457;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let features = folder.path().join("features.parquet");
    run(measured::features(&loans(folder.path()), &features)).expect("a fine loan file");
    let python = std::env::var("COUNTERSIGN_PYTHON").unwrap_or_else(|_| "python3".to_owned());

    let table = Table::read(&features).expect("our own file");
    let dataset = Dataset::new(&table, Ages::AsOf).expect("two classes");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(baseline(&dataset));
        let mut rival = Command::new(&python);
        rival.arg("benches/rivals_train.py").arg(&features);
        theirs.extend(run(rival).ok());
    }
    let own = median(&ours).expect("it ran");
    println!("{:<16} {:6.2} s; {}", "feature-job", own.seconds, own.said);
    match median(&theirs) {
        Some(rival) => {
            let times = own.seconds / rival.seconds;
            let said = rival.said.lines().last().unwrap_or_default();
            println!("{:<16} {rival}; {said}; feature-job takes {times:.2} times that", "scikit-learn");
        }
        None => println!("{:<16} absent from {python}", "scikit-learn"),
    }
    drop((table, dataset));
    for recipe in ["baseline", "forest"] {
        let whole = run(train(folder.path(), &features, recipe)).expect("it trains");
        println!("{:<16} {whole}; every split, the component, its proof and the report", format!("train {recipe}"));
    }
}

/// What the rival does, by our own code.
fn baseline(dataset: &Dataset) -> Measured {
    let start = Instant::now();
    let recipe = Recipe::load("baseline").expect("it is built in");
    let split = by_rows(&dataset.sample.labels, recipe.hold_out().share, SEED);
    let fitted = recipe.fit(&dataset.sample.select(&split.train), SEED).expect("rows to learn from");
    let held_out = dataset.sample.select(&split.test);
    let scores = scoring::score(&fitted.model, &held_out.rows).expect("its own rows");
    let auc = measure(&scores, &held_out.labels, fitted.threshold).roc_auc.expect("two classes");
    let seconds = start.elapsed().as_secs_f64();
    Measured { seconds, megabytes: None, said: format!("ROC AUC by rows {auc:.3}") }
}

fn train(folder: &Path, features: &Path, recipe: &str) -> Command {
    let key = folder.join("job.pem");
    if !key.exists() {
        PrivateKey::from_seed([7; 32]).save_new(&key).expect("a key");
        std::fs::create_dir(folder.join("candidates")).expect("a folder");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_feature-job"));
    command.args(["train", "--model", "credit-risk", "--recipe", recipe, "--features"]).arg(features);
    command.arg("--key").arg(key).arg("--out").arg(folder.join("candidates"));
    command
}

fn loans(folder: &Path) -> PathBuf {
    shared_loans().unwrap_or_else(|| {
        let invented = folder.join("loans.csv");
        println!("no loan file here: a sample of {SAMPLE_USERS} users instead");
        sample::write(SAMPLE_USERS, sample::SEED_DEFAULT, &invented, |_| {}).expect("room for a sample");
        invented
    })
}
