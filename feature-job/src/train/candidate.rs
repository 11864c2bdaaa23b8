//! From a judged model to a signed candidate: the card, the component, the proof, the seal.

use std::path::PathBuf;

use contract::card::{ModelCard, Output, Provenance, Training};
use contract::date::Date;
use contract::digest::Digest;
use contract::exact::ExactF64;
use contract::ids::ModelName;
use contract::key::PrivateKey;
use contract::seal::{self, SealError};
use contract::view::FeatureView;

use super::dataset::Dataset;
use super::evaluate::Judged;
use super::golden::golden_vectors;
use super::histogram::histograms;
use super::place::{Place, PlaceError};
use super::proof::{ProofError, prove};
use super::recipe::Recipe;
use super::scoring::{self, ScoringError};
use crate::compile::{self, CompileError, Component, RunError};

/// The decision at the threshold and above it.
const AT_OR_ABOVE: &str = "decline";
/// The decision below the threshold.
const BELOW: &str = "approve";

/// How many versions are tried; as many runs at the same moment are no accident any more.
const ATTEMPTS_MAX: u32 = 16;

/// A candidate as it was written.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it stands.
    pub path: PathBuf,
    /// Its card.
    pub card: ModelCard,
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
    /// The candidate could not be sealed.
    #[error("cannot seal the candidate")]
    Seal(#[from] SealError),
    /// The candidate could not be written.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Makes the component of the first judged model, proves it on all held-out rows and on every user's served row, seals it and writes it to its place.
///
/// # Errors
/// [`CandidateError`]; nothing was written then.
pub fn write(
    recipe: &Recipe,
    model: &ModelName,
    seed: u64,
    dataset: &Dataset,
    judged: &[Judged],
    key: &PrivateKey,
    place: Place,
) -> Result<Candidate, CandidateError> {
    let first = judged.first().expect("a recipe has at least one split");
    let held_out = dataset.sample.rows.select(&first.split.test);
    let component = compile::component(&first.fitted.model)?;
    let mut sandbox = Component::load(&component)?;
    prove(&held_out, &first.scores, |rows| sandbox.score(rows))?;
    let served_scores = scoring::score(&first.fitted.model, &dataset.served)?;
    prove(&dataset.served, &served_scores, |rows| sandbox.score(rows))?;

    let view = FeatureView::credit_risk();
    let mut card = ModelCard {
        model: model.clone(),
        version: place.version,
        task: "binary-classification".to_owned(),
        view: view.clone(),
        output: Output {
            kind: recipe.output(),
            threshold: ExactF64::new(first.fitted.threshold),
            at_or_above: AT_OR_ABOVE.to_owned(),
            below: BELOW.to_owned(),
        },
        training: training(recipe, seed, dataset, first),
        evaluations: judged.iter().map(|judged| judged.evaluation.clone()).collect(),
        importance: Vec::new(),
        quality: None,
        champion: None,
        gates: Vec::new(),
        report: None,
        golden: golden_vectors(view, &first.fitted.model, &held_out, seed)?,
        histograms: histograms(view, &dataset.sample.rows.select(&first.split.train)),
        provenance: Provenance {
            builder: concat!("feature-job ", env!("CARGO_PKG_VERSION")).to_owned(),
            revision: option_env!("COUNTERSIGN_REVISION").map(str::to_owned),
            template: compile::template_digest(),
        },
    };
    let (path, bytes) = fill(&component, &mut card, key, place)?;
    let digest = seal::inspect(&bytes).map_err(SealError::from)?.digest;
    let proven_rows = [first.scores.len(), served_scores.len()].map(|rows| rows as u64);
    Ok(Candidate { path, card, digest, bytes: bytes.len() as u64, proven_rows })
}

/// Seals the component and writes it; where another run took the version meanwhile, this one takes the next.
fn fill(
    component: &[u8],
    card: &mut ModelCard,
    key: &PrivateKey,
    mut place: Place,
) -> Result<(PathBuf, Vec<u8>), CandidateError> {
    let mut attempt = 1;
    loop {
        card.version = place.version;
        let bytes = seal::seal_candidate(component, card, key)?;
        match place.fill(&bytes) {
            Err(PlaceError::Taken(_)) if attempt < ATTEMPTS_MAX => place = place.next(&card.model)?,
            filled => return Ok((filled?, bytes)),
        }
        attempt += 1;
    }
}

fn training(recipe: &Recipe, seed: u64, dataset: &Dataset, first: &Judged) -> Training {
    let day = |days: Option<&i32>| days.and_then(|&days| Date::from_days(days)).unwrap_or(dataset.as_of);
    Training {
        recipe: recipe.name().to_owned(),
        family: recipe.family().to_owned(),
        seed,
        parameters: first.fitted.parameters.clone(),
        data: dataset.digest,
        rows: dataset.sample.rows.len() as u64,
        entities: dataset.sample.entities_count() as u64,
        first_event: day(dataset.sample.days.iter().min()),
        last_event: day(dataset.sample.days.iter().max()),
        as_of: dataset.as_of,
        ages: dataset.ages,
        fitted_rows: first.fitted.rows as u64,
    }
}
