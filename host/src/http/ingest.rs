//! What writes to the store: `POST /v1/features`, a batch of records, one JSON object a line, written whole or not at all; and
//! `DELETE /v1/users/{id}/features`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use axum::http::{Response, StatusCode};
use contract::record::FeatureRecord;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{App, body, json_response, users};

/// The most bad lines that an answer names.
const BAD_LINES_MAX: usize = 20;
/// The most characters of what is said of a bad line: it may quote the line.
const ERROR_CHARS_MAX: usize = 300;
/// The types that lines of JSON go by; none at all is fine too.
const MEDIA_TYPES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// One line that is no feature record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub error: String,
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
pub struct Outcome {
    /// Records received.
    received: u64,
    /// Records written.
    accepted: u64,
    /// Records left out, since a newer one of the user was there.
    stale: u64,
}

/// Answers `POST /v1/features`.
pub async fn ingest(State(app): State<Arc<App>>, request: Request) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let limits = &app.limits;
    if !takes(&head.headers) {
        body::discard(body, limits.body_bytes_max, limits.body).await;
        return Err(Problem::MediaType);
    }
    let (bytes, room) = body::read_within(body, limits.body_bytes_max, limits.body, &app.bodies).await?;
    let work = move |app: &App| {
        let outcome = write(app, &bytes);
        drop(room);
        outcome
    };
    Ok(json_response(&written(&app, work).await?))
}

/// Answers `DELETE /v1/users/{id}/features`.
pub async fn forget(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let user = users::user(id)?;
    if !written(&app, move |app| Ok(app.store.remove(user)?)).await? {
        return Err(Problem::UnknownUser(user));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Does a write of the store, of which there are so many at a time.
async fn written<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    // Taken when the body is there: a client that sends slowly keeps nobody from writing.
    let Ok(permit) = Arc::clone(&app.writes).try_acquire_owned() else {
        return Err(Problem::WritesBusy { writes_max: app.limits.writes_max });
    };
    let app = Arc::clone(app);
    // A blocking task runs to its end whether or not anyone waits for it: a client that leaves cannot tear a write.
    let task = tokio::task::spawn_blocking(move || {
        let done = work(&app);
        drop(permit);
        done
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "a write panicked");
        Problem::Internal
    })?
}

fn write(app: &App, bytes: &[u8]) -> Result<Outcome, Problem> {
    let batch = parse(app, bytes)?;
    let outcome = app.store.put_batch(&batch)?;
    app.metrics.ingested(outcome.accepted, outcome.stale);
    Ok(Outcome { received: batch.len() as u64, accepted: outcome.accepted, stale: outcome.stale })
}

/// Checks every line before any is written; an empty line means nothing.
fn parse(app: &App, bytes: &[u8]) -> Result<Vec<FeatureRecord>, Problem> {
    let records_max = app.limits.records_max;
    let mut batch = Vec::new();
    let mut errors = Vec::new();
    let mut bad = 0;
    for (place, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if batch.len() + bad == records_max {
            return Err(Problem::TooManyRecords { records_max });
        }
        match FeatureRecord::from_json(line, app.view, app.view_digest) {
            Ok(record) => batch.push(record),
            Err(error) => {
                bad += 1;
                if errors.len() < BAD_LINES_MAX {
                    let error = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
                    errors.push(BadLine { line: place + 1, error });
                }
            }
        }
    }
    match (batch.len() + bad, bad) {
        (0, _) => Err(Problem::EmptyBatch),
        (_, 0) => Ok(batch),
        (received, _) => Err(Problem::BadLines { bad, received, errors }),
    }
}

fn takes(headers: &HeaderMap) -> bool {
    let plain = match headers.get(CONTENT_ENCODING) {
        None => true,
        Some(encoding) => encoding.as_bytes().eq_ignore_ascii_case(b"identity"),
    };
    let lines = match headers.get(CONTENT_TYPE).map(|value| value.to_str()) {
        None => true,
        Some(Err(_)) => false,
        Some(Ok(text)) => {
            let media_type = text.split(';').next().unwrap_or(text).trim();
            MEDIA_TYPES.iter().any(|taken| taken.eq_ignore_ascii_case(media_type))
        }
    };
    plain && lines
}
