//! The HTTP side: routes, answers, errors and connections. Only this module names axum and hyper.
//!
//! Read in this order: the [`mod@routes`], [`users`] (what most requests are), [`predictions`] and [`score`] (many rows at
//! once), [`protocols`] (what other clients speak), [`ingest`], [`models`], [`traffic`], [`health`], [`metrics`], what describes them ([`openapi`]), then what all share: [`choice`] (which version answers),
//! [`lookup`] (a user's features), [`batch`] (threads for many rows), [`problem`] (every error), [`body`] (bounded reading), `rates` (how often),
//! [`observe`] (who comes in, counting, panics), [`identity`] (of requests), `spans` (what is traced), [`server`] (connections and their end) and [`tls`].

pub mod batch;
pub mod body;
pub mod choice;
pub mod health;
pub mod identity;
pub mod ingest;
pub mod lookup;
pub mod metrics;
pub mod models;
pub mod observe;
pub mod openapi;
pub mod predictions;
pub mod problem;
mod process;
pub mod protocols;
mod rates;
pub mod routes;
pub mod score;
pub mod server;
mod spans;
mod stall;
pub mod tls;
pub mod traffic;
pub mod users;

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::routing::{MethodRouter, any};
use contract::digest::Digest;
use contract::view::FeatureView;
use serde::Serialize;
use tokio::sync::Semaphore;

use self::batch::Batches;
use self::metrics::Metrics;
use self::models::Models;
use self::observe::{Path, observed};
use self::problem::Problem;
use self::rates::Rates;
use self::routes::{Route, routes};
use crate::access::{Access, Gate, Role};
use crate::config::Limits;
use crate::prediction_log::{Entry, PredictionLog};
use crate::store::Store;

/// What all requests share.
pub struct App {
    /// The features.
    pub store: Arc<Store>,
    /// The models.
    pub models: Arc<dyn Models>,
    /// Who may ask for what.
    pub gate: Gate,
    /// The log of predictions, where one is kept.
    pub log: Option<Arc<PredictionLog>>,
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
    /// A permit for each request that may be in work.
    pub requests: Arc<Semaphore>,
    /// The bound on each client's requests, where there is one.
    pub rates: Option<Rates>,
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
        gate: Gate,
        log: Option<Arc<PredictionLog>>,
        view: &'static FeatureView,
        limits: Limits,
    ) -> io::Result<Arc<Self>> {
        let writes = Arc::new(Semaphore::new(limits.writes_max));
        let bodies = Arc::new(Semaphore::new(limits.bodies_bytes_max.min(Semaphore::MAX_PERMITS)));
        let requests = Arc::new(Semaphore::new(limits.requests_max));
        let rates = Rates::new(limits.client_requests_per_second);
        let view_digest = view.digest();
        let (metrics, batches) = (Metrics::new(), Batches::start(limits.batches_max)?);
        Ok(Arc::new(Self {
            store,
            models,
            gate,
            log,
            view,
            view_digest,
            metrics,
            writes,
            bodies,
            requests,
            rates,
            batches,
            limits,
        }))
    }

    /// Refuses to be asked about more rows than a request may bring.
    ///
    /// # Errors
    /// [`Problem::TooManyRows`].
    fn check_rows(&self, count: usize) -> Result<(), Problem> {
        let rows_max = self.limits.rows_max;
        if count > rows_max { Err(Problem::TooManyRows { count, rows_max }) } else { Ok(()) }
    }

    /// Logs predictions that were made just now, where they are logged; only then they are put together.
    ///
    /// # Errors
    /// [`Problem::Unlogged`], where they cannot be logged and must be.
    fn keep<I: Iterator<Item = Entry>>(&self, entries: impl FnOnce(SystemTime) -> I) -> Result<(), Problem> {
        match &self.log {
            Some(log) => log.offer(entries(SystemTime::now()).collect()).map_err(|_| Problem::Unlogged),
            None => Ok(()),
        }
    }
}

/// Which routes a port serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// All of them.
    Whole,
    /// All but orders, which have a port of their own.
    WithoutOrders,
}

impl Side {
    fn serves(self, access: Access) -> bool {
        self == Self::Whole || access != Access::Only(Role::Admin)
    }
}

/// Gives the routes of a port over what they share.
pub fn router(app: Arc<App>, side: Side) -> Router {
    let mut paths: Vec<(Path, MethodRouter<Arc<App>>)> = Vec::new();
    for Route { method, path: template, access, form, handler, .. } in
        routes().into_iter().filter(|route| side.serves(route.access))
    {
        match paths.iter_mut().find(|(path, _)| path.template == template) {
            Some((path, methods)) => {
                path.methods.push((method, access));
                *methods = std::mem::take(methods).merge(handler);
            }
            None => paths.push((Path { template, methods: vec![(method, access)], form }, handler)),
        }
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        let methods = methods.fallback(async || Problem::MethodNotAllowed);
        router = router.route(path.template, observed(path, &app, methods));
    }
    let unknown = Path { template: "unmatched", methods: Vec::new(), form: Problem::form() };
    let unknown = observed(unknown, &app, any(async || Problem::UnknownRoute));
    router.fallback_service(unknown.with_state(Arc::clone(&app))).with_state(app)
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
