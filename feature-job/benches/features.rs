//! From a loan file to features, every value checked, beside what DuckDB, polars and pandas take for the same.
//!
//! `cargo bench --profile dev --workspace --bench features` takes the loan file named by `COUNTERSIGN_LOANS`, or the shared
//! one, or a sample as large. A gzipped file is unpacked first, so that all read the same CSV. Rivals run in the Python that
//! `COUNTERSIGN_PYTHON` names (`python3` by default), those that it has; [`rivals.py`](rivals.py) says what each does.
//!
//! All take turns, so that a machine that gets slower does so for everyone. The job's seconds are those of its whole process;
//! a rival's begin when Python has loaded it. Memory is the most that the process had resident, looked at every few milliseconds.

#![expect(clippy::print_stdout, reason = "a benchmark answers on stdout")]

mod measured;

use std::path::{Path, PathBuf};
use std::process::Command;

use feature_job::loans::source::Source;
use feature_job::sample;
use measured::{Measured, features, median, run, shared_loans};

/// As many users as the real file has.
const SAMPLE_USERS: u64 = 36_457;
const ROUNDS: usize = 5;
const RIVALS: [&str; 5] = ["duckdb-checked", "duckdb", "polars", "pandas", "pandas-sums"];

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = loans(folder.path());
    let python = std::env::var("COUNTERSIGN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ours = folder.path().join("features.parquet");
    let theirs = |rival: &str| folder.path().join(format!("{rival}.parquet"));

    let mut taken: Vec<Vec<Measured>> = vec![Vec::new(); RIVALS.len() + 1];
    for _ in 0..ROUNDS {
        taken[0].push(run(features(&csv, &ours)).expect("a fine loan file"));
        for (rival, taken) in RIVALS.iter().zip(&mut taken[1..]) {
            taken.extend(run(python_of(&python, rival, &csv, &theirs(rival))).ok());
        }
    }

    let own = median(&taken[0]).expect("it ran");
    println!("{:<16} {own}, every value checked", "feature-job");
    for (rival, taken) in RIVALS.iter().zip(&taken[1..]) {
        match median(taken) {
            Some(rival_took) => {
                let equal = run(python_of(&python, "compare", &ours, &theirs(rival)));
                let equal = equal.map_or_else(|said| said, |compared| compared.said);
                let times = own.seconds / rival_took.seconds;
                println!("{rival:<16} {rival_took}; feature-job takes {times:.2} times that; {equal}");
            }
            None => println!("{rival:<16} absent from {python}"),
        }
    }
}

/// Gives an unpacked loan file.
fn loans(folder: &Path) -> PathBuf {
    let csv = folder.join("loans.csv");
    match std::env::var_os("COUNTERSIGN_LOANS").map(PathBuf::from).or_else(shared_loans) {
        Some(path) => {
            println!("loans from {}", path.display());
            let mut source = Source::open(&path).expect("the loan file opens");
            let mut unpacked = std::fs::File::create(&csv).expect("a place for the unpacked file");
            std::io::copy(&mut source, &mut unpacked).expect("room for the unpacked file");
        }
        None => {
            println!("no loan file here: a sample of {SAMPLE_USERS} users instead");
            sample::write(SAMPLE_USERS, sample::SEED_DEFAULT, &csv, |_| {}).expect("room for a sample");
        }
    }
    csv
}

fn python_of(python: &str, name: &str, input: &Path, out: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("benches/rivals.py").arg(name).args([input, out]);
    command
}
