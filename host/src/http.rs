//! The HTTP side: routes, answers, errors and connections. Only this module names axum and hyper.
//!
//! Read in this order: the routes (here), [`users`] (what most requests are), [`predictions`] and [`score`] (many rows at
//! once), [`protocols`] (what other clients speak), [`ingest`], [`models`], [`traffic`], [`health`], [`metrics`], then what all share: [`choice`] (which version answers),
//! [`lookup`] (a user's features), [`batch`] (threads for many rows), [`problem`] (every error), [`body`] (bounded reading),
//! [`observe`] (counting, panics) and [`server`] (connections and their end).

pub mod batch;
pub mod body;
pub mod choice;
pub mod health;
pub mod ingest;
pub mod lookup;
pub mod metrics;
pub mod models;
pub mod observe;
pub mod predictions;
pub mod problem;
pub mod protocols;
pub mod score;
pub mod server;
mod stall;
pub mod traffic;
pub mod users;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::routing::{MethodRouter, any, get, post};
use contract::digest::Digest;
use contract::view::FeatureView;
use serde::Serialize;
use tokio::sync::Semaphore;

use self::batch::Batches;
use self::metrics::Metrics;
use self::models::Models;
use self::problem::Problem;
use self::protocols::{feast, mlflow, v2};
use crate::config::Limits;
use crate::store::Store;

/// What all requests share.
pub struct App {
    /// The features.
    pub store: Arc<Store>,
    /// The models.
    pub models: Arc<dyn Models>,
    /// The view that records are published in.
    pub view: &'static FeatureView,
    /// Its digest, computed once.
    pub view_digest: Digest,
    /// What is counted.
    pub metrics: Metrics,
    /// A permit for each batch that may be in work; all are free again when no write is under way.
    pub writes: Arc<Semaphore>,
    /// A permit for each byte of the bodies that may be in memory.
    pub bodies: Arc<Semaphore>,
    /// The threads for many rows at once.
    pub batches: Batches,
    /// The bounds.
    pub limits: Limits,
}

impl App {
    /// Puts together what requests share.
    ///
    /// # Errors
    /// When a thread for batches cannot be started.
    pub fn new(
        store: Arc<Store>,
        models: Arc<dyn Models>,
        view: &'static FeatureView,
        limits: Limits,
    ) -> io::Result<Arc<Self>> {
        let writes = Arc::new(Semaphore::new(limits.writes_max));
        let bodies = Arc::new(Semaphore::new(limits.bodies_bytes_max.min(Semaphore::MAX_PERMITS)));
        let view_digest = view.digest();
        let (metrics, batches) = (Metrics::new(), Batches::start(limits.batches_max)?);
        Ok(Arc::new(Self { store, models, view, view_digest, metrics, writes, bodies, batches, limits }))
    }
}

/// Gives the routes over what they share.
pub fn router(app: Arc<App>) -> Router {
    let routes: [(&'static str, MethodRouter<Arc<App>>); 26] = [
        ("/v1/features", post(ingest::ingest)),
        ("/v1/users/{id}/features", get(users::features)),
        ("/v1/users/{id}/prediction", get(users::prediction)),
        ("/v1/predictions", post(predictions::predictions)),
        ("/v1/models", get(models::list)),
        ("/v1/models/{name}", get(models::show)),
        ("/v1/models/{name}/traffic", get(traffic::show).put(traffic::set)),
        ("/v1/models/{name}/rollback", post(traffic::roll_back)),
        ("/v1/models/{name}/score", post(score::score)),
        ("/v2", get(v2::server)),
        ("/v2/health/live", get(v2::live)),
        ("/v2/health/ready", get(v2::ready)),
        ("/v2/models/{name}", get(v2::metadata)),
        ("/v2/models/{name}/ready", get(v2::model_ready)),
        ("/v2/models/{name}/infer", post(v2::infer)),
        ("/v2/models/{name}/versions/{version}", get(v2::metadata)),
        ("/v2/models/{name}/versions/{version}/ready", get(v2::model_ready)),
        ("/v2/models/{name}/versions/{version}/infer", post(v2::infer)),
        ("/v2/repository/index", post(v2::index)),
        ("/invocations", post(mlflow::invocations)),
        ("/ping", get(mlflow::ping)),
        ("/version", get(mlflow::version)),
        ("/get-online-features", post(feast::online_features)),
        ("/health/live", get(health::live)),
        ("/health/ready", get(health::ready)),
        ("/metrics", get(metrics::metrics)),
    ];
    let mut router = Router::new();
    for (path, methods) in routes {
        let methods = methods.fallback(async || Problem::MethodNotAllowed);
        router = router.route(path, observe::observed(path, &app, methods));
    }
    let unknown = any(async || Problem::UnknownRoute);
    router.fallback_service(observe::observed("unmatched", &app, unknown).with_state(Arc::clone(&app))).with_state(app)
}

/// Writes an answer as JSON.
fn json_response(answer: &impl Serialize) -> Response<Body> {
    let mut bytes = Vec::with_capacity(640);
    serde_json::to_writer(&mut bytes, answer).expect("an answer is plain data");
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
