//! `retrain`: training for a scheduler, which trains only if it is time, and says why.

pub mod due;

use std::path::PathBuf;

use crate::answer;
use crate::exit::{Code, Stop};
use crate::offline::Table;
use crate::train::pipeline::{self, LoanArgs};
use crate::train::{HowArgs, prepare, train_and_tell};
use due::DueArgs;

/// What `retrain` is asked.
#[derive(Debug, clap::Args)]
// What `run` needs is only needed here where there is no feature file.
#[command(mut_arg("input", |input| input.required(false)), mut_arg("features_out", |out| out.required(false)))]
#[command(after_help = "\
Holds new features against the newest approved version of the model: how many days older its features were, how many loans are
later than all that it knew, and how far its features have moved since. It says what it found, and trains if one of them has
reached its bound, or if no version is approved yet. Without --if-due it says the same and trains in any case.

Exit codes: 0 trained, and every gate passed; 4 trained, but a gate failed; 5 not due, nothing was trained; 3 the loan data was
refused; 1 failed; 2 wrong arguments.

Examples:
  feature-job retrain --if-due --features features.parquet --recipe boosted --model credit-risk --key job.pem \\
    --out modules/candidates
  feature-job retrain --if-due --input loans.csv --as-of 2022-01-31 --features-out features.parquet --recipe boosted \\
    --model credit-risk --key job.pem --out modules/candidates --due-days 7 --due-drift 0.1")]
pub struct RetrainArgs {
    /// Train only if it is time
    #[arg(long)]
    pub if_due: bool,
    /// The feature file, as `feature-job features` writes it
    #[arg(long, value_name = "FILE", required_unless_present = "input", conflicts_with = "input")]
    pub features: Option<PathBuf>,
    /// The loans to compute the features from, instead of a feature file
    #[command(flatten)]
    pub loans: Option<LoanArgs>,
    /// When it is time
    #[command(flatten)]
    pub due: DueArgs,
    /// How to train, and where to
    #[command(flatten)]
    pub how: HowArgs,
}

impl RetrainArgs {
    /// Decides, says why, and trains if it is time.
    ///
    /// # Errors
    /// Whatever kept the candidate from being written, with what to do about it; a [`Stop`] where nothing was due, where the
    /// loan data was refused, or where a gate was not passed.
    pub fn run(self) -> anyhow::Result<()> {
        self.due.check()?;
        let prepared = match &self.loans {
            Some(loans) => pipeline::prepare(loans, &self.how)?,
            None => prepare(&self.how)?,
        };
        let features = match (&self.loans, self.features) {
            (Some(loans), _) => pipeline::features(loans)?,
            (None, Some(features)) => features,
            (None, None) => anyhow::bail!("name a feature file with --features, or loan files with --input"),
        };
        let newest = prepared.demands.champion.as_ref().map(|champion| &champion.card);
        let decision = self.due.decide(newest, &Table::read(&features)?);
        let against = newest.map_or_else(|| self.how.model.to_string(), |card| format!("held against {}", card.name()));
        answer::tell(format_args!("{against}: {decision}\n"))?;
        if self.if_due && !decision.is_due() {
            let said = format!("nothing was trained: {} is not due", self.how.model);
            return Err(Stop { code: Code::NotDue, said }.into());
        }
        train_and_tell(&features, &self.how, prepared)
    }
}
