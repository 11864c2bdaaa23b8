//! What a request needs of the models, and the routes that show them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Response;
use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::{EntityId, ModelName, ModelVersion};
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{App, json_response};
use crate::mirror::MirrorFigures;
use crate::registry::{ModelStatus, Order, OrderRefused, Role, ShadowFigures, VersionStatus};

/// The models as requests see them: the registry, or a test's own.
pub trait Models: Send + Sync {
    /// Gives where requests for a model go at this moment; without a name, for the model that answers where none is named.
    fn route(&self, name: Option<&ModelName>) -> Option<Arc<dyn Routed>>;
    /// Asks for an operator's order to be carried out; the answer comes when it has been, or never where the registry ends.
    fn order(&self, name: &ModelName, order: Order) -> oneshot::Receiver<Result<(), OrderRefused>>;
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
    /// Gives what an operator should look at, each a sentence.
    fn warnings(&self) -> Vec<String>;
    /// Gives what was counted, for the metrics page.
    fn figures(&self) -> ModelFigures;
}

/// The versions of one model that answer, as of one moment; a request holds it from entry to end.
pub trait Routed: Send + Sync {
    /// Gives the version that answers a user, or without one the live version.
    fn live(&self, user: Option<EntityId>) -> Arc<dyn Live>;
    /// Gives a version by its number, where it is ready to answer.
    fn version(&self, version: ModelVersion) -> Option<Arc<dyn Live>>;
}

/// One version that serves; a request holds it from entry to end, whatever goes live meanwhile. It reads the view that
/// the host serves: a model of another view does not go live.
pub trait Live: Send + Sync {
    /// Gives the model's card.
    fn card(&self) -> &ModelCard;
    /// Gives the module's digest.
    fn digest(&self) -> Digest;
    /// Gives the role in which it answers.
    fn role(&self) -> Role;
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
    /// How often a version went live, or was taken down.
    pub swaps: u64,
    /// Time spent so far on judging files, by phase.
    pub load_phases: Vec<(&'static str, Duration)>,
    /// How many versions were compiled and proven.
    pub proven: u64,
    /// How often a version was taken out of service since it failed.
    pub withdrawals: u64,
    /// Calls into each compiled version, as (model, version, calls, failures).
    pub version_calls: Vec<(String, u64, u64, u64)>,
    /// How the shadow of each model compares.
    pub shadows: Vec<(String, ShadowFigures)>,
    /// What the copying from an object store counts, where modules come from one.
    pub mirror: Option<Arc<MirrorFigures>>,
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

/// All models.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelList)]
pub struct List {
    models: Vec<ModelStatus>,
    /// What an operator should look at.
    warnings: Vec<String>,
    /// Files refused under a name that suggests no model.
    refused_files: Vec<VersionStatus>,
}

/// Answers `GET /v1/models`.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    let (models, warnings, refused_files) = (app.models.list(), app.models.warnings(), app.models.unnamed());
    json_response(&List { models, warnings, refused_files })
}

/// Answers `GET /v1/models/{name}`.
pub async fn show(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    status(&app, named(name)?)
}

/// Reads a model's name from the path.
pub(super) fn named(name: Result<Path<String>, PathRejection>) -> Result<ModelName, Problem> {
    let Path(name) = name.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    Ok(name.parse()?)
}

/// Answers with all that is known of a model.
pub(super) fn status(app: &App, name: ModelName) -> Result<Response<Body>, Problem> {
    match app.models.show(&name) {
        Some(model) => Ok(json_response(&model)),
        None => Err(Problem::UnknownModel(name)),
    }
}
