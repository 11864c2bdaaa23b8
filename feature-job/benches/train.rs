//! How long the baseline takes on the whole dataset: features are read, three models fitted and judged (rows, users and
//! time held out). The bound is 30 s on 2 cores. Without the dataset, an invented one of 36,000 users stands in.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use contract::view::Ages;
use feature_job::features::build;
use feature_job::offline::Table;
use feature_job::sample;
use feature_job::train::dataset::Dataset;
use feature_job::train::evaluate::judge_all;
use feature_job::train::recipe::Recipe;

const SEED: u64 = 123;

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let real = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/dataset_credit_risk.csv.gz"));
    let (loans, name) = if real.exists() {
        (real.to_owned(), "the real dataset")
    } else {
        let invented = folder.path().join("loans.csv");
        sample::write(36_000, SEED, &invented, |_| {})?;
        (invented, "an invented dataset (the real one is absent)")
    };
    let features = folder.path().join("features.parquet");
    build::build(&[loans], &build::Options::at("2021-12-27".parse()?), &features).context("cannot compute features")?;

    let start = Instant::now();
    let dataset = Dataset::new(&Table::read(&features)?, Ages::AsOf)?;
    let judged = judge_all(&Recipe::load("baseline")?, &dataset, SEED, &|| ())?;
    let rows = dataset.sample.rows.len();
    let (fits, seconds) = (judged.len(), start.elapsed().as_secs_f64());
    writeln!(std::io::stdout(), "baseline on {name}, {rows} loans, {fits} fits: {seconds:.2} s")?;
    Ok(())
}
