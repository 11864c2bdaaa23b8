//! The card of a candidate, but for its version, its gates and its report's digest.

use contract::card::{ModelCard, Output, Provenance, Training};
use contract::date::Date;
use contract::exact::ExactF64;
use contract::ids::{ModelName, ModelVersion};
use contract::view::FeatureView;

use super::champion::Standing;
use super::dataset::Dataset;
use super::evaluate::Judged;
use super::golden::golden_vectors;
use super::histogram::histograms;
use super::importance::importance;
use super::recipe::Recipe;
use super::scoring::ScoringError;
use crate::builder::{BUILDER, revision};
use crate::compile;

/// The decision at the threshold and above it.
const AT_OR_ABOVE: &str = "decline";
/// The decision below the threshold.
const BELOW: &str = "approve";

/// Writes down what is known of the first judged model.
///
/// # Errors
/// [`ScoringError`], when the model does not take its own rows.
pub fn card(
    recipe: &Recipe,
    model: &ModelName,
    seed: u64,
    dataset: &Dataset,
    judged: &[Judged],
    standing: &Standing,
) -> Result<ModelCard, ScoringError> {
    let first = judged.first().expect("a recipe has at least one split");
    let view = FeatureView::credit_risk();
    let held_out = dataset.sample.select(&first.split.test);
    let champion = match standing {
        Standing::Beside(beside) => Some(beside.comparison.clone()),
        Standing::Alone | Standing::Apart { .. } => None,
    };
    Ok(ModelCard {
        model: model.clone(),
        version: ModelVersion::FIRST,
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
        importance: importance(view, &first.fitted.model, &held_out, &first.scores, seed)?,
        quality: dataset.quality.clone(),
        champion,
        gates: Vec::new(),
        report: None,
        golden: golden_vectors(view, &first.fitted.model, &held_out.rows, seed)?,
        histograms: histograms(view, &dataset.sample.rows.select(&first.split.train)),
        provenance: Provenance {
            builder: BUILDER.to_owned(),
            revision: revision(),
            template: compile::template_digest(),
        },
    })
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
