//! The routes that show the description: as JSON, and as a page that tries it out and fetches nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{Response, StatusCode};
use utoipa_swagger_ui::{Config, Url};

use super::describe;
use crate::http::problem::Problem;

/// Answers `GET /openapi.json`.
pub async fn document() -> Response<Body> {
    static DOCUMENT: LazyLock<Vec<u8>> =
        LazyLock::new(|| serde_json::to_vec_pretty(&describe()).expect("the description is plain data"));
    let mut response = Response::new(Body::from(DOCUMENT.as_slice()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers `GET /docs`: its files lie one step below.
pub async fn to_page() -> Response<Body> {
    let mut response = Response::new(Body::from("the page is at /docs/index.html\n"));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/docs/index.html"));
    response
}

/// Answers `GET /docs/{file}`.
pub async fn page(file: Result<Path<String>, PathRejection>) -> Result<Response<Body>, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let config = Config::new([Url::new("Countersign", "/openapi.json")]);
        // The validator of the page's makers would be fetched from their server.
        Arc::new(config.validator_url("none").persist_authorization(false).display_request_duration(true))
    });
    let Path(file) = file.map_err(|rejection| Problem::BadRequest(rejection.body_text()))?;
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG)).map_err(|_| Problem::UnknownRoute)?;
    let found = found.ok_or(Problem::UnknownRoute)?;
    let mut response = Response::new(Body::from(found.bytes.into_owned()));
    let media = HeaderValue::from_str(&found.content_type).map_err(|_| Problem::Internal)?;
    response.headers_mut().insert(CONTENT_TYPE, media);
    Ok(response)
}
