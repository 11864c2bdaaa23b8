//! A user's stored features, and whether they may be used: of the view that is served, and not too old.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::FeatureView;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::App;
use super::identity::RequestId;
use super::models::Live;
use super::problem::Problem;
use crate::prediction_log::Entry;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// A user's features, of the view that is served.
pub struct Found {
    /// The record.
    pub record: FeatureRecord,
    /// Seconds from the start of the event's day, in UTC, to now.
    pub age_seconds: i64,
    /// Whether that is more than the features may be old.
    pub expired: bool,
}

/// What stands where a feature's value should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeatureState {
    /// A value.
    Present,
    /// Nothing: the value is missing.
    NullValue,
    /// Nothing: there is no record of the user.
    NotFound,
    /// A value that is too old.
    OutsideMaxAge,
}

impl Found {
    /// Reads a user's record.
    ///
    /// # Errors
    /// [`Problem`]: the user is unknown, the record follows another view, or the store fails.
    pub fn read(app: &App, user: EntityId) -> Result<Self, Problem> {
        let record = app.store.get(user)?.ok_or(Problem::UnknownUser(user))?;
        // A row means what its reader takes it to mean only if both follow one view. The width is compared too: the
        // digest says nothing of a row that was written faultily.
        if record.view != app.view_digest || record.values.len() != app.view.width() {
            return Err(Problem::ViewMismatch { record: record.view, wanted: app.view_digest });
        }
        let age_seconds = now_s() - i64::from(record.event_time.days()) * DAY_S;
        let expired = app.limits.features_age_max.is_some_and(|most| age_seconds > most.as_secs() as i64);
        Ok(Self { record, age_seconds, expired })
    }

    /// As [`read`](Self::read), of features that a model may read.
    ///
    /// # Errors
    /// [`Problem`], also where the features are too old.
    pub fn fresh(app: &App, user: EntityId) -> Result<Self, Problem> {
        let found = Self::read(app, user)?;
        if found.expired { Err(Problem::FeaturesTooOld { user, age_seconds: found.age_seconds }) } else { Ok(found) }
    }

    /// Gives a prediction from these features, as it is logged.
    pub fn entry(&self, time: SystemTime, request: &RequestId, probability: f64, live: &Arc<dyn Live>) -> Entry {
        let FeatureRecord { entity, event_time, as_of, ref values, .. } = self.record;
        Entry {
            time,
            request_id: Arc::clone(&request.0),
            subject: Some((entity, event_time, as_of)),
            values: values.clone(),
            probability,
            live: Arc::clone(live),
        }
    }

    /// Gives what stands where the value of a place should.
    pub fn state(&self, value: f64) -> FeatureState {
        match value {
            _ if self.expired => FeatureState::OutsideMaxAge,
            value if value.is_nan() => FeatureState::NullValue,
            _ => FeatureState::Present,
        }
    }
}

/// A row as a JSON object, in the view's order: a map of `serde_json` would sort it by name.
pub struct Row<'a> {
    /// The view.
    pub view: &'a FeatureView,
    /// The values, NaN where missing.
    pub values: &'a [f64],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (feature, &value) in self.view.features.iter().zip(self.values) {
            map.serialize_entry(feature.name.as_str(), &feature.json(value))?;
        }
        map.end()
    }
}

/// What stands where each value should, as a JSON object in the view's order.
pub struct States<'a> {
    /// The view.
    pub view: &'a FeatureView,
    /// The features.
    pub found: &'a Found,
}

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = &self.found.record.values;
        let mut map = serializer.serialize_map(Some(values.len()))?;
        for (feature, &value) in self.view.features.iter().zip(values) {
            map.serialize_entry(feature.name.as_str(), &self.found.state(value))?;
        }
        map.end()
    }
}

/// Gives the seconds since 1970 by this machine's clock; a clock before that is as good as none.
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
