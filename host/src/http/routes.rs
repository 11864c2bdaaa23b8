//! All routes: their paths and methods, whom each is for, and how it tells a fault.

use std::sync::Arc;

use axum::body::Body;
use axum::handler::Handler;
use axum::http::{Method, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::problem::Problem;
use super::protocols::{feast, mlflow, v2};
use super::{App, health, ingest, metrics, models, predictions, score, traffic, users};
use crate::access::Access::{self, Any, Health, Only};
use crate::access::Role::{Admin, Ingest, Predict};

/// How a route tells its callers what is wrong: each protocol has its own form.
pub type Form = fn(&Problem) -> Response<Body>;

/// A path with one method.
pub struct Route {
    /// The method; `GET` answers `HEAD` too.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Whom it is for.
    pub access: Access,
    /// How it tells a fault.
    pub form: Form,
    /// What answers.
    pub handler: MethodRouter<Arc<App>>,
}

impl Route {
    fn telling(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

fn get<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::GET, path, access, handler)
}

fn post<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::POST, path, access, handler)
}

fn put<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::PUT, path, access, handler)
}

fn route<H: Handler<T, Arc<App>>, T: 'static>(method: Method, path: &'static str, access: Access, handler: H) -> Route {
    let filter = MethodFilter::try_from(method.clone()).expect("a method of the standard");
    Route { method, path, access, form: Problem::plainly, handler: on(filter, handler) }
}

/// Lists the routes.
pub fn routes() -> Vec<Route> {
    vec![
        get("/v1/users/{id}/features", Any, users::features),
        get("/v1/users/{id}/prediction", Only(Predict), users::prediction),
        post("/v1/predictions", Only(Predict), predictions::predictions),
        post("/v1/features", Only(Ingest), ingest::ingest),
        get("/v1/models", Any, models::list),
        get("/v1/models/{name}", Any, models::show),
        post("/v1/models/{name}/score", Only(Predict), score::score),
        get("/v1/models/{name}/traffic", Any, traffic::show),
        put("/v1/models/{name}/traffic", Only(Admin), traffic::set),
        post("/v1/models/{name}/rollback", Only(Admin), traffic::roll_back),
        get("/v2", Any, v2::server).telling(v2::fault),
        get("/v2/health/live", Health, v2::live).telling(v2::fault),
        get("/v2/health/ready", Health, v2::ready).telling(v2::fault),
        get("/v2/models/{name}", Any, v2::metadata).telling(v2::fault),
        get("/v2/models/{name}/ready", Any, v2::model_ready).telling(v2::fault),
        post("/v2/models/{name}/infer", Only(Predict), v2::infer).telling(v2::fault),
        get("/v2/models/{name}/versions/{version}", Any, v2::metadata).telling(v2::fault),
        get("/v2/models/{name}/versions/{version}/ready", Any, v2::model_ready).telling(v2::fault),
        post("/v2/models/{name}/versions/{version}/infer", Only(Predict), v2::infer).telling(v2::fault),
        post("/v2/repository/index", Any, v2::index).telling(v2::fault),
        post("/invocations", Only(Predict), mlflow::invocations).telling(mlflow::fault),
        get("/ping", Health, mlflow::ping).telling(mlflow::fault),
        get("/version", Any, mlflow::version).telling(mlflow::fault),
        post("/get-online-features", Any, feast::online_features).telling(feast::fault),
        get("/health/live", Health, health::live),
        get("/health/ready", Health, health::ready),
        get("/metrics", Any, metrics::metrics),
    ]
}
