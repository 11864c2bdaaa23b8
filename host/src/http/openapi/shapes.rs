//! The shapes of what is sent and answered, where no type of ours has a derived one: texts with rules of their own, what follows
//! the view that is served, and the questions of other protocols.

use contract::view::{Feature, FeatureKind, FeatureView};
use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ArrayItems, KnownFormat, Object, ObjectBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::http::lookup::FeatureState;

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
        schemas.push(("FeatureState".to_owned(), FeatureState::schema()));
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
