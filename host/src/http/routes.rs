//! All routes: their paths and methods, whom each is for, what there is to say of it, and how it tells a fault.

use std::sync::Arc;

use axum::body::Body;
use axum::handler::Handler;
use axum::http::{Method, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::ToSchema;

use super::openapi::{About, Anything, Query, RecordLine, Shape, Text};
use super::problem::Problem;
use super::protocols::{feast, mlflow, v2};
use super::{App, health, ingest, metrics, models, openapi, predictions, score, traffic, users};
use crate::access::Access::{self, Any, Health, Only, Public};
use crate::access::Role::{Admin, Ingest, Predict};
use crate::registry::{ModelStatus, Traffic};

/// How a route tells its callers what is wrong: each protocol has its own form.
#[derive(Clone, Copy)]
pub struct Form {
    /// Writes a fault.
    pub tell: fn(&Problem) -> Response<Body>,
    /// What that looks like.
    pub shape: Shape,
}

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
    /// What there is to say of it.
    pub about: About,
    /// What answers.
    pub handler: MethodRouter<Arc<App>>,
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const BY_CHOICE: &[Query] = &[Query::Model, Query::Version];

impl Route {
    fn telling(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Belongs to a tag; a line, and what else must be known.
    fn about(mut self, tag: &'static str, summary: &'static str, detail: &'static str) -> Self {
        (self.about.tag, self.about.summary, self.about.detail) = (tag, summary, detail);
        self
    }

    fn choosing(mut self, query: &'static [Query]) -> Self {
        self.about.query = query;
        self
    }

    fn asks<T: ToSchema>(mut self, media: &'static str) -> Self {
        self.about.asks.push(Shape::of::<T>(media));
        self.about.asks_required = true;
        self
    }

    fn may_ask<T: ToSchema>(mut self) -> Self {
        self.about.asks.push(Shape::of::<T>(JSON));
        self
    }

    fn answers<T: ToSchema>(self, said: &'static str) -> Self {
        self.answers_as::<T>(200, said, JSON)
    }

    fn answers_as<T: ToSchema>(mut self, status: u16, said: &'static str, media: &'static str) -> Self {
        self.about.answers.push((status, said, Some(Shape::of::<T>(media))));
        self
    }

    fn answers_nothing(mut self, said: &'static str) -> Self {
        self.about.answers.push((204, said, None));
        self
    }

    fn fails(mut self, statuses: &'static [u16]) -> Self {
        self.about.fails = statuses;
        self
    }
}

fn get<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::GET, path, access, handler)
}

fn post<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::POST, path, access, handler)
}

fn delete<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::DELETE, path, access, handler)
}

fn put<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::PUT, path, access, handler)
}

fn route<H: Handler<T, Arc<App>>, T: 'static>(method: Method, path: &'static str, access: Access, handler: H) -> Route {
    let filter = MethodFilter::try_from(method.clone()).expect("a method of the standard");
    let about = About {
        tag: "",
        summary: "",
        detail: "",
        query: &[],
        asks: Vec::new(),
        asks_required: false,
        answers: Vec::new(),
        fails: &[],
    };
    Route { method, path, access, form: Problem::form(), about, handler: on(filter, handler) }
}

/// Lists the routes.
pub fn routes() -> Vec<Route> {
    [ours(), operations(), inference(), mlflow(), feast(), description()].into_iter().flatten().collect()
}

fn ours() -> Vec<Route> {
    vec![
        get("/v1/users/{id}/features", Any, users::features)
            .about("users", "A user's stored features", "With what stands where each value should, and their age.")
            .answers::<users::Features<'_>>("The features")
            .fails(&[400, 404]),
        get("/v1/users/{id}/prediction", Only(Predict), users::prediction)
            .about("users", "What a model says of a user", "From the stored features, by the version that answers this user.")
            .choosing(BY_CHOICE)
            .answers::<users::Prediction<'_>>("The prediction, with what it was made from and which version made it")
            .fails(&[400, 404, 409]),
        post("/v1/predictions", Only(Predict), predictions::predictions)
            .about(
                "users",
                "What a model says of many users",
                "In the order asked for, up to 10,000 of them. Who cannot be predicted has an error in its place. With \
                 `accept: application/x-ndjson` they come a line each, as they are scored.",
            )
            .choosing(BY_CHOICE)
            .asks::<predictions::Question>(JSON)
            .answers::<predictions::Predictions>("A prediction or an error for each")
            .answers_as::<predictions::Predicted>(200, "A prediction or an error for each", NDJSON)
            .fails(&[404, 409]),
        post("/v1/features", Only(Ingest), ingest::ingest)
            .about(
                "features",
                "Publish features",
                "One record a line, up to 10,000 and 8 MiB, written whole or not at all, and on disk when it is answered. A \
                 record that is older than the stored one is stale, and left out.",
            )
            .asks::<RecordLine>(NDJSON)
            .answers::<ingest::Outcome>("What became of them"),
        delete("/v1/users/{id}/features", Only(Ingest), ingest::forget)
            .about(
                "features",
                "Forget a user's features",
                "On disk when it is answered. They come back where they are published again: remove the user from what is published first.",
            )
            .answers_nothing("They are forgotten")
            .fails(&[400, 404]),
        get("/v1/models", Any, models::list)
            .about("models", "All models with their versions", "And the files that were refused, each with its reason.")
            .answers::<models::List>("The models"),
        get("/v1/models/{name}", Any, models::show)
            .about("models", "A model with its versions", "What answers, what waits, what was refused and why, and what happened.")
            .answers::<ModelStatus>("The model")
            .fails(&[400, 404]),
        post("/v1/models/{name}/score", Only(Predict), score::score)
            .about(
                "models",
                "What a model would say of given features",
                "For what-if questions: every feature of the view named, null where missing, within its range.",
            )
            .choosing(&[Query::Version])
            .asks::<score::Question>(JSON)
            .answers::<score::Scores<'_>>("A score for each row")
            .fails(&[404, 409]),
    ]
}

fn operations() -> Vec<Route> {
    let tag = "operations";
    vec![
        get("/v1/models/{name}/traffic", Any, traffic::show)
            .about(tag, "Which version an operator wants to answer whom", "Empty where the newest goes live by itself.")
            .answers::<Traffic>("The traffic")
            .fails(&[400, 404]),
        put("/v1/models/{name}/traffic", Only(Admin), traffic::set)
            .about(
                tag,
                "Set which version answers whom",
                "All of it: what is left out is not wanted any more, and `{}` lets the newest version go live by itself again. \
                 Answered when the order has been carried out and is on disk.",
            )
            .asks::<Traffic>(JSON)
            .answers::<ModelStatus>("The model, as it is now")
            .fails(&[404, 409]),
        post("/v1/models/{name}/rollback", Only(Admin), traffic::roll_back)
            .about(tag, "Go back to the version before, and stay there", "Or to the one named with `to`.")
            .may_ask::<traffic::Rollback>()
            .answers::<ModelStatus>("The model, as it is now")
            .fails(&[404, 409]),
        get("/health/live", Health, health::live)
            .about(tag, "Whether the process lives", "")
            .answers::<health::Health>("It does"),
        get("/health/ready", Health, health::ready)
            .about(tag, "Whether predictions can be served", "")
            .answers::<health::Health>("They can")
            .answers_as::<health::Health>(503, "They cannot, for these reasons", JSON),
        get(metrics::PATH, Any, metrics::metrics)
            .about(tag, "What is counted", "In OpenMetrics text, for Prometheus.")
            .answers_as::<Text>(200, "The metrics", metrics::MEDIA_TYPE),
    ]
}

fn inference() -> Vec<Route> {
    let (tag, described) = ("open inference protocol", "As the Open Inference Protocol v2 has it.");
    let ready = |path| {
        get(path, Any, v2::model_ready)
            .about(tag, "Whether a model is ready", described)
            .answers::<Anything>("It is")
            .fails(&[400, 404, 409])
    };
    let metadata = |path| {
        get(path, Any, v2::metadata)
            .about(tag, "What a model takes and gives", described)
            .answers::<Anything>("Its inputs, outputs and versions")
            .fails(&[400, 404, 409])
    };
    let infer = |path| {
        post(path, Only(Predict), v2::infer)
            .about(
                tag,
                "Inference",
                "The inputs are `user_id`, a tensor for each feature, or one tensor `features` with a row for each; the outputs \
                 `probability` and `decision`. Tensors may come in binary, as Triton's client sends them.",
            )
            .asks::<openapi::InferenceQuestion>(JSON)
            .answers::<Anything>("The outputs")
            .fails(&[404, 409])
    };
    let routes = [
        get("/v2", Any, v2::server)
            .about(tag, "What this server is", described)
            .answers::<Anything>("Its name and version"),
        get("/v2/health/live", Health, v2::live)
            .about(tag, "Whether the server lives", described)
            .answers::<Anything>("It does"),
        get("/v2/health/ready", Health, v2::ready)
            .about(tag, "Whether the server is ready", described)
            .answers::<Anything>("It is")
            .answers_as::<Anything>(503, "It is not", JSON),
        metadata("/v2/models/{name}"),
        ready("/v2/models/{name}/ready"),
        infer("/v2/models/{name}/infer"),
        metadata("/v2/models/{name}/versions/{version}"),
        ready("/v2/models/{name}/versions/{version}/ready"),
        infer("/v2/models/{name}/versions/{version}/infer"),
        post("/v2/repository/index", Any, v2::index)
            .about(tag, "All versions of all models", "As Triton's repository extension has it.")
            .may_ask::<v2::Which>()
            .answers::<Anything>("The versions"),
    ];
    routes.map(|route| route.telling(v2::form())).into()
}

fn mlflow() -> Vec<Route> {
    let tag = "mlflow";
    let routes = [
        post("/invocations", Only(Predict), mlflow::invocations)
            .about(tag, "Predictions", "One of `dataframe_split`, `dataframe_records`, `instances` and `inputs`.")
            .choosing(BY_CHOICE)
            .asks::<openapi::MlflowQuestion>(JSON)
            .answers::<mlflow::Answer>("A score for each row")
            .fails(&[404, 409]),
        get("/ping", Health, mlflow::ping)
            .about(tag, "Whether predictions can be served", "")
            .answers_as::<Text>(200, "They can", mlflow::TEXT)
            .answers_as::<Text>(503, "They cannot", mlflow::TEXT),
        get("/version", Any, mlflow::version).about(tag, "The version of this server", "").answers_as::<Text>(
            200,
            "The version",
            mlflow::TEXT,
        ),
    ];
    routes.map(|route| route.telling(mlflow::form())).into()
}

fn feast() -> Vec<Route> {
    let route = post("/get-online-features", Any, feast::online_features)
        .about("feast", "Features of many users", "By their names, or with the view's name as `feature_service`.")
        .asks::<openapi::FeastQuestion>(JSON)
        .answers::<feast::Answer>("A result for each name, the entity's first, each with all users");
    vec![route.telling(feast::form())]
}

fn description() -> Vec<Route> {
    let tag = "description";
    vec![
        get("/openapi.json", Public, openapi::document)
            .about(tag, "This description", "In OpenAPI 3.1.")
            .answers::<Anything>("The description"),
        get("/docs", Public, openapi::to_page)
            .about(tag, "To the page that shows this description", "")
            .answers_as::<Text>(308, "To its first file", "text/plain"),
        get("/docs/{file}", Public, openapi::page)
            .about(tag, "The page that shows this description and tries it out", "It fetches nothing from elsewhere.")
            .answers_as::<Text>(200, "A file of the page", "text/html")
            .fails(&[400, 404]),
    ]
}
