//! From a judged model to a signed candidate: the component, the proof, the comparison, the gates, the report, the seal.

use std::path::PathBuf;

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::ModelName;
use contract::key::PrivateKey;
use contract::seal::{self, SealError};

use super::card::card;
use super::champion::{self, Standing};
use super::dataset::Dataset;
use super::demands::Demands;
use super::evaluate::Judged;
use super::leak::leaked_rows_share;
use super::place::{Place, PlaceError};
use super::proof::{ProofError, prove};
use super::recipe::Recipe;
use super::rows::{Rows, Sample};
use super::scoring::{self, ScoringError};
use crate::compile::{self, CompileError, Component, RunError};
use crate::drift;
use crate::gates::{self, Against, Findings};
use crate::offline::Table;
use crate::report::{self, PlotError};

/// How many versions are tried; as many runs at the same moment are no accident any more.
const ATTEMPTS_MAX: u32 = 16;
/// Rows that the cost of a row is measured on.
const COST_ROWS: usize = 256;

/// What a candidate is made by, held against and written to.
pub struct Order<'a> {
    /// The recipe it was fitted by.
    pub recipe: &'a Recipe,
    /// The model's name.
    pub model: &'a ModelName,
    /// The seed of everything random.
    pub seed: u64,
    /// The job's key.
    pub key: &'a PrivateKey,
    /// The gates and the champion.
    pub demands: &'a Demands,
    /// Where it goes.
    pub place: Place,
}

/// A candidate as it was written.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it stands.
    pub path: PathBuf,
    /// Where its report stands.
    pub report: PathBuf,
    /// Its card.
    pub card: ModelCard,
    /// How it stands beside the champion.
    pub standing: Standing,
    /// Its module digest, which an approval names.
    pub digest: Digest,
    /// The size of the whole file.
    pub bytes: u64,
    /// Rows for which component and model gave the same bits: held-out ones, and users' served ones.
    pub proven_rows: [u64; 2],
}

/// Why no candidate was written.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// The model gives no golden vectors.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// The component could not be made.
    #[error("cannot make a component of the model")]
    Compile(#[from] CompileError),
    /// The component does not load.
    #[error("cannot run the component of the model")]
    Run(#[from] RunError),
    /// The component is not the model.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The report could not be drawn.
    #[error("cannot draw the report")]
    Report(#[from] PlotError),
    /// The candidate could not be sealed.
    #[error("cannot seal the candidate")]
    Seal(#[from] SealError),
    /// The candidate could not be written.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Makes the component of the first judged model, proves it on all held-out rows and on every user's served row, compares it
/// with the champion, holds it against the gates, and writes it with its report to its place.
///
/// # Errors
/// [`CandidateError`]; nothing was written then. A gate that was not passed is no error: it stands in the card.
pub fn write(
    order: Order<'_>,
    table: &Table,
    dataset: &Dataset,
    judged: &[Judged],
) -> Result<Candidate, CandidateError> {
    let first = judged.first().expect("a recipe has at least one split");
    let held_out = dataset.sample.select(&first.split.test);
    let component = compile::component(&first.fitted.model)?;
    let mut sandbox = Component::load(&component)?;
    prove(&held_out.rows, &first.scores, |rows| sandbox.score(rows))?;
    let served_scores = scoring::score(&first.fitted.model, &dataset.served)?;
    prove(&dataset.served, &served_scores, |rows| sandbox.score(rows))?;

    let standing = champion::compare(order.demands.champion.as_ref(), table, dataset, first, order.seed);
    let mut card = card(order.recipe, order.model, order.seed, dataset, judged, &standing)?;
    card.gates = gates::judge(
        &order.demands.bounds,
        &Findings {
            evaluation: &first.evaluation,
            leaked_rows_share: leaked_rows_share(&dataset.sample, &first.split),
            against: against(&standing),
            module_bytes: component.len() as u64,
            instructions_per_row: cost(&component, &held_out.rows)?,
        },
    );
    let judged = Shown { standing: &standing, held_out: &held_out, scores: &first.scores };
    let written = fill(&component, card, &judged, order.key, order.place)?;
    let digest = seal::inspect(&written.module).map_err(SealError::from)?.digest;
    let proven_rows = [first.scores.len(), served_scores.len()].map(|rows| rows as u64);
    let Written { path, report, card, module } = written;
    Ok(Candidate { path, report, card, standing, digest, bytes: module.len() as u64, proven_rows })
}

fn against(standing: &Standing) -> Against<'_> {
    match standing {
        Standing::Alone => Against::Nobody,
        Standing::Apart { .. } => Against::Unknown,
        Standing::Beside(beside) => Against::Champion {
            differences: &beside.comparison.differences,
            drift: drift::furthest(&beside.drifts).map(|drift| drift.index),
        },
    }
}

/// Measures what a row costs, on some rows spread evenly over the held-out ones.
fn cost(component: &[u8], held_out: &Rows) -> Result<f64, RunError> {
    let count = COST_ROWS.min(held_out.len());
    let places: Vec<usize> = (0..count).map(|row| row * held_out.len() / count).collect();
    Component::instructions_per_row(component, held_out.select(&places).values(), held_out.width())
}

/// What the report shows beside the card.
struct Shown<'a> {
    standing: &'a Standing,
    held_out: &'a Sample,
    scores: &'a [f64],
}

/// What was written.
struct Written {
    path: PathBuf,
    report: PathBuf,
    card: ModelCard,
    module: Vec<u8>,
}

/// Draws the report, seals the component and writes both; where another run took the version meanwhile, this one takes the
/// next. The report names the version, so it is drawn anew for each.
fn fill(
    component: &[u8],
    mut card: ModelCard,
    shown: &Shown<'_>,
    key: &PrivateKey,
    mut place: Place,
) -> Result<Written, CandidateError> {
    let mut attempt = 1;
    loop {
        card.version = place.version;
        let report = report::render(&report::Facts {
            card: &card,
            standing: shown.standing,
            scores: shown.scores,
            labels: &shown.held_out.labels,
        })?;
        card.report = Some(Digest::of(report.as_bytes()));
        let module = seal::seal_candidate(component, &card, key)?;
        match place.fill(&module, &report) {
            Err(PlaceError::Taken(_)) if attempt < ATTEMPTS_MAX => place = place.next(&card.model)?,
            filled => {
                let (path, report) = filled?;
                return Ok(Written { path, report, card, module });
            }
        }
        attempt += 1;
    }
}
