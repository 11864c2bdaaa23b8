//! `feature-job publish`.

use std::path::PathBuf;
use std::time::Instant;

use feature_job::answer;
use feature_job::offline::Table;
use feature_job::publish::{self, Host};

use super::progress;

/// What `publish` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sends the features of each user's most recent loan, with ages at as-of, to POST /v1/features of a host. A batch that the
host cannot take just now (no connection, 503, 429) is sent again, after a growing pause; sending twice changes nothing,
since an equal record overwrites itself. Records that are older than the host's count as stale.

Examples:
  feature-job publish --features features.parquet --to http://127.0.0.1:8080
  feature-job publish --features features.parquet --to http://127.0.0.1:8080 --batch 200")]
pub struct Args {
    /// The offline store, from `feature-job features`
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// The host's address
    #[arg(long, value_name = "URL")]
    to: Host,
    /// How many records to send at a time
    #[arg(long, default_value_t = publish::BATCH_RECORDS_DEFAULT, value_name = "N")]
    batch: usize,
}

impl Args {
    /// Publishes, and says how many records the host took.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let table = Table::read(&self.features)?;
        let bar = progress::bar(table.latest().len() as u64, "users");
        let summary = publish::publish(&table, &self.to, self.batch, |users| bar.set_position(users));
        bar.finish_and_clear();
        let publish::Summary { users, stale } = summary?;
        answer::tell(format_args!(
            "{} published at {}, {stale} of them stale (the host has newer), in {:.2} s -> {}",
            answer::counted(users, "user"),
            table.as_of,
            start.elapsed().as_secs_f64(),
            self.to
        ))?;
        if let Some(&row) = table.latest().first() {
            answer::tell(format_args!("the first user {}: {}/v1/users/{0}/features", table.ids[row], self.to))?;
        }
        Ok(())
    }
}
