//! Feast's online features: `POST /get-online-features`.
//!
//! # Shape
//! `{"features":["credit-risk:age"],"entities":{"user_id":[5008804]},"full_feature_names":false}` gives
//! `{"metadata":{"feature_names":["user_id","age"]},"results":[{"values":[..],"statuses":[..],"event_timestamps":[..]},..]}`: a result
//! for each name, the entity's first, each with all users in the order asked for. `feature_service` names the view in place
//! of `features`. An error is `{"status_code":404,"detail":"..","error_type":".."}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use contract::ids::EntityId;
use contract::view::FeatureView;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Cell, Inputs, shown};
use crate::http::lookup::{FeatureState, Found};
use crate::http::openapi::Shape;
use crate::http::problem::Problem;
use crate::http::routes::Form;
use crate::http::{App, body, json_response};

/// The most bytes of a question: 10,000 of the longest ids, and names.
const QUESTION_BYTES_MAX: usize = 512 << 10;
/// When nothing happened.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    features: Option<Vec<String>>,
    feature_service: Option<String>,
    entities: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    full_feature_names: bool,
}

/// What comes back.
#[derive(Serialize, ToSchema)]
#[schema(as = FeastAnswer)]
pub struct Answer {
    metadata: Metadata,
    results: Vec<Column>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FeastMetadata)]
struct Metadata {
    feature_names: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FeastColumn)]
struct Column {
    values: Vec<Value>,
    statuses: Vec<FeatureState>,
    event_timestamps: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FeastFault)]
struct Fault<'a> {
    status_code: u16,
    detail: String,
    error_type: &'a str,
}

/// The form of the faults of Feast's server.
pub fn form() -> Form {
    Form { tell: fault, shape: Shape::json::<Fault<'_>>() }
}

fn fault(problem: &Problem) -> Response<Body> {
    let (status, error_type, _) = problem.class();
    problem.respond(&Fault { status_code: status.as_u16(), detail: problem.detail(), error_type })
}

/// Answers `POST /get-online-features`.
pub async fn online_features(State(app): State<Arc<App>>, request: Request) -> Result<Response<Body>, Problem> {
    let request = body::check_room(&app, request).await?;
    let question: Option<Question> = body::object(&app, request, QUESTION_BYTES_MAX, Problem::BadBody).await?;
    let question = question.ok_or_else(|| Problem::BadBody("it is empty".to_owned()))?;
    let places = question.places(app.view)?;
    let users = question.users(app.view)?;
    app.check_rows(users.len())?;
    let reading = Arc::clone(&app);
    let work = move || answer(&reading, &users, &places, question.full_feature_names);
    let answer = app.batches.run(app.batches.place()?, work).await??;
    Ok(json_response(&answer))
}

fn answer(app: &App, users: &[EntityId], places: &[usize], full_names: bool) -> Result<Answer, Problem> {
    let view = app.view;
    let found = |&user: &EntityId| match Found::read(app, user) {
        Ok(found) => Ok(Some(found)),
        Err(Problem::UnknownUser(_)) => Ok(None),
        Err(problem) => Err(problem),
    };
    let found = users.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let mut feature_names = vec![view.entity.to_string()];
    let mut results = vec![Column {
        values: users.iter().map(|user| user.get().into()).collect(),
        statuses: vec![FeatureState::Present; users.len()],
        event_timestamps: vec![NEVER.to_owned(); users.len()],
    }];
    for &place in places {
        let feature = &view.features[place];
        feature_names.push(if full_names {
            format!("{}__{}", view.name, feature.name)
        } else {
            feature.name.to_string()
        });
        let value = |found: &Option<Found>| found.as_ref().map_or(f64::NAN, |found| found.record.values[place]);
        let state = |found: &Option<Found>| match found {
            Some(known) => known.state(value(found)),
            None => FeatureState::NotFound,
        };
        let time = |found: &Option<Found>| match found {
            Some(found) => format!("{}T00:00:00Z", found.record.event_time),
            None => NEVER.to_owned(),
        };
        results.push(Column {
            values: found.iter().map(|found| feature.json(value(found))).collect(),
            statuses: found.iter().map(state).collect(),
            event_timestamps: found.iter().map(time).collect(),
        });
    }
    Ok(Answer { metadata: Metadata { feature_names }, results })
}

impl Question {
    /// Gives the places of the features that are asked for, in the order asked for.
    fn places(&self, view: &FeatureView) -> Result<Vec<usize>, Problem> {
        match (&self.features, &self.feature_service) {
            // Each may be named twice, with the view and without; more would only make the answer large.
            (Some(names), None) if names.len() > 2 * view.width() => {
                Err(Problem::BadBody(format!("{} features are named, the view has {}", names.len(), view.width())))
            }
            (Some(names), None) => names.iter().map(|name| place(view, name)).collect(),
            (None, Some(service)) if service == view.name.as_str() => Ok((0..view.width()).collect()),
            (None, Some(service)) => {
                let said = format!("there is no feature service `{}`; there is `{}`", shown(service), view.name);
                Err(Problem::BadBody(said))
            }
            _ => Err(Problem::BadBody("send `features` or `feature_service`".to_owned())),
        }
    }

    fn users(&self, view: &FeatureView) -> Result<Vec<EntityId>, Problem> {
        let (Some(ids), 1) = (self.entities.get(view.entity.as_str()), self.entities.len()) else {
            return Err(Problem::BadBody(format!("the one entity is `{}`, with a list of ids", view.entity)));
        };
        // A request may bring an id as text, as Feast's own join keys of strings are.
        let cell = |id: &Value| match id {
            Value::String(text) => Ok(Cell::Integer(text.parse::<EntityId>()?.get().cast_signed())),
            other => Cell::from_json(other),
        };
        let cells = ids.iter().map(cell).collect::<Result<_, Problem>>()?;
        match Inputs::from_columns(view, vec![(view.entity.to_string(), cells)])? {
            Inputs::Users(users) => Ok(users),
            Inputs::Rows(_) => Err(Problem::Internal),
        }
    }
}

/// Finds a feature by `VIEW:NAME` or by its name alone.
fn place(view: &FeatureView, reference: &str) -> Result<usize, Problem> {
    let name = match reference.split_once(':') {
        Some((of, name)) if of == view.name.as_str() => name,
        Some(_) => "",
        None => reference,
    };
    let unknown = || {
        Problem::BadBody(format!(
            "there is no feature `{}`; features are named as `{}:{}`",
            shown(reference),
            view.name,
            view.features[0].name
        ))
    };
    view.position(name).ok_or_else(unknown)
}
