//! Answers about one user: the stored features, and a prediction from them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, Uri};
use contract::card::OutputKind;
use contract::date::Date;
use contract::digest::Digest;
use contract::ids::{EntityId, ModelName, ModelVersion};
use contract::record::FeatureRecord;
use contract::view::FeatureView;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::models::{Live, ScoreFault};
use super::problem::Problem;
use super::{App, json_response};
use crate::registry::Role;

#[derive(Serialize)]
struct Features<'a> {
    user_id: EntityId,
    event_time: Date,
    as_of: Date,
    view: View<'a>,
    features: Row<'a>,
}

#[derive(Serialize)]
struct View<'a> {
    name: &'a ModelName,
    digest: Digest,
}

#[derive(Serialize)]
struct Prediction<'a> {
    user_id: EntityId,
    event_time: Date,
    as_of: Date,
    probability: f64,
    output: OutputKind,
    decision: &'a str,
    threshold: f64,
    features: Row<'a>,
    model: Model<'a>,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a ModelName,
    version: ModelVersion,
    digest: Digest,
    /// Whether this version answers everyone or, as a canary, a share of the users.
    role: Role,
}

/// A row as a JSON object, in the view's order: a map of `serde_json` would sort it by name.
struct Row<'a> {
    view: &'a FeatureView,
    values: &'a [f64],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (feature, &value) in self.view.features.iter().zip(self.values) {
            map.serialize_entry(feature.name.as_str(), &feature.json(value))?;
        }
        map.end()
    }
}

/// Answers `GET /v1/users/{id}/features`.
pub async fn features(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let record = stored(&app, id)?;
    Ok(json_response(&Features {
        user_id: record.entity,
        event_time: record.event_time,
        as_of: record.as_of,
        view: View { name: &app.view.name, digest: app.view_digest },
        features: Row { view: app.view, values: &record.values },
    }))
}

/// Answers `GET /v1/users/{id}/prediction`, with `?model=` or by the default model.
pub async fn prediction(
    State(app): State<Arc<App>>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let name = model_named(uri.query())?;
    let record = stored(&app, id)?;
    // The one snapshot of the model: whatever goes live from here on, this request keeps it.
    let live = live(&app, name, record.entity)?;
    let card = live.card();
    // On this worker: a row takes microseconds, handing it to another thread would take longer.
    let probability = one_score(&*live, &record.values)?;
    Ok(json_response(&Prediction {
        user_id: record.entity,
        event_time: record.event_time,
        as_of: record.as_of,
        probability,
        output: card.output.kind,
        decision: card.output.decide(probability),
        threshold: card.output.threshold.get(),
        features: Row { view: app.view, values: &record.values },
        model: Model { name: &card.model, version: card.version, digest: live.digest(), role: live.role() },
    }))
}

fn stored(app: &App, id: Result<Path<String>, PathRejection>) -> Result<FeatureRecord, Problem> {
    let Path(id) = id.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    let id: EntityId = id.parse()?;
    let record = app.store.get(id)?.ok_or(Problem::UnknownUser(id))?;
    // A row means what its reader takes it to mean only if both follow one view. The width is compared too: the digest
    // says nothing of a row that was written faultily.
    if record.view == app.view_digest && record.values.len() == app.view.width() {
        Ok(record)
    } else {
        Err(Problem::ViewMismatch { record: record.view, wanted: app.view_digest })
    }
}

fn live(app: &App, name: Option<ModelName>, user: EntityId) -> Result<Arc<dyn Live>, Problem> {
    let Some(name) = name else {
        return app.models.live_default(user).ok_or_else(|| no_default(app));
    };
    let absent = || match app.models.show(&name) {
        Some(status) => Problem::NoLiveModel(status.unavailable),
        None => Problem::UnknownModel(name.clone()),
    };
    app.models.live(&name, user).ok_or_else(absent)
}

/// Says why no model answers a request that names none.
fn no_default(app: &App) -> Problem {
    if app.models.ready().is_ok() {
        return Problem::ModelNeeded;
    }
    // Of several models each may have its own reason; /v1/models tells them apart.
    let mut reasons = app.models.list().into_iter().filter_map(|model| model.unavailable);
    match (reasons.next(), reasons.next()) {
        (only, None) => Problem::NoLiveModel(only),
        _ => Problem::NoLiveModel(None),
    }
}

fn one_score(live: &dyn Live, row: &[f64]) -> Result<f64, ScoreFault> {
    match live.score(row)?[..] {
        [score] if score.is_finite() => Ok(score),
        ref scores => Err(ScoreFault { code: "output", detail: format!("one row got the scores {scores:?}") }),
    }
}

/// Reads `model=NAME`, the only parameter there is. A name needs no percent sign, so none is decoded.
fn model_named(query: Option<&str>) -> Result<Option<ModelName>, Problem> {
    match query {
        None | Some("") => Ok(None),
        Some(query) => match query.strip_prefix("model=") {
            Some(name) => Ok(Some(name.parse()?)),
            None => Err(Problem::BadRequest("the only parameter here is `model`".to_owned())),
        },
    }
}
