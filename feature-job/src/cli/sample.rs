//! `feature-job sample`.

use std::path::PathBuf;
use std::time::Instant;

use feature_job::answer;
use feature_job::sample;

use super::progress;

/// What `sample` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Invents users and their loans, with the columns and the distributions of the real loan file. The same users and seed give
the same file; a larger sample starts with the users of a smaller one.

Examples:
  feature-job sample --out loans.csv
  feature-job sample --users 100000 --seed 1 --out loans.csv.gz")]
pub struct Args {
    /// How many users to invent
    #[arg(long, default_value_t = sample::USERS_DEFAULT, value_name = "N")]
    users: u64,
    /// Where chance starts
    #[arg(long, default_value_t = sample::SEED_DEFAULT, value_name = "S")]
    seed: u64,
    /// The loan file to write; gzipped if its name ends in .gz, replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Args {
    /// Writes the loan file, and says what it holds.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let bar = progress::bar(self.users, "users");
        let summary = sample::write(self.users, self.seed, &self.out, |users| bar.set_position(users));
        bar.finish_and_clear();
        let sample::Summary { users, loans, late } = summary?;
        answer::tell(format_args!(
            "{} of {}, {late} not paid on time, seed {}, in {:.2} s -> {}",
            answer::counted(loans, "loan"),
            answer::counted(users, "user"),
            self.seed,
            start.elapsed().as_secs_f64(),
            self.out.display()
        ))?;
        Ok(())
    }
}
