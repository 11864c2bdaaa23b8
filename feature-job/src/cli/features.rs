//! `feature-job features`.

use std::path::PathBuf;
use std::time::Instant;

use contract::date::Date;
use feature_job::answer;
use feature_job::features::build::{self, FeaturesError};
use feature_job::features::plan::Plan;
use feature_job::quality;

use super::ages::AgesArg;
use super::progress;

/// What `features` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Computes, for every loan known at as-of, what was known of its user then: earlier loans and their mean amount, age, years
on the job, and whether there is a car. Loans after as-of are left out and counted. Columns are found by name; these are
needed: loan_id, id, loan_date, loan_amount, birthday, job_start_date, flag_own_car, status, code_gender,
name_housing_type.

The loans are judged first, as `feature-job validate --help` explains; where they are refused, the exit code is 3 and a feature
file that was there stays. The report is written beside the output, into features.quality for features.parquet.

--view computes the features of another file like contract/feature-view.toml; models are trained and served on the
built-in one. --ages event counts ages from each loan's own day, which suits a look at old loans; a host is served the
ages as of a day, and `publish` takes no other.

--since extends a store by new loans, and gives the bytes that a full run over all the files would have given. Loans that the
store has are left out, so that a file may be passed again; with other values they are refused. Where the store left out loans
after its own as-of and as-of moves on, the files that they stand in are to be passed again.

Examples:
  feature-job features --input loans.csv --out features.parquet
  feature-job features --input loans.csv.gz --as-of 2020-06-30 --out features.parquet
  feature-job features --input 2019.csv 2020.csv.gz --as-of 2021-12-27 --out features.parquet
  feature-job features --input 'loans-*.parquet' --rejects-max-share 0 --out features.parquet
  feature-job features --input loans.csv --view my-view.toml --ages event --out my-features.parquet
  feature-job features --since features.parquet --input new-loans.csv --out features.parquet")]
pub struct Args {
    /// Loan files, CSV, gzipped CSV or Parquet, or patterns such as 'loans-*.csv'; several are read in the order given
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// The day the features are computed for, as YYYY-MM-DD [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// The feature view to compute, a file like contract/feature-view.toml [default: the built-in view]
    #[arg(long, value_name = "FILE")]
    view: Option<PathBuf>,
    /// What ages count from
    #[arg(long, value_enum, default_value_t, value_name = "FROM")]
    ages: AgesArg,
    /// The Parquet file to write; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// An offline store to extend by the loans of --input that it does not have; may be the one that is written
    #[arg(long, value_name = "STORE")]
    since: Option<PathBuf>,
    /// The folder for the report on the loans [default: beside the output, with the ending .quality]
    #[arg(long, value_name = "DIR")]
    quality: Option<PathBuf>,
    /// The largest share of rows that may break a rule
    #[arg(long, default_value_t = quality::REJECTS_MAX_SHARE, value_name = "SHARE")]
    rejects_max_share: f64,
}

impl Args {
    /// Computes the features, and says what was written.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let plan = self.view.as_deref().map_or_else(|| Ok(Plan::credit_risk()), Plan::read)?;
        let spinner = progress::spinner("computing features");
        let options = build::Options {
            plan,
            since: self.since,
            ages: self.ages.into(),
            as_of: self.as_of.unwrap_or_else(Date::today),
            rejects_max_share: self.rejects_max_share,
            quality: self.quality,
        };
        let summary = build::build(&self.input, &options, &self.out);
        spinner.finish_and_clear();
        let build::Summary { manifest, nulls } = summary.map_err(FeaturesError::stop)?;
        let nulls: Vec<_> = nulls.iter().map(|(column, count)| format!("{column} {count}")).collect();
        answer::tell(format_args!(
            "{} of {} at {} ({} left out; nulls: {}) in {:.2} s -> {}",
            answer::counted(manifest.rows, "loan"),
            answer::counted(manifest.entities, "user"),
            manifest.as_of,
            answer::counted(manifest.excluded(), "later loan"),
            if nulls.is_empty() { "none".to_owned() } else { nulls.join(", ") },
            start.elapsed().as_secs_f64(),
            self.out.display()
        ))?;
        Ok(())
    }
}
