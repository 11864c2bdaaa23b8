//! A feature record: one entity's features at one time, as published to the host.
//!
//! # Shape
//! One JSON object a line (NDJSON):
//! `{"user_id":5008804,"event_time":"2020-12-30","as_of":"2021-12-27","view":"sha256:..","features":{"age":33,..}}`.
//! Every feature of the view is named; a missing value is null.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::date::Date;
use crate::digest::Digest;
use crate::ids::{EntityId, FeatureName};
use crate::view::{FeatureView, ValueError};

/// One entity's features at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRecord {
    /// Whose features they are.
    pub entity: EntityId,
    /// When the newest event in them happened.
    pub event_time: Date,
    /// The day they were computed for.
    pub as_of: Date,
    /// The digest of the view they follow.
    pub view: Digest,
    /// The row, in the view's order, NaN where missing.
    pub values: Vec<f64>,
}

/// Why a line is no feature record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The line is no JSON, or not of this shape.
    #[error("not a feature record: {0}")]
    Shape(#[from] serde_json::Error),
    /// The record was computed for another view.
    #[error("the record follows view {found}, the host serves {wanted}: compute the features with this version")]
    View {
        /// The record's view.
        found: Digest,
        /// The view it was read for.
        wanted: Digest,
    },
    /// A feature of the view is not named.
    #[error("feature `{0}` is absent: name every feature, with null where it is missing")]
    Absent(FeatureName),
    /// A feature is named that the view does not have.
    #[error("feature `{0}` is not in the view")]
    Unknown(String),
    /// A value is not one of its feature's.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The event is later than the day the features were computed for.
    #[error("event time {event_time} lies after as-of {as_of}")]
    Future {
        /// The record's event time.
        event_time: Date,
        /// The record's as-of.
        as_of: Date,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "user_id")]
    entity: EntityId,
    event_time: Date,
    as_of: Date,
    view: Digest,
    features: BTreeMap<String, Option<f64>>,
}

#[derive(Serialize)]
struct LineOut<'a> {
    #[serde(rename = "user_id")]
    entity: EntityId,
    event_time: Date,
    as_of: Date,
    view: Digest,
    features: &'a Map<String, Value>,
}

impl FeatureRecord {
    /// Reads a line and checks it against the view.
    ///
    /// # Errors
    /// [`RecordError`], which names what is wrong.
    pub fn from_json(line: &[u8], view: &FeatureView, view_digest: Digest) -> Result<Self, RecordError> {
        let Line { entity, event_time, as_of, view: found, features } = serde_json::from_slice(line)?;
        if found != view_digest {
            return Err(RecordError::View { found, wanted: view_digest });
        }
        if event_time > as_of {
            return Err(RecordError::Future { event_time, as_of });
        }
        Ok(Self { entity, event_time, as_of, view: found, values: row_of(view, features)? })
    }

    /// Writes the record as one line of JSON, without the line's end.
    pub fn to_json(&self, view: &FeatureView) -> String {
        let features = features_json(view, &self.values);
        let Self { entity, event_time, as_of, view, .. } = *self;
        serde_json::to_string(&LineOut { entity, event_time, as_of, view, features: &features })
            .expect("a record is plain data")
    }
}

/// Gives the row of features by name, none where missing: every feature of the view is named and no other, each with a value of its own.
///
/// # Errors
/// [`RecordError`], which names the feature.
pub fn row_of(view: &FeatureView, mut features: BTreeMap<String, Option<f64>>) -> Result<Vec<f64>, RecordError> {
    let mut values = Vec::with_capacity(view.width());
    for feature in &view.features {
        let value = features
            .remove(feature.name.as_str())
            .ok_or_else(|| RecordError::Absent(feature.name.clone()))?
            .unwrap_or(f64::NAN);
        feature.check(value)?;
        values.push(value);
    }
    match features.into_keys().next() {
        Some(name) => Err(RecordError::Unknown(name.chars().take(64).collect::<String>().escape_default().to_string())),
        None => Ok(values),
    }
}

/// Gives a row as a JSON object by feature name, null where missing.
pub fn features_json(view: &FeatureView, values: &[f64]) -> Map<String, Value> {
    let named = view.features.iter().zip(values);
    named.map(|(feature, &value)| (feature.name.to_string(), feature.json(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> FeatureRecord {
        FeatureRecord {
            entity: "5008804".parse().expect("an id"),
            event_time: "2020-12-30".parse().expect("a day"),
            as_of: "2021-12-27".parse().expect("a day"),
            view: FeatureView::credit_risk().digest(),
            values: vec![15.0, 128.906_371_169_314_64, 33.0, f64::NAN, 1.0],
        }
    }

    #[test]
    fn a_line_round_trips() {
        let view = FeatureView::credit_risk();
        let line = record().to_json(view);
        assert!(line.contains("\"years_on_the_job\":null"), "{line}");
        let back = FeatureRecord::from_json(line.as_bytes(), view, view.digest()).expect("our own line");
        let bits = |record: &FeatureRecord| record.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&record()));
        assert_eq!(back.to_json(view), line);
    }

    #[test]
    fn bad_lines_are_refused() {
        let view = FeatureView::credit_risk();
        let line = record().to_json(view);
        let check = |from: &str, to: &str, said: &str| {
            assert!(line.contains(from), "{from} is not in {line}");
            let changed = line.replacen(from, to, 1);
            let error = FeatureRecord::from_json(changed.as_bytes(), view, view.digest()).expect_err(to).to_string();
            assert!(error.contains(said), "{error} does not say {said}");
        };
        check("{", "", "not a feature record");
        check("5008804", "-1", "not a feature record");
        check("\"age\":33", "\"age\":33.5", "whole numbers");
        check("\"age\":33", "\"age\":null", "missing");
        check("\"age\":33", "\"age\":\"33\"", "not a feature record");
        check("\"age\":33", "\"age\":1e999", "not a feature record");
        check("\"age\":33,", "", "absent");
        check("\"age\":33", "\"age\":33,\"id\":1", "not in the view");
        check("2020-12-30", "2022-12-30", "after as-of");
        check("\"view\":\"sha256:", "\"view\":\"sha256:0000", "not a feature record");
    }

    #[test]
    fn another_views_record_is_refused() {
        let view = FeatureView::credit_risk();
        let line = FeatureRecord { view: Digest::of(b"another"), ..record() }.to_json(view);
        let error = FeatureRecord::from_json(line.as_bytes(), view, view.digest());
        assert!(matches!(error, Err(RecordError::View { .. })));
    }
}
