//! Whether the process lives, and whether it can serve predictions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, json_response};

/// How the host is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// Answers `GET /health/live`: the process runs and answers.
pub async fn live() -> Response<Body> {
    json_response(&Health { status: "live", reasons: Vec::new() })
}

/// Answers `GET /health/ready`: 503 with the reasons, until a model is live and the files found at the start are done.
pub async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    match app.models.ready() {
        Ok(()) => json_response(&Health { status: "ready", reasons: Vec::new() }),
        Err(reasons) => {
            let mut response = json_response(&Health { status: "not_ready", reasons });
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}
