//! `feature-job validate`.

use std::path::PathBuf;

use contract::date::Date;
use feature_job::answer;
use feature_job::features::plan::Plan;
use feature_job::loans::inputs;
use feature_job::quality::{self, Passed, QualityError, Request};

use super::progress;

/// What `validate` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Judges loan files as `features` and `run` do before anything else, and computes nothing. What a loan file must be stands in
feature-job/loan-schema.toml. Columns are found by name, in any order; columns that are not named there mean nothing.

A row that breaks a rule goes to rejects.parquet in the output folder; report.json and report.html say what was found. The
data is refused, with exit code 3, where more rows than the share break a rule, where a loan's id stands twice, where a
user's attributes change from loan to loan, or where a file is empty, cut off, or lacks a column.

Examples:
  feature-job validate --input loans.csv --out quality
  feature-job validate --input 'loans-*.csv.gz' more.parquet --out quality --rejects-max-share 0")]
pub struct Args {
    /// Loan files, CSV, gzipped CSV or Parquet, or patterns such as 'loans-*.csv'; several are read in the order given
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// The folder for report.json, report.html and rejects.parquet; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The day the loans are looked at on, as YYYY-MM-DD [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// The largest share of rows that may break a rule
    #[arg(long, default_value_t = quality::REJECTS_MAX_SHARE, value_name = "SHARE")]
    rejects_max_share: f64,
}

impl Args {
    /// Judges the files, and says what was found.
    pub fn run(self) -> anyhow::Result<()> {
        let spinner = progress::spinner("reading loans");
        let passed = self.judge();
        spinner.finish_and_clear();
        let report = passed.map_err(QualityError::stop)?.report;
        answer::tell(format_args!(
            "accepted: {} of {}, {} left out, {} rejected -> {}",
            answer::counted(report.known, "loan"),
            answer::counted(report.users, "user"),
            answer::counted(report.excluded, "later loan"),
            answer::counted(report.rejected, "row"),
            self.out.display()
        ))?;
        Ok(())
    }

    fn judge(&self) -> Result<Passed, QualityError> {
        quality::judge(&Request {
            files: &inputs::files(&self.input)?,
            kept: &Plan::credit_risk().loan_columns(),
            as_of: self.as_of.unwrap_or_else(Date::today),
            folder: &self.out,
            rejects_max_share: self.rejects_max_share,
        })
    }
}
