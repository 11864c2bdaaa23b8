//! Open Inference Protocol v2 over REST, as Triton, KServe, Seldon and their clients speak it, with the binary tensors that
//! Triton's client sends by default.
//!
//! # Shape
//! `{"inputs":[{"name":"user_id","shape":[2],"datatype":"INT64","data":[5008804,5008806]}]}` to `/v2/models/{name}/infer`, or to
//! `/v2/models/{name}/versions/{version}/infer`, gives `{"model_name":..,"model_version":"3","outputs":[{"name":"probability",
//! "shape":[2],"datatype":"FP64","data":[..]},{"name":"decision","datatype":"BYTES",..}]}`. The inputs are the ids of users, a tensor for
//! each feature, or one tensor `features` with a row for each. An error is `{"error":".."}`.

mod tensors;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use contract::ids::ModelName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use self::tensors::{Input, Output};
use super::{Inputs, Scored, score};
use crate::http::choice::{Asked, Choice};
use crate::http::identity::RequestId;
use crate::http::openapi::Shape;
use crate::http::problem::Problem;
use crate::http::routes::Form;
use crate::http::{App, body, json_response};
use crate::registry::{ModelStatus, VersionState, VersionStatus};

/// How many bytes of the body are JSON, where tensors follow it in binary.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
/// The tensor that holds rows in the view's order.
const FEATURES: &str = "features";
const PROBABILITY: &str = "probability";
const DECISION: &str = "decision";

/// The name, and the version where the path has one.
type Named = Result<Path<Vec<String>>, PathRejection>;

/// An inference that is asked for.
#[derive(Deserialize)]
struct Question {
    id: Option<String>,
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Vec<Wanted>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// Which versions are listed.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = RepositoryQuestion)]
pub struct Which {
    /// Whether only those that can answer.
    #[serde(default)]
    ready: bool,
}

/// What we know of the parameters that may stand in a request; others are for others.
#[derive(Default, Deserialize)]
struct Parameters {
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
}

#[derive(Serialize)]
struct Inference {
    model_name: ModelName,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Output>,
}

/// Answers `GET /v2`.
pub async fn server() -> Response<Body> {
    let version = env!("CARGO_PKG_VERSION");
    json_response(&json!({"name": "countersign", "version": version, "extensions": ["binary_tensor_data"]}))
}

/// Answers `GET /v2/health/live`.
pub async fn live() -> Response<Body> {
    json_response(&json!({"live": true}))
}

/// Answers `GET /v2/health/ready`.
pub async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let ready = app.models.ready().is_ok();
    let mut response = json_response(&json!({"ready": ready}));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Answers `GET /v2/models/{name}[/versions/{version}]`.
pub async fn metadata(State(app): State<Arc<App>>, named: Named) -> Result<Response<Body>, Problem> {
    describe(&app, &asked(named)?)
}

fn describe(app: &App, asked: &Asked) -> Result<Response<Body>, Problem> {
    let live = Choice::make(app, asked)?.of(None);
    let name = &live.card().model;
    let versions = app.models.show(name).map(|status| status.versions).unwrap_or_default();
    let mut versions: Vec<u64> =
        versions.iter().filter(|about| serves(about)).filter_map(|about| about.version).collect();
    versions.sort_unstable();
    let versions: Vec<String> = versions.iter().map(u64::to_string).collect();
    let tensor = |name: &str, datatype: &str| json!({"name": name, "datatype": datatype, "shape": [-1]});
    let inputs: Vec<Value> = app.view.features.iter().map(|feature| tensor(feature.name.as_str(), "FP64")).collect();
    Ok(json_response(&json!({
        "name": name,
        "versions": versions,
        "platform": "countersign_wasm",
        "inputs": inputs,
        "outputs": [tensor(PROBABILITY, "FP64"), tensor(DECISION, "BYTES")],
        "parameters": {"or_input": tensor(app.view.entity.as_str(), "INT64")},
    })))
}

/// Answers `GET /v2/models/{name}[/versions/{version}]/ready`.
pub async fn model_ready(State(app): State<Arc<App>>, named: Named) -> Result<Response<Body>, Problem> {
    let live = Choice::make(&app, &asked(named)?)?.of(None);
    Ok(json_response(&json!({"name": live.card().model, "ready": true})))
}

/// Answers `POST /v2/repository/index`: every version, and whether it can answer.
pub async fn index(State(app): State<Arc<App>>, request: Request) -> Result<Response<Body>, Problem> {
    let question = body::object::<Which>(&app, request, 4 << 10, Problem::BadBody).await?;
    let only_ready = question.unwrap_or_default().ready;
    let entry = |model: &ModelStatus, about: &VersionStatus| {
        let state = if serves(about) { "READY" } else { "UNAVAILABLE" };
        let reason = about.reason.as_ref().map_or("", |reason| &reason.message);
        let version = about.version.map(|version| version.to_string());
        let wanted = version.is_some() && (serves(about) || !only_ready);
        wanted.then(|| json!({"name": model.name, "version": version, "state": state, "reason": reason}))
    };
    let models = app.models.list();
    let entries = models.iter().flat_map(|model| model.versions.iter().filter_map(|about| entry(model, about)));
    Ok(json_response(&entries.collect::<Vec<_>>()))
}

/// Answers `POST /v2/models/{name}[/versions/{version}]/infer`.
pub async fn infer(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    named: Named,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let asked = asked(named)?;
    let (head, body) = body::check_room(&app, request).await?.into_parts();
    let (bytes, _room) = body::read_within(body, app.limits.body_bytes_max, app.limits.body, &app.bodies).await?;
    let json_length =
        match head.headers.get(JSON_LENGTH).map(|length| length.to_str().ok().and_then(|text| text.parse().ok())) {
            None => bytes.len(),
            Some(Some(length)) if length <= bytes.len() => length,
            Some(_) => return Err(Problem::BadBody(format!("`{JSON_LENGTH}` is no length within the body"))),
        };
    let (text, binary) = bytes.split_at(json_length);
    let question: Question = serde_json::from_slice(text).map_err(|error| Problem::BadBody(error.to_string()))?;
    let wanted = question.wanted()?;
    let columns = tensors::columns(question.inputs, binary, app.limits.rows_max, bytes.len())?;
    let inputs = match columns {
        tensors::Columns::Named(columns) => Inputs::from_columns(app.view, columns)?,
        tensors::Columns::Rows(rows) => Inputs::from_rows(app.view, rows)?,
    };
    let scored = score(&app, &id, &asked, inputs).await?;
    Ok(respond(question.id, &scored, &wanted))
}

impl Question {
    /// Gives the outputs that are wanted, each with whether it is in binary.
    fn wanted(&self) -> Result<Vec<(&'static str, bool)>, Problem> {
        let all = self.parameters.binary_data_output.unwrap_or(false);
        if self.outputs.is_empty() {
            return Ok(vec![(PROBABILITY, all), (DECISION, all)]);
        }
        let known = |wanted: &Wanted| {
            let name = [PROBABILITY, DECISION].into_iter().find(|name| *name == wanted.name);
            let said = || {
                format!("there is no output `{}`; there are {PROBABILITY} and {DECISION}", super::shown(&wanted.name))
            };
            Ok((name.ok_or_else(|| Problem::BadBody(said()))?, wanted.parameters.binary_data.unwrap_or(all)))
        };
        self.outputs.iter().map(known).collect()
    }
}

fn respond(id: Option<String>, scored: &Scored, wanted: &[(&'static str, bool)]) -> Response<Body> {
    let card = scored.live.card();
    let mut binary = Vec::new();
    let outputs = wanted.iter().map(|&(name, in_binary)| {
        let binary = in_binary.then_some(&mut binary);
        match name {
            PROBABILITY => Output::floats(name, &scored.scores, binary),
            _ => Output::texts(name, scored.scores.iter().map(|&score| card.output.decide(score)), binary),
        }
    });
    let outputs = outputs.collect();
    let answer = Inference { model_name: card.model.clone(), model_version: card.version.to_string(), id, outputs };
    let mut response = json_response(&answer);
    if wanted.iter().any(|(_, in_binary)| *in_binary) {
        let mut bytes = serde_json::to_vec(&answer).expect("an answer is plain data");
        let json_length = bytes.len();
        bytes.extend(binary);
        response = Response::new(Body::from(bytes));
        response.headers_mut().insert(JSON_LENGTH, HeaderValue::from(json_length));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    response
}

/// Tells whether a version can answer.
fn serves(about: &VersionStatus) -> bool {
    about.compiled
        && matches!(
            about.state,
            VersionState::Live | VersionState::Canary | VersionState::Shadow | VersionState::Standby
        )
}

fn asked(named: Named) -> Result<Asked, Problem> {
    let Path(parts) = named.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    let mut parts = parts.iter();
    let model = parts.next().map(|name| name.parse()).transpose()?;
    let version = parts.next().map(|number| number.parse()).transpose()?;
    Ok(Asked { model, version })
}

/// The form of the protocol's faults.
pub fn form() -> Form {
    Form { tell: fault, shape: Shape::json::<Fault>() }
}

#[derive(Serialize, ToSchema)]
#[schema(as = InferenceFault)]
struct Fault {
    error: String,
}

fn fault(problem: &Problem) -> Response<Body> {
    problem.respond(&Fault { error: problem.detail() })
}
