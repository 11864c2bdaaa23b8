//! The description of the API in OpenAPI 3.1, made from the list of routes and from the types that they answer with.
//!
//! Read in this order: what there is to say of a route (here), [`shapes`], [`mod@page`].

mod page;
mod shapes;

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
};
use utoipa::{PartialSchema as _, ToSchema};

pub use page::{document, page, to_page};
pub use shapes::{
    Anything, Day, FeastQuestion, FeatureRow, FeatureStates, InferenceQuestion, Kind, MlflowQuestion, Name, RecordLine,
    Sha256Text, Text, UserId, Version,
};

use super::routes::{Route, routes};
use crate::access::Access;

/// The name under which tokens stand in the description.
const TOKEN: &str = "token";

/// What a body looks like.
#[derive(Clone, Copy)]
pub struct Shape {
    media: &'static str,
    name: fn() -> Cow<'static, str>,
    schema: fn() -> RefOr<Schema>,
    nested: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    /// JSON of a type.
    pub fn json<T: ToSchema>() -> Self {
        Self::of::<T>("application/json")
    }

    /// A type, as a media type has it.
    pub fn of<T: ToSchema>(media: &'static str) -> Self {
        Self { media, name: T::name, schema: T::schema, nested: T::schemas }
    }
}

/// What there is to say of a route.
pub struct About {
    /// What it belongs to.
    pub tag: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else must be known.
    pub detail: &'static str,
    /// What may stand behind the question mark.
    pub query: &'static [Query],
    /// What is sent.
    pub asks: Vec<Shape>,
    /// Whether something must be sent.
    pub asks_required: bool,
    /// What comes back, by status; no shape where nothing does.
    pub answers: Vec<(u16, &'static str, Option<Shape>)>,
    /// The statuses of what may go wrong, beyond what goes wrong everywhere.
    pub fails: &'static [u16],
}

/// A parameter that may stand behind the question mark.
#[derive(Debug, Clone, Copy)]
pub enum Query {
    /// `model=NAME`.
    Model,
    /// `version=NUMBER`.
    Version,
}

/// Gives the description of all routes.
pub fn describe() -> OpenApi {
    let mut components = BTreeMap::new();
    let mut paths: BTreeMap<&str, PathItemBuilder> = BTreeMap::new();
    for route in routes() {
        let item = paths.remove(route.path).unwrap_or_default();
        let method = method_of(&route.method);
        paths.insert(route.path, item.operation(method, operation(&route, &mut components)));
    }
    let paths = paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item.build()));
    let components = components
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema))
        .security_scheme(
            TOKEN,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("A token from `countersign tokens add`, with the role that the operation names."))
                    .build(),
            ),
        );
    let tags = [
        ("users", "A user's stored features, and predictions from them"),
        ("models", "Models, their versions, and what they say of given features"),
        ("operations", "Which version answers, health, metrics"),
        ("features", "Publication of features"),
        ("open inference protocol", "The protocol of Triton, KServe and Seldon, version 2"),
        ("mlflow", "The protocol of MLflow's scoring server"),
        ("feast", "The protocol of Feast's feature server"),
        ("description", "This description"),
    ];
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Countersign")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Features and predictions by user id, from models that a human has countersigned. Every answer names the \
                     model version and the digest of the module that gave it.",
                ))
                .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
                .build(),
        )
        .paths(paths.build())
        .components(Some(components.build()))
        .tags(Some(tags.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build())))
        .build()
}

fn operation(route: &Route, components: &mut BTreeMap<String, RefOr<Schema>>) -> OperationBuilder {
    let Route { method, path, access, form, about, .. } = route;
    let mut refer = |shape: &Shape| {
        let name = (shape.name)().into_owned();
        let mut nested = vec![(name.clone(), (shape.schema)())];
        (shape.nested)(&mut nested);
        components.extend(nested);
        ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build()
    };
    let role = match access {
        Access::Health | Access::Public => "Takes no token.".to_owned(),
        Access::Any => "Takes a token of any role.".to_owned(),
        Access::Only(role) => format!("Takes a token with the role `{role}`."),
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id_of(method, path)))
        .tag(about.tag)
        .summary(Some(about.summary))
        .description(Some(format!("{} {role}", about.detail).trim()));
    if !matches!(access, Access::Health | Access::Public) {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []));
    }
    for parameter in parameters(path, about.query) {
        operation = operation.parameter(parameter);
    }
    if !about.asks.is_empty() {
        let body = RequestBodyBuilder::new().required(Some(if about.asks_required {
            Required::True
        } else {
            Required::False
        }));
        let body = about.asks.iter().fold(body, |body, shape| body.content(shape.media, refer(shape)));
        operation = operation.request_body(Some(body.build()));
    }
    let mut responses: BTreeMap<u16, ResponseBuilder> = BTreeMap::new();
    for (status, said, shape) in &about.answers {
        let response = responses.remove(status).unwrap_or_default();
        let response = response.description(*said);
        let response = match shape {
            Some(shape) => response.content(shape.media, refer(shape)),
            None => response,
        };
        responses.insert(*status, response);
    }
    for status in fails(route) {
        let said = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let response = responses.remove(&status).unwrap_or_else(|| ResponseBuilder::new().description(said));
        responses.insert(status, response.content(form.shape.media, refer(&form.shape)));
    }
    responses
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status.to_string(), response.build()))
}

/// Gives the statuses of what may go wrong.
fn fails(route: &Route) -> Vec<u16> {
    let mut fails = route.about.fails.to_vec();
    if !matches!(route.access, Access::Health) {
        fails.extend([429, 500, 503]);
    }
    if !matches!(route.access, Access::Health | Access::Public) {
        fails.extend([401, 403]);
    }
    if !route.about.asks.is_empty() {
        fails.extend([400, 408, 413, 415]);
    }
    fails.sort_unstable();
    fails.dedup();
    fails
}

fn parameters(path: &str, query: &[Query]) -> Vec<Parameter> {
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = named.map(|name| {
        let schema = match name {
            "id" => UserId::schema(),
            "version" => Version::schema(),
            "name" => Name::schema(),
            _ => Text::schema(),
        };
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema))
            .build()
    });
    let in_query = query.iter().map(|query| {
        let (name, schema, said) = match query {
            Query::Model => ("model", Name::schema(), "The model; without it the default one."),
            Query::Version => ("version", Version::schema(), "The version; without it the one that answers the user."),
        };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
        parameter.description(Some(said)).schema(Some(schema)).build()
    });
    in_path.chain(in_query).collect()
}

fn method_of(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

/// Names an operation as programs made from the description will call it: `get_v1_users_id_prediction`.
fn id_of(method: &Method, path: &str) -> String {
    let words: Vec<_> = path.split(['/', '-', '{', '}', '.']).filter(|word| !word.is_empty()).collect();
    format!("{}_{}", method.as_str().to_lowercase(), words.join("_"))
}
