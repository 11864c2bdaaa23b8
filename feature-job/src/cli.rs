//! The command line: one verb a module, each with its arguments and its `run`.

mod ages;
mod features;
pub mod log;
mod progress;
mod publish;
mod retrieve;
mod sample;
mod validate;

use clap::{Parser, Subcommand};

use feature_job::predictions::PredictionsArgs;
use feature_job::retrain::RetrainArgs;
use feature_job::score::ScoreArgs;
use feature_job::train::TrainArgs;
use feature_job::train::pipeline::RunArgs;

/// Turns loans into features, and features into models.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "Turns loan files into features, features into models, and models into signed components",
    after_help = "\
The way, from nothing to a host that serves features:
  feature-job sample --out loans.csv
  feature-job validate --input loans.csv --out quality
  feature-job features --input loans.csv --as-of 2021-12-27 --out features.parquet
  countersign keygen --role job --out job.pem --modules modules
  feature-job train --features features.parquet --recipe forest --model credit-risk --key job.pem \\
      --out modules/candidates
  feature-job publish --features features.parquet --to http://127.0.0.1:8080

`feature-job VERB --help` explains a verb, with examples.
Exit codes: 0 done; 1 failed (the last line on stderr says why); 2 wrong arguments; 3 the loan data was refused;
4 the candidate was written, but a gate failed; 5 nothing was to be done."
)]
pub struct Arguments {
    /// Log more, to stderr; `RUST_LOG` sets it finer
    #[arg(short, long, global = true, display_order = 100)]
    pub verbose: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a loan file of invented users
    Sample(sample::Args),
    /// Judge loan files, and write a report
    Validate(validate::Args),
    /// Compute the features of loan files into an offline store
    Features(features::Args),
    /// Send every user's latest features to a host
    Publish(publish::Args),
    /// Get features as they were known at given times
    Retrieve(retrieve::Args),
    /// Train a model and write it as a signed candidate
    Train(TrainArgs),
    /// Compute features and train on them, in one go
    Run(RunArgs),
    /// Train if it is time, for a scheduler to call
    Retrain(RetrainArgs),
    /// Score an offline store through a module
    Score(ScoreArgs),
    /// Turn the predictions that a host logged into a Parquet file
    Predictions(PredictionsArgs),
}

impl Command {
    /// Does it.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Sample(args) => args.run(),
            Self::Validate(args) => args.run(),
            Self::Features(args) => args.run(),
            Self::Publish(args) => args.run(),
            Self::Retrieve(args) => args.run(),
            Self::Train(args) => args.run(),
            Self::Run(args) => args.run(),
            Self::Retrain(args) => args.run(),
            Self::Score(args) => args.run(),
            Self::Predictions(args) => args.run(),
        }
    }
}
