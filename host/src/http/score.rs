//! `POST /v1/models/{name}/score`: what a model would say of features given in the request, for what-if questions.
//!
//! # Shape
//! `{"rows":[{"nb_previous_loans":15,"age":33,..}]}`, every feature of the view named and null where missing, gives
//! `{"model":{..},"output":"probability","threshold":0.03,"scores":[{"probability":0.01,"decision":"approve"}]}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use contract::card::OutputKind;
use contract::record::row_of;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::choice::{Answerer, Asked};
use super::identity::RequestId;
use super::models::named;
use super::openapi as schema;
use super::problem::Problem;
use super::protocols::{self, Inputs, Scored};
use super::{App, body, json_response};

/// What is asked about.
#[derive(Deserialize, ToSchema)]
#[schema(as = ScoreQuestion)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[schema(value_type = Vec<schema::FeatureRow>, max_items = 10_000)]
    rows: Vec<BTreeMap<String, Option<f64>>>,
}

/// What comes back.
#[derive(Serialize, ToSchema)]
pub struct Scores<'a> {
    model: Answerer<'a>,
    /// What the scores are.
    #[schema(value_type = schema::Kind)]
    output: OutputKind,
    threshold: f64,
    /// In the order of the rows.
    scores: Vec<Score<'a>>,
}

#[derive(Serialize, ToSchema)]
struct Score<'a> {
    probability: f64,
    decision: &'a str,
}

/// Answers `POST /v1/models/{name}/score`, with `?version=` or by the live version.
pub async fn score(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(request.uri().query())?;
    if asked.model.is_some() {
        return Err(Problem::BadRequest("the path names the model; the one parameter here is `version`".to_owned()));
    }
    let asked = Asked { model: Some(named(name)?), ..asked };
    let bytes_max = app.limits.body_bytes_max;
    let request = body::check_room(&app, request).await?;
    let question: Option<Question> = body::object(&app, request, bytes_max, Problem::BadBody).await?;
    let rows = question.ok_or_else(|| Problem::BadBody("it is empty".to_owned()))?.rows;
    // Before they are read: what is too much is not looked at.
    app.check_rows(rows.len())?;
    let mut values = Vec::with_capacity(rows.len() * app.view.width());
    for (row, features) in rows.into_iter().enumerate() {
        let bad = |error| Problem::BadRow { row, error };
        values.extend(row_of(app.view, features).map_err(|error| bad(error.to_string()))?);
    }
    let Scored { live, scores } = protocols::score(&app, &id, &asked, Inputs::Rows(values)).await?;
    let output = &live.card().output;
    let scores = scores.into_iter().map(|score| Score { probability: score, decision: output.decide(score) });
    Ok(json_response(&Scores {
        model: (&*live).into(),
        output: output.kind,
        threshold: output.threshold.get(),
        scores: scores.collect(),
    }))
}
