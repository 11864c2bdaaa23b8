//! The description of the API in OpenAPI 3.1, made from the list of routes and from the types that they answer with; and the
//! page that shows it and tries it out, which fetches nothing from elsewhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{Method, Response, StatusCode};
use contract::view::{Feature, FeatureKind, FeatureView};
use serde_json::json;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ArrayItems, KnownFormat, Object, ObjectBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, Url};

use super::problem::Problem;
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

/// Says that a shape stands for a text with rules of its own.
macro_rules! text {
    ($(#[doc = $doc:literal])* $name:ident, $schema:expr) => {
        $(#[doc = $doc])*
        pub struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some(concat!($($doc),*).trim())).build().into()
            }
        }
        impl ToSchema for $name {}
    };
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn integer(min: isize, max: isize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

/// An object with these properties, all of them needed; others may stand beside them.
fn open_object<'a, S: Into<RefOr<Schema>>>(properties: impl IntoIterator<Item = (&'a str, S)>) -> ObjectBuilder {
    let empty = ObjectBuilder::new().schema_type(Type::Object);
    properties.into_iter().fold(empty, |object, (name, schema)| object.property(name, schema).required(name))
}

/// An object with these properties, all of them needed, and no other.
fn object<'a, S: Into<RefOr<Schema>>>(properties: impl IntoIterator<Item = (&'a str, S)>) -> ObjectBuilder {
    open_object(properties).additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}

/// The one text that stands here.
fn word(word: &str) -> ObjectBuilder {
    string().enum_values(Some([word]))
}

/// A list of up to 10,000 of the same.
fn list(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(ArrayItems::RefOrSchema(Box::new(items.into()))).max_items(Some(10_000))
}

/// A list of these and no more, in this order.
fn sequence(items: impl IntoIterator<Item = Schema>) -> ArrayBuilder {
    let items: Vec<_> = items.into_iter().collect();
    let count = Some(items.len());
    ArrayBuilder::new().prefix_items(items).items(ArrayItems::False).min_items(count).max_items(count)
}

/// One of these forms; an empty list may be of several.
fn any_of(forms: impl IntoIterator<Item = Schema>) -> Schema {
    Schema::AnyOf(forms.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).build())
}

/// The values of the features of the view, each with its name; besides numbers they may be of a further type.
fn features_or(further: Option<Type>) -> Vec<(&'static str, ObjectBuilder)> {
    let schema = |feature: &'static Feature| {
        let mut types = vec![if feature.kind == FeatureKind::Int { Type::Integer } else { Type::Number }];
        types.extend(further.clone());
        types.extend(feature.missing_allowed.then_some(Type::Null));
        let types = if let [one] = &types[..] { SchemaType::Type(one.clone()) } else { SchemaType::Array(types) };
        let about = format!("{} Unit: {}.", feature.description, feature.unit);
        let schema = ObjectBuilder::new().schema_type(types).description(Some(about));
        (feature.name.as_str(), schema.minimum(Some(feature.min)).maximum(Some(feature.max)))
    };
    FeatureView::credit_risk().features.iter().map(schema).collect()
}

fn features() -> Vec<(&'static str, ObjectBuilder)> {
    features_or(None)
}

/// The same, where flags may be true or false.
fn loose_features() -> Vec<(&'static str, ObjectBuilder)> {
    features_or(Some(Type::Boolean))
}

/// The id of a user.
fn id() -> ObjectBuilder {
    integer(0, isize::MAX)
}

text!(
    /// The id of a user: a whole number from 0 to 9223372036854775807.
    UserId,
    id().examples([json!(5_008_804)])
);
text!(
    /// A day in UTC, as YYYY-MM-DD.
    Day,
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples([json!("2021-12-27")])
);
text!(
    /// A SHA-256.
    Sha256Text,
    string().pattern(Some("^sha256:[0-9a-f]{64}$"))
);
text!(
    /// The name of a model.
    Name,
    string().pattern(Some("^[a-z][a-z0-9-]{0,63}$")).examples([json!("credit-risk")])
);
text!(
    /// The number of a version, from 1.
    Version,
    integer(1, 1 << 53).examples([json!(1)])
);
text!(
    /// Plain text.
    Text,
    string()
);
text!(
    /// JSON of a protocol that is described elsewhere.
    Anything,
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
);
text!(
    /// What a score is: the probability of the event, or a score that resampling distorted.
    Kind,
    string().enum_values(Some(["probability", "score"]))
);

/// The features of the view that is served, null where missing.
pub struct FeatureRow;

impl PartialSchema for FeatureRow {
    fn schema() -> RefOr<Schema> {
        object(features()).build().into()
    }
}

impl ToSchema for FeatureRow {}

/// What stands where each feature should.
pub struct FeatureStates;

impl PartialSchema for FeatureStates {
    fn schema() -> RefOr<Schema> {
        let names = FeatureView::credit_risk().features.iter().map(|feature| feature.name.as_str());
        object(names.map(|name| (name, Ref::from_schema_name("FeatureState")))).build().into()
    }
}

impl ToSchema for FeatureStates {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("FeatureState".to_owned(), super::lookup::FeatureState::schema()));
    }
}

/// A record to be published, as one line.
pub struct RecordLine;

impl PartialSchema for RecordLine {
    fn schema() -> RefOr<Schema> {
        let view = FeatureView::credit_risk();
        let properties = [
            (view.entity.as_str(), UserId::schema()),
            ("event_time", Day::schema()),
            ("as_of", Day::schema()),
            (
                "view",
                word(&view.digest().to_string())
                    .description(Some("The digest of the view that is served."))
                    .build()
                    .into(),
            ),
            ("features", FeatureRow::schema()),
        ];
        let said = "One record a line. The day of the event is not after the day the features were computed for.";
        object(properties).description(Some(said)).build().into()
    }
}

impl ToSchema for RecordLine {}

/// A question of Feast's clients.
pub struct FeastQuestion;

impl PartialSchema for FeastQuestion {
    fn schema() -> RefOr<Schema> {
        let view = FeatureView::credit_risk();
        let plain = view.features.iter().map(|feature| feature.name.to_string());
        let full = view.features.iter().map(|feature| format!("{}:{}", view.name, feature.name));
        let name = string().enum_values(Some(plain.chain(full).collect::<Vec<_>>()));
        // Its clients send ids as texts too.
        let id = id().schema_type(SchemaType::Array(vec![Type::Integer, Type::String]));
        let ids = list(Schema::from(id.pattern(Some("^(0|[1-9][0-9]{0,17})$"))));
        let entities: Schema = object([(view.entity.as_str(), ids)]).build().into();
        let form = |asked: (&str, Schema)| {
            object([asked, ("entities", entities.clone())])
                .property("full_feature_names", Object::with_type(Type::Boolean))
                .into()
        };
        let names = list(name).max_items(Some(2 * view.width())).into();
        any_of([form(("features", names)), form(("feature_service", word(view.name.as_str()).into()))]).into()
    }
}

impl ToSchema for FeastQuestion {}

/// A question of MLflow's clients.
pub struct MlflowQuestion;

impl PartialSchema for MlflowQuestion {
    fn schema() -> RefOr<Schema> {
        let entity = FeatureView::credit_risk().entity.as_str();
        let names: Vec<_> = loose_features().into_iter().map(|(name, _)| name).collect();
        let values = || loose_features().into_iter().map(|(_, schema)| Schema::from(schema));
        let users = || Schema::from(object([(entity, UserId::schema())]));
        let rows = || Schema::from(object(loose_features()));
        let split = |columns: &[&str], row: Schema| {
            let columns = sequence(columns.iter().map(|name| word(name).into()));
            Schema::from(object([("columns", Schema::from(columns)), ("data", list(row).into())]))
        };
        let nameless = |row: Schema| {
            let data = object([("data", Schema::from(list(row)))]);
            Schema::from(data.property("columns", Object::with_type(Type::Null)))
        };
        let (user, row) = (|| Schema::from(sequence([id().into()])), || Schema::from(sequence(values())));
        let splits = [split(&[entity], user()), split(&names, row()), nameless(user()), nameless(row())];
        let form = |name: &'static str, asked: Schema| Schema::from(object([(name, asked)]));
        let records = |name| [form(name, list(users()).into()), form(name, list(rows()).into())];
        let splits = splits.map(|split| form("dataframe_split", split));
        let records = [records("dataframe_records"), records("instances"), records("inputs")];
        any_of(splits.into_iter().chain(records.into_iter().flatten())).into()
    }
}

impl ToSchema for MlflowQuestion {}

/// A question of the Open Inference Protocol, version 2; it is shown for one user or row, and more go the same way.
pub struct InferenceQuestion;

impl PartialSchema for InferenceQuestion {
    fn schema() -> RefOr<Schema> {
        let tensor = |name: &str, datatype: &str, shape: &[i64], data: Schema| {
            let shape = sequence(
                shape
                    .iter()
                    .map(|&size| ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([size])).into()),
            );
            let properties = [
                ("name", Schema::from(word(name))),
                ("datatype", word(datatype).into()),
                ("shape", shape.into()),
                ("data", data),
            ];
            Schema::from(open_object(properties))
        };
        let view = FeatureView::credit_risk();
        let values = || loose_features().into_iter().map(|(_, schema)| Schema::from(schema));
        let user = tensor(view.entity.as_str(), "INT64", &[1], sequence([id().into()]).into());
        let row = tensor("features", "FP64", &[1, view.width() as i64], sequence(values()).into());
        let columns = loose_features()
            .into_iter()
            .map(|(name, value)| tensor(name, "FP64", &[1], sequence([value.into()]).into()));
        let inputs = any_of([sequence([user]).into(), sequence([row]).into(), sequence(columns).into()]);
        let output = open_object([("name", string().enum_values(Some(["probability", "decision"])))]);
        open_object([("inputs", inputs)])
            .property("id", string().schema_type(SchemaType::Array(vec![Type::String, Type::Null])))
            .property("outputs", list(Schema::from(output)))
            .description(Some("Shown for one user or row; more go the same way."))
            .build()
            .into()
    }
}

impl ToSchema for InferenceQuestion {}

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
