//! `feature-job publish`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use contract::token::Token;
use feature_job::answer;
use feature_job::publish::{self, Host, Options};

use super::progress::Counter;

/// What `publish` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sends the features of each user's most recent loan, with ages at as-of, to POST /v1/features of a host. A batch that the
host cannot take just now (no connection, 503, 429, 408, or a gateway's 502 and 504) is sent again, after a growing pause,
for as long as --patience says; sending twice changes nothing, since an equal record overwrites itself. Records that are
older than the host's count as stale.

How far it came stands in FILE.publish.json while it runs. A run that was cut off leaves that file, and the next run of the
same store to the same host goes on from there, once the host shows that it still has what it took; --restart sends
everything instead.

Examples:
  feature-job publish --features features.parquet --to http://127.0.0.1:8080 --token-file ingest.token
  feature-job publish --features features.parquet --to http://127.0.0.1:8080 --batch 200 --patience 600")]
pub struct Args {
    /// The offline store, from `feature-job features`
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// The host's address
    #[arg(long, value_name = "URL")]
    to: Host,
    /// File with a token of the host's, with the role ingest; - is standard input [default: what COUNTERSIGN_TOKEN holds]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How many records to send at a time
    #[arg(long, default_value_t = publish::BATCH_RECORDS_DEFAULT, value_name = "N")]
    batch: usize,
    /// How long to wait for a host that is gone or busy
    #[arg(long, default_value_t = publish::PATIENCE_DEFAULT.as_secs(), value_name = "SECONDS")]
    patience: u64,
    /// Send everything, also what an earlier run that was cut off has sent
    #[arg(long)]
    restart: bool,
}

impl Args {
    /// Publishes, and says how many records the host took.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let Self { features, to, token_file, batch: batch_records, patience, restart } = self;
        let token = Token::of_client(token_file.as_deref())?;
        let options = Options { token, batch_records, patience: Duration::from_secs(patience), restart };
        let mut counter = Counter::new("users");
        let summary = publish::publish(&features, &to, &options, |done, all| counter.tell(done, all));
        counter.finish();
        let publish::Summary { users, stale, resumed, as_of, first } = summary?;
        answer::tell(format_args!(
            "{} published at {as_of}, {stale} of them stale (the host has newer), {resumed} of them by an earlier run, \
             in {:.2} s -> {to}",
            answer::counted(users, "user"),
            start.elapsed().as_secs_f64(),
        ))?;
        if let Some(user) = first {
            answer::tell(format_args!("the first user {user}: {to}/v1/users/{user}/features"))?;
        }
        Ok(())
    }
}
