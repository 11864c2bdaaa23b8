//! `run`: the whole job, from a loan file to a signed candidate.

use std::path::PathBuf;

use contract::date::Date;

use super::{HowArgs, prepare, train_and_tell};
use crate::features::build::{self, FeaturesError};
use crate::{answer, atomic};

/// What `run` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Does what `features` and then `train` do, after checking that both can end well.

Example:
  feature-job run --input loans.csv --as-of 2021-12-27 --features-out features.parquet \\
    --recipe forest --model credit-risk --key job.pem --out modules/candidates")]
pub struct RunArgs {
    /// Loan files, CSV, gzipped CSV or Parquet, or patterns such as 'loans-*.csv'; several are read in the order given
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// The day the features are computed for, as YYYY-MM-DD [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Date>,
    /// The feature file to write; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    pub features_out: PathBuf,
    /// How to train, and where to.
    #[command(flatten)]
    pub how: HowArgs,
}

impl RunArgs {
    /// Computes features, trains on them, and says what was written.
    ///
    /// # Errors
    /// Whatever kept either from being done. A feature file that was written stays; it is whole.
    pub fn run(self) -> anyhow::Result<()> {
        let inputs = self.input.iter().chain([&self.how.key]).map(PathBuf::as_path);
        atomic::ready(&self.features_out, &inputs.collect::<Vec<_>>())?;
        let prepared = prepare(&self.how)?;
        let summary =
            build::build(&self.input, &build::Options::at(self.as_of.unwrap_or_else(Date::today)), &self.features_out)
                .map_err(FeaturesError::stop)?;
        let manifest = summary.manifest;
        answer::tell(format_args!(
            "{} of {} at {} ({} left out) -> {}\n",
            answer::counted(manifest.rows, "loan"),
            answer::counted(manifest.entities, "user"),
            manifest.as_of,
            answer::counted(manifest.excluded, "later loan"),
            self.features_out.display()
        ))?;
        train_and_tell(&self.features_out, &self.how, prepared)
    }
}
