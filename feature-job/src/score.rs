//! `score`: scores of whole offline stores, through the component that a host would run.
//!
//! # Shape
//! A Parquet file: `id` i64, `loan_id` i64, `loan_date` date, `score` f64, `decision` str; one row per user (the latest loan, what a host
//! serves) or, with `--all`, one per loan, in the order of the store. Ages count from as-of, as in what is served.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use contract::card::ModelCard;
use contract::digest::Digest;
use contract::seal;
use contract::view::FeatureView;
use polars::prelude::*;

use crate::answer;
use crate::atomic::{self, AtomicError};
use crate::compile::{Component, RunError};
use crate::offline::Table;

/// What `score` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scores features through a module, in the same sandbox and to the same bits as a host. The module's structure and hashes are
checked, its signatures are not: batch scores decide nothing by themselves, and a candidate is scored before it is
approved. `countersign verify` says whether a module may serve.

Examples:
  feature-job score --module modules/candidates/credit-risk-1.wasm --features features.parquet --out scores.parquet
  feature-job score --module modules/approved/credit-risk-1.wasm --features features.parquet --out scores.parquet --all")]
pub struct ScoreArgs {
    /// The module: a candidate, or an approved one
    #[arg(long, value_name = "FILE")]
    pub module: PathBuf,
    /// The feature file, as `feature-job features` writes it
    #[arg(long, value_name = "FILE")]
    pub features: PathBuf,
    /// The Parquet file to write; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Score every loan, and not only every user's latest; ages count from the store's as-of, not from each loan's day
    #[arg(long)]
    pub all: bool,
}

/// Why nothing was scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The module was made for another feature view.
    #[error(
        "the module reads feature view {found}, the features follow {wanted}: score it with features of its own view"
    )]
    View {
        /// The module's view.
        found: Digest,
        /// The view of the features.
        wanted: Digest,
    },
    /// The component did not answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The component gave more or fewer scores than rows.
    #[error("the component gave {found} scores for {wanted} rows")]
    Count {
        /// Scores given.
        found: usize,
        /// Rows asked for.
        wanted: usize,
    },
    /// The component gave a score that is no number.
    #[error("the component's score for user {id} is {score}, no finite number")]
    NotFinite {
        /// The user.
        id: i64,
        /// The score.
        score: f64,
    },
    /// The scores could not be written.
    #[error(transparent)]
    File(#[from] AtomicError),
    /// The scores could not be encoded.
    #[error("cannot encode the scores")]
    Encode(#[from] PolarsError),
}

impl ScoreArgs {
    /// Scores, and says what was written.
    ///
    /// # Errors
    /// Whatever kept the scores from being written, with what to do about it.
    pub fn run(self) -> anyhow::Result<()> {
        atomic::ready(&self.out, &[&self.module, &self.features])?;
        let module = std::fs::read(&self.module).with_context(|| {
            format!("cannot read {}: name a module, as `feature-job train` writes it", self.module.display())
        })?;
        let inspected =
            seal::inspect(&module).with_context(|| format!("{} is no module file", self.module.display()))?;
        let table = Table::read(&self.features)?;
        let places = if self.all { (0..table.len()).collect() } else { table.latest() };
        let scores = score(&module, &inspected.card, &table, &places)?;
        write(&self.out, &inspected.card, &table, &places, &scores)?;
        let declined = scores.iter().filter(|&&score| score >= inspected.card.output.threshold.get()).count();
        answer::tell(format_args!(
            "{} ({}) scored {} rows, {declined} of them `{}` -> {}",
            inspected.card.name(),
            inspected.digest,
            scores.len(),
            inspected.card.output.at_or_above.escape_default(),
            self.out.display()
        ))?;
        Ok(())
    }
}

/// Scores rows of a store through a module's component.
///
/// # Errors
/// [`ScoreError`], when the module is for another view, or does not answer for every row.
pub fn score(module: &[u8], card: &ModelCard, table: &Table, places: &[usize]) -> Result<Vec<f64>, ScoreError> {
    let (found, wanted) = (card.view.digest(), FeatureView::credit_risk().digest());
    if found != wanted {
        return Err(ScoreError::View { found, wanted });
    }
    let width = card.view.width();
    let all = table.rows(card.view.ages);
    let rows: Vec<f64> = places.iter().flat_map(|&place| &all[place * width..(place + 1) * width]).copied().collect();
    let scores = Component::load(module)?.score_all(&rows, width)?;
    if scores.len() != places.len() {
        return Err(ScoreError::Count { found: scores.len(), wanted: places.len() });
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(row) => Err(ScoreError::NotFinite { id: table.ids[places[row]], score: scores[row] }),
        None => Ok(scores),
    }
}

fn write(out: &Path, card: &ModelCard, table: &Table, places: &[usize], scores: &[f64]) -> Result<(), ScoreError> {
    let ids: Vec<i64> = places.iter().map(|&place| table.ids[place]).collect();
    let loans: Vec<i64> = places.iter().map(|&place| table.loan_ids[place]).collect();
    let days: Vec<i32> = places.iter().map(|&place| table.event_days[place]).collect();
    let decisions: Vec<&str> = scores.iter().map(|&score| card.output.decide(score)).collect();
    let mut frame = DataFrame::new(
        places.len(),
        vec![
            Series::new("id".into(), ids).into(),
            Series::new("loan_id".into(), loans).into(),
            Series::new("loan_date".into(), days).cast(&DataType::Date)?.into(),
            Series::new("score".into(), scores).into(),
            Series::new("decision".into(), decisions).into(),
        ],
    )?;
    atomic::write(out, |file| {
        ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None)).finish(&mut frame)?;
        Ok(())
    })
}
