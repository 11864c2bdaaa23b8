//! Features of ever more loans under a memory limit of 4 GB: seconds and memory must grow no faster than the loans.
//!
//! `cargo bench --profile dev --workspace --bench scale` takes samples of 1 and 5 million loans; with
//! `COUNTERSIGN_SCALE=20` one of 20 million as well, for which 4 GB of disk are needed. The limit is the address space's, so that
//! what is merely mapped counts too: a process that asks for more is refused and fails.

#![expect(clippy::print_stdout, reason = "a benchmark answers on stdout")]

mod measured;

use std::path::Path;
use std::process::Command;

use feature_job::sample;
use measured::{features, run};

/// A user of the sample has this many loans on average.
const LOANS_PER_USER: f64 = 21.33;
const LIMIT_KIB: u64 = 4 << 20;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (csv, out) = (folder.path().join("loans.csv"), folder.path().join("features.parquet"));
    let most: u64 =
        std::env::var("COUNTERSIGN_SCALE").ok().map_or(5, |most| most.parse().expect("a number of millions"));
    println!("under {} GiB of address space", LIMIT_KIB >> 20);
    for millions in [1, 5, 20].into_iter().filter(|&millions| millions <= most) {
        let users = (millions as f64 * 1e6 / LOANS_PER_USER).ceil() as u64;
        sample::write(users, sample::SEED_DEFAULT, &csv, |_| {}).expect("room for a sample");
        let bytes = std::fs::metadata(&csv).expect("it was written").len();
        let took =
            run(limited(&csv, &out)).unwrap_or_else(|complained| panic!("{millions} million loans: {complained}"));
        println!(
            "{millions:>3} million loans, {:.1} GB of CSV: {took}, {:.2} s a million; {}",
            bytes as f64 / 1e9,
            took.seconds / millions as f64,
            took.said.split(" (").next().unwrap_or_default()
        );
    }
}

fn limited(csv: &Path, out: &Path) -> Command {
    let job = features(csv, out);
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -v {LIMIT_KIB}; exec \"$0\" \"$@\"")]);
    command.arg(job.get_program()).args(job.get_args());
    command
}
