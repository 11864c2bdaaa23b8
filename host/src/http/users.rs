//! Answers about one user: the stored features, and a prediction from them.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, Uri};
use contract::card::OutputKind;
use contract::date::Date;
use contract::digest::Digest;
use contract::ids::{EntityId, ModelName};
use serde::Serialize;
use utoipa::ToSchema;

use super::batch::checked;
use super::choice::{Answerer, Asked, Choice};
use super::identity::RequestId;
use super::lookup::{Found, Row, States};
use super::models::Live;
use super::openapi as schema;
use super::problem::Problem;
use super::{App, json_response, spans};

/// A user's stored features.
#[derive(Serialize, ToSchema)]
pub struct Features<'a> {
    #[schema(value_type = schema::UserId)]
    user_id: EntityId,
    /// The day of the user's latest loan.
    #[schema(value_type = schema::Day)]
    event_time: Date,
    /// The day the features were computed for.
    #[schema(value_type = schema::Day)]
    as_of: Date,
    /// Seconds since the start of the event's day.
    age_seconds: i64,
    view: View<'a>,
    #[schema(value_type = schema::FeatureRow)]
    features: Row<'a>,
    #[schema(value_type = schema::FeatureStates)]
    statuses: States<'a>,
}

/// What the features are.
#[derive(Serialize, ToSchema)]
struct View<'a> {
    #[schema(value_type = schema::Name)]
    name: &'a ModelName,
    #[schema(value_type = schema::Sha256Text)]
    digest: Digest,
}

/// What a model says of one user.
#[derive(Serialize, ToSchema)]
pub struct Prediction<'a> {
    #[schema(value_type = schema::UserId)]
    user_id: EntityId,
    /// The day of the user's latest loan.
    #[schema(value_type = schema::Day)]
    event_time: Date,
    /// The day the features were computed for.
    #[schema(value_type = schema::Day)]
    as_of: Date,
    /// Seconds since the start of the event's day.
    age_seconds: i64,
    /// The score, from 0 to 1.
    probability: f64,
    /// What the score is.
    #[schema(value_type = schema::Kind)]
    output: OutputKind,
    /// What the model advises at its threshold.
    decision: &'a str,
    /// The score from which on it advises so.
    threshold: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::FeatureRow>, nullable = false)]
    features: Option<Row<'a>>,
    model: Answerer<'a>,
}

impl<'a> Prediction<'a> {
    /// Says what a score of the user's features means, and which version gave it.
    pub fn new(found: &'a Found, probability: f64, live: &'a dyn Live, features: Option<Row<'a>>) -> Self {
        let output = &live.card().output;
        Self {
            user_id: found.record.entity,
            event_time: found.record.event_time,
            as_of: found.record.as_of,
            age_seconds: found.age_seconds,
            probability,
            output: output.kind,
            decision: output.decide(probability),
            threshold: output.threshold.get(),
            features,
            model: live.into(),
        }
    }
}

/// Answers `GET /v1/users/{id}/features`.
pub async fn features(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let user = user(id)?;
    let found = spans::features().in_scope(|| Found::read(&app, user))?;
    let record = &found.record;
    Ok(json_response(&Features {
        user_id: record.entity,
        event_time: record.event_time,
        as_of: record.as_of,
        age_seconds: found.age_seconds,
        view: View { name: &app.view.name, digest: app.view_digest },
        features: Row { view: app.view, values: &record.values },
        statuses: States { view: app.view, found: &found },
    }))
}

/// Answers `GET /v1/users/{id}/prediction`, with `?model=` and `?version=` or by what answers the user.
pub async fn prediction(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(uri.query())?;
    let start = Instant::now();
    let user = user(id)?;
    let found = spans::features().in_scope(|| Found::fresh(&app, user))?;
    let read = start.elapsed();
    let values = &found.record.values;
    // The one snapshot of the model: whatever goes live from here on, this request keeps it.
    let live = Choice::make(&app, &asked)?.of(Some(found.record.entity));
    // On this worker: a row takes microseconds, handing it to another thread would take longer.
    let probability = checked(&*live, values, app.view.width())?[0];
    app.metrics.predicted(read, start.elapsed() - read, [found.age_seconds]);
    app.keep(|now| std::iter::once(found.entry(now, &request, probability, &live)))?;
    let features = Row { view: app.view, values };
    Ok(json_response(&Prediction::new(&found, probability, &*live, Some(features))))
}

/// Reads a user id out of a path.
///
/// # Errors
/// [`Problem`], where it is none.
pub fn user(id: Result<Path<String>, PathRejection>) -> Result<EntityId, Problem> {
    let Path(id) = id.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    Ok(id.parse()?)
}
