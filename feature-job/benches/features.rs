//! Features of a whole loan file, CSV to Parquet, beside what Python's libraries take for the same on this machine.
//!
//! `cargo bench --profile dev --bench features` takes the file named by `COUNTERSIGN_LOANS`, or the shared one, or a
//! sample as large. A gzipped file is unpacked first, so that all read the same CSV. Rivals run in `COUNTERSIGN_PYTHON`
//! (`python3` by default), those that it has.

#![expect(clippy::print_stdout, reason = "a benchmark answers on stdout")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use feature_job::features::build;
use feature_job::loans::source::Source;
use feature_job::sample;

/// As many users as the real file has.
const SAMPLE_USERS: u64 = 36_457;
const RUNS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = loans(folder.path());
    let bytes = std::fs::metadata(&csv).expect("the loan file is there").len();
    let out = folder.path().join("features.parquet");
    let as_of = "2021-12-27".parse().expect("a day");

    let mut rows = 0;
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            rows = build::build(std::slice::from_ref(&csv), &build::Options::at(as_of), &out)
                .expect("a fine loan file")
                .manifest
                .rows;
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let ours = seconds[RUNS / 2];
    let size = std::fs::metadata(&out).expect("it was written").len();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{rows} loans, {:.0} MB of CSV to {:.1} MB of Parquet, {cores} cores",
        bytes as f64 / 1e6,
        size as f64 / 1e6
    );
    println!("feature-job  {ours:.2} s median of {RUNS}, {:.2} to {:.2}", seconds[0], seconds[RUNS - 1]);
    rivals(&csv, &folder.path().join("rival.parquet"), ours);
}

/// Gives an unpacked loan file.
fn loans(folder: &Path) -> PathBuf {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/dataset_credit_risk.csv.gz"));
    let named = std::env::var_os("COUNTERSIGN_LOANS").map(PathBuf::from);
    let csv = folder.join("loans.csv");
    match named.or_else(|| shared.exists().then(|| shared.to_owned())) {
        Some(path) => {
            println!("loans from {}", path.display());
            let mut source = Source::open(&path).expect("the loan file opens");
            let mut unpacked = std::fs::File::create(&csv).expect("a file");
            std::io::copy(&mut source, &mut unpacked).expect("room for the unpacked file");
        }
        None => {
            println!("no loan file here: a sample of {SAMPLE_USERS} users instead");
            sample::write(SAMPLE_USERS, sample::SEED_DEFAULT, &csv, |_| {}).expect("room for a sample");
        }
    }
    csv
}

fn rivals(csv: &Path, out: &Path, ours: f64) {
    let python = std::env::var("COUNTERSIGN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals.py");
    for rival in ["duckdb", "polars", "pandas"] {
        // A process each, so that none runs in what another left of the memory; reading its modules is not counted.
        let answer = Command::new(&python).args([script, rival]).args([csv, out]).output();
        let seconds = answer.ok().filter(|answer| answer.status.success());
        match seconds.and_then(|answer| String::from_utf8_lossy(&answer.stdout).trim().parse::<f64>().ok()) {
            Some(seconds) => println!("{rival:<12} {seconds:.2} s, {:.1} times feature-job's", seconds / ours),
            None => println!("{rival:<12} absent from {python}"),
        }
    }
}
