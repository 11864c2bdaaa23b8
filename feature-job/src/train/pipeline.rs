//! `run`: the whole job, from a loan file to a signed candidate.

use std::path::PathBuf;

use contract::date::Date;

use super::{HowArgs, Prepared, train_and_tell};
use crate::features::build::{self, FeaturesError};
use crate::{answer, atomic, quality};

/// What `run` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Does what `features` and then `train` do, after checking that both can end well.

Example:
  feature-job run --input loans.csv --as-of 2021-12-27 --features-out features.parquet \\
    --recipe forest --model credit-risk --key job.pem --out modules/candidates")]
pub struct RunArgs {
    /// The loans, and where their features go.
    #[command(flatten)]
    pub loans: LoanArgs,
    /// How to train, and where to.
    #[command(flatten)]
    pub how: HowArgs,
}

/// Loan files, and the feature file to make of them.
#[derive(Debug, clap::Args)]
pub struct LoanArgs {
    /// Loan files, CSV, gzipped CSV or Parquet, or patterns such as 'loans-*.csv'; several are read in the order given
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// The day the features are computed for, as YYYY-MM-DD [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Date>,
    /// The feature file to write; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    pub features_out: PathBuf,
    /// The largest share of rows that may break a rule
    #[arg(long, default_value_t = quality::REJECTS_MAX_SHARE, value_name = "SHARE")]
    pub rejects_max_share: f64,
}

impl RunArgs {
    /// Computes features, trains on them, and says what was written.
    ///
    /// # Errors
    /// Whatever kept either from being done. A feature file that was written stays; it is whole.
    pub fn run(self) -> anyhow::Result<()> {
        let prepared = prepare(&self.loans, &self.how)?;
        train_and_tell(&features(&self.loans)?, &self.how, prepared)
    }
}

/// Checks that features and candidate can be written before either is begun.
///
/// # Errors
/// What is in the way of either.
pub fn prepare(loans: &LoanArgs, how: &HowArgs) -> anyhow::Result<Prepared> {
    let inputs = loans.input.iter().chain([&how.key]).map(PathBuf::as_path).chain(how.demands.files());
    atomic::ready(&loans.features_out, &inputs.collect::<Vec<_>>())?;
    super::prepare(how)
}

/// Computes the features, says what they are, and gives the file they are in.
///
/// # Errors
/// Whatever kept them from being written.
pub fn features(loans: &LoanArgs) -> anyhow::Result<PathBuf> {
    let as_of = loans.as_of.unwrap_or_else(Date::today);
    let options = build::Options { rejects_max_share: loans.rejects_max_share, ..build::Options::at(as_of) };
    let summary = build::build(&loans.input, &options, &loans.features_out).map_err(FeaturesError::stop)?;
    let manifest = summary.manifest;
    answer::tell(format_args!(
        "{} of {} at {} ({} left out) -> {}\n",
        answer::counted(manifest.rows, "loan"),
        answer::counted(manifest.entities, "user"),
        manifest.as_of,
        answer::counted(manifest.excluded(), "later loan"),
        loans.features_out.display()
    ))?;
    Ok(loans.features_out.clone())
}
