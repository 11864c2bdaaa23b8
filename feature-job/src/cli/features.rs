//! `feature-job features`.

use std::path::PathBuf;
use std::time::Instant;

use contract::date::Date;
use feature_job::answer;
use feature_job::features::build;
use feature_job::features::plan::Plan;

use super::ages::AgesArg;
use super::progress;

/// What `features` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Computes, for every loan known at as-of, what was known of its user then: earlier loans and their mean amount, age, years
on the job, and whether there is a car. Loans after as-of are left out and counted. Columns are found by name; these are
needed: loan_id, id, loan_date, loan_amount, birthday, job_start_date, flag_own_car, status, code_gender,
name_housing_type. A value that breaks a rule fails the run, with its column, line and loan, and nothing is written.

--view computes the features of another file like contract/feature-view.toml; models are trained and served on the
built-in one. --ages event counts ages from each loan's own day, which suits a look at old loans; a host is served the
ages as of a day, and `publish` takes no other.

Examples:
  feature-job features --input loans.csv --out features.parquet
  feature-job features --input loans.csv.gz --as-of 2020-06-30 --out features.parquet
  feature-job features --input 2019.csv 2020.csv.gz --as-of 2021-12-27 --out features.parquet
  feature-job features --input loans.csv --view my-view.toml --ages event --out my-features.parquet")]
pub struct Args {
    /// Loan files, CSV or gzipped CSV; several are read in the order given
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
}

impl Args {
    /// Computes the features, and says what was written.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let spinner = progress::spinner("computing features");
        let summary = self.options().and_then(|options| Ok(build::build(&self.input, &options, &self.out)?));
        spinner.finish_and_clear();
        let build::Summary { manifest, nulls } = summary?;
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
    fn options(&self) -> anyhow::Result<build::Options> {
        let plan = self.view.as_deref().map_or_else(|| Ok(Plan::credit_risk()), Plan::read)?;
        Ok(build::Options { plan, as_of: self.as_of.unwrap_or_else(Date::today), ages: self.ages.into() })
    }
}
