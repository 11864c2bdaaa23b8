//! `feature-job retrieve`.

use std::path::PathBuf;
use std::time::Instant;

use feature_job::answer;
use feature_job::retrieve;

use super::ages::AgesArg;
use super::progress;

/// What `retrieve` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Gives, for each user and time of a list, the features as they were known then: those of the user's most recent loan on or
before that day; a loan of the very day counts as known. The list is CSV or Parquet, with the user in a column user_id or
id, and the time in a column time, event_time or timestamp: a day (2020-06-30), or a time (2020-06-30T12:00:00Z), which
counts as its day in UTC. Its other columns are carried through, its order is kept. The answer adds loan_date, the day of
the loan found, and the features of the store's view; all null where the user is unknown or had no loan yet. status is
the label of a loan and never retrieved: bring your own labels in a column of the list.

Ages count to the day asked for, as a host would have served them; --ages event counts them to the loan's own day.

Examples:
  feature-job retrieve --entities spine.csv --features features.parquet --out training.parquet
  feature-job retrieve --entities spine.parquet --features features.parquet --ages event --out training.csv")]
pub struct Args {
    /// The users and times, CSV or Parquet
    #[arg(long, value_name = "FILE")]
    entities: PathBuf,
    /// The offline store, from `feature-job features`
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// What ages count from
    #[arg(long, value_enum, default_value_t, value_name = "FROM")]
    ages: AgesArg,
    /// The file to write, Parquet or CSV by its ending; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Args {
    /// Retrieves, and says what was found.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let spinner = progress::spinner("retrieving features");
        let summary = retrieve::retrieve(&self.entities, &self.features, &self.out, self.ages.into());
        spinner.finish_and_clear();
        let retrieve::Summary { rows, missing, beyond, as_of } = summary?;
        answer::tell(format_args!(
            "{} ({missing} without a loan until then) in {:.2} s -> {}",
            answer::counted(rows, "row"),
            start.elapsed().as_secs_f64(),
            self.out.display()
        ))?;
        if beyond > 0 {
            answer::tell(format_args!(
                "{beyond} of the times lie after {as_of}, the day of the store, which knows no loan since"
            ))?;
        }
        Ok(())
    }
}
