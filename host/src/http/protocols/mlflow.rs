//! MLflow's scoring server: `POST /invocations`, `GET /ping`, `GET /version`.
//!
//! # Shape
//! One of `{"dataframe_split":{"columns":[..],"data":[[..]]}}`, `{"dataframe_records":[{..}]}`, `{"instances":[..]}` and `{"inputs":..}`
//! gives `{"predictions":[0.01]}`; see <https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally>. An error is
//! `{"error_code":"unknown_user","message":".."}`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Cell, Inputs, score};
use crate::http::choice::Asked;
use crate::http::identity::RequestId;
use crate::http::openapi::Shape;
use crate::http::problem::Problem;
use crate::http::routes::Form;
use crate::http::{App, body, json_response};
use contract::view::FeatureView;

/// The type of what is no JSON.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// The four ways to ask, of which one is taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    dataframe_split: Option<Split>,
    dataframe_records: Option<Vec<Map<String, Value>>>,
    instances: Option<Value>,
    inputs: Option<Value>,
    /// Parameters of the inference: there are none here, and an empty object is what some clients send.
    params: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    columns: Option<Vec<String>>,
    data: Vec<Vec<Value>>,
    /// What the rows are called, which nothing depends on.
    #[serde(default, rename = "index")]
    _index: Value,
}

/// What comes back.
#[derive(Serialize, ToSchema)]
#[schema(as = MlflowPredictions)]
pub struct Answer {
    predictions: Vec<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MlflowFault)]
struct Fault<'a> {
    error_code: &'a str,
    message: String,
}

/// The form of MLflow's faults.
pub fn form() -> Form {
    Form { tell: fault, shape: Shape::json::<Fault<'_>>() }
}

fn fault(problem: &Problem) -> Response<Body> {
    problem.respond(&Fault { error_code: problem.class().1, message: problem.detail() })
}

/// Answers `POST /invocations`, with `?model=` and `?version=` or by the live version of the default model.
pub async fn invocations(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(request.uri().query())?;
    let request = body::check_room(&app, request).await?;
    let (bytes, _room) = body::json(&app, request, app.limits.body_bytes_max).await?;
    let question: Option<Question> = body::parse(&without_nan(&bytes), Problem::BadBody)?;
    let inputs = question.ok_or_else(|| Problem::BadBody("it is empty".to_owned()))?.inputs(app.view)?;
    Ok(json_response(&Answer { predictions: score(&app, &id, &asked, inputs).await?.scores }))
}

/// Answers `GET /ping`: 200 where predictions can be made.
pub async fn ping(State(app): State<Arc<App>>) -> Response<Body> {
    let ready = app.models.ready().is_ok();
    text("\n", if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
}

/// Answers `GET /version` with this program's version.
pub async fn version() -> Response<Body> {
    text(env!("CARGO_PKG_VERSION"), StatusCode::OK)
}

fn text(text: &'static str, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}

/// Puts null for NaN: MLflow's client writes missing values so, and its server reads them, though JSON knows no such word.
fn without_nan(json: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(json.len() + json.len() / 8);
    let (mut in_text, mut at) = (false, 0);
    while let Some(&byte) = json.get(at) {
        if !in_text && json[at..].starts_with(b"NaN") {
            plain.extend(b"null");
            at += 3;
            continue;
        }
        plain.push(byte);
        at += 1;
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => {
                plain.extend(json.get(at));
                at += 1;
            }
            _ => {}
        }
    }
    plain
}

impl Question {
    fn inputs(self, view: &FeatureView) -> Result<Inputs, Problem> {
        if self.params.is_some_and(|params| !params.is_empty()) {
            return Err(Problem::BadBody("`params` are not taken: a model here has none".to_owned()));
        }
        match (self.dataframe_split, self.dataframe_records, self.instances, self.inputs) {
            (Some(split), None, None, None) => split.inputs(view),
            (None, Some(records), None, None) => from_records(view, records),
            (None, None, Some(instances), None) => from_instances(view, instances),
            (None, None, None, Some(inputs)) => from_inputs(view, inputs),
            _ => {
                let said = "send one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`";
                Err(Problem::BadBody(said.to_owned()))
            }
        }
    }
}

impl Split {
    fn inputs(self, view: &FeatureView) -> Result<Inputs, Problem> {
        let rows = self.data.iter().map(|row| cells(row)).collect::<Result<Vec<_>, _>>()?;
        let Some(columns) = self.columns else { return Inputs::from_rows(view, rows) };
        if let Some(row) = rows.iter().position(|row| row.len() != columns.len()) {
            let (found, wanted) = (rows[row].len(), columns.len());
            return Err(Problem::BadBody(format!("row {row} has {found} values for {wanted} columns")));
        }
        let column = |place: usize| rows.iter().map(|row| row[place]).collect();
        Inputs::from_columns(view, columns.into_iter().enumerate().map(|(place, name)| (name, column(place))).collect())
    }
}

/// Reads rows by name; a name that stands in the first must stand in all.
fn from_records(view: &FeatureView, records: Vec<Map<String, Value>>) -> Result<Inputs, Problem> {
    let Some(first) = records.first() else { return Ok(Inputs::Rows(Vec::new())) };
    let names: Vec<String> = first.keys().cloned().collect();
    let mut columns: Vec<(String, Vec<Cell>)> = names.into_iter().map(|name| (name, Vec::new())).collect();
    for (row, record) in records.iter().enumerate() {
        for (name, column) in &mut columns {
            let value = record.get(name).filter(|_| record.len() == first.len());
            let value = value.ok_or_else(|| Problem::BadBody(format!("row {row} has other names than the first")))?;
            column.push(Cell::from_json(value)?);
        }
    }
    Inputs::from_columns(view, columns)
}

/// Reads a list of rows, each by name, in the view's order, or an id.
fn from_instances(view: &FeatureView, instances: Value) -> Result<Inputs, Problem> {
    let Value::Array(instances) = instances else {
        return Err(Problem::BadBody("`instances` is a list of rows".to_owned()));
    };
    if instances.iter().all(Value::is_object) {
        let records =
            instances.into_iter().filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None });
        return from_records(view, records.collect());
    }
    let row = |row: &Value| match row {
        Value::Array(row) => cells(row),
        alone => Ok(vec![Cell::from_json(alone)?]),
    };
    Inputs::from_rows(view, instances.iter().map(row).collect::<Result<_, _>>()?)
}

/// Reads columns by name, or a list of rows.
fn from_inputs(view: &FeatureView, inputs: Value) -> Result<Inputs, Problem> {
    match inputs {
        Value::Object(columns) => {
            let column = |(name, values)| match values {
                Value::Array(values) => Ok((name, cells(&flat(values))?)),
                alone => Ok((name, vec![Cell::from_json(&alone)?])),
            };
            Inputs::from_columns(view, columns.into_iter().map(column).collect::<Result<_, Problem>>()?)
        }
        rows => from_instances(view, rows),
    }
}

/// Takes a column that came as rows of one value each.
fn flat(values: Vec<Value>) -> Vec<Value> {
    let alone = |value: Value| match value {
        Value::Array(mut one) if one.len() == 1 => one.remove(0),
        other => other,
    };
    values.into_iter().map(alone).collect()
}

fn cells(values: &[Value]) -> Result<Vec<Cell>, Problem> {
    values.iter().map(Cell::from_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_null_outside_of_texts_only() {
        let plain = |json: &str| String::from_utf8(without_nan(json.as_bytes())).expect("text");
        assert_eq!(plain(r#"{"NaN":[NaN, NaN,1],"a\"NaN":NaN}"#), r#"{"NaN":[null, null,1],"a\"NaN":null}"#);
        assert_eq!(plain(r#""\\",NaN"#), r#""\\",null"#);
        assert_eq!(plain("\"\\"), "\"\\", "a text that ends within an escape");
        assert_eq!(plain("NaNNa"), "nullNa");
    }
}
