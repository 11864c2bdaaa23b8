//! What a request needs of the models, and the routes that show them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Response;
use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::ModelName;
use serde::Serialize;

use super::problem::Problem;
use super::{App, json_response};
use crate::registry::{ModelStatus, VersionStatus};

/// The models as requests see them: the registry, or a test's own.
pub trait Models: Send + Sync {
    /// Gives the version of a model that is live at this moment.
    fn live(&self, name: &ModelName) -> Option<Arc<dyn Live>>;
    /// Gives the live version of the model that answers where a request names none.
    fn live_default(&self) -> Option<Arc<dyn Live>>;
    /// Gives all models with their versions, for people.
    fn list(&self) -> Vec<ModelStatus>;
    /// Gives one model with its versions, or none if nothing of that name was ever seen.
    fn show(&self, name: &ModelName) -> Option<ModelStatus>;
    /// Gives the refused files whose name suggests no model.
    fn unnamed(&self) -> Vec<VersionStatus>;
    /// Tells whether predictions can be served, or why not.
    ///
    /// # Errors
    /// The reasons, each a sentence for an operator.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Gives what was counted, for the metrics page.
    fn figures(&self) -> ModelFigures;
}

/// One version that serves; a request holds it from entry to end, whatever goes live meanwhile. It reads the view that
/// the host serves: a model of another view does not go live.
pub trait Live: Send + Sync {
    /// Gives the model's card.
    fn card(&self) -> &ModelCard;
    /// Gives the module's digest.
    fn digest(&self) -> Digest;
    /// Scores rows of the view's width.
    ///
    /// # Errors
    /// [`ScoreFault`], when the guest misbehaves or refuses.
    fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreFault>;
}

/// Why a live model did not score a row.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail} ({code})")]
pub struct ScoreFault {
    /// The engine's stable code.
    pub code: &'static str,
    /// What happened.
    pub detail: String,
}

/// What the registry and the engine counted.
#[derive(Debug, Clone, Default)]
pub struct ModelFigures {
    /// The live versions, as (model, version, digest).
    pub live: Vec<(String, u64, String)>,
    /// How often a version went live.
    pub swaps: u64,
    /// How often a file was refused, by the reason's code.
    pub rejections: Vec<(&'static str, u64)>,
    /// Calls into models.
    pub calls: u64,
    /// Rows of those calls.
    pub rows: u64,
    /// Instances made for them.
    pub instances_created: u64,
    /// Calls that gave no scores, by kind, such as `trap` or `deadline`.
    pub failures: Vec<(&'static str, u64)>,
    /// Warm instances that wait for a call, by model.
    pub instances_idle: Vec<(String, u64)>,
}

#[derive(Serialize)]
struct List {
    models: Vec<ModelStatus>,
    /// Files refused under a name that suggests no model.
    refused_files: Vec<VersionStatus>,
}

/// Answers `GET /v1/models`.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    json_response(&List { models: app.models.list(), refused_files: app.models.unnamed() })
}

/// Answers `GET /v1/models/{name}`.
pub async fn show(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let Path(name) = name.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    let name: ModelName = name.parse()?;
    match app.models.show(&name) {
        Some(model) => Ok(json_response(&model)),
        None => Err(Problem::UnknownModel(name)),
    }
}
