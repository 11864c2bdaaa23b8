//! What happened to a model's versions, for whoever asks later why another one answers.

use chrono::{SecondsFormat, Utc};
use contract::ids::ModelVersion;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most events that are kept of a model; the oldest is forgotten first.
pub(super) const EVENTS_MAX: usize = 32;

/// Something that changed which version answers, or may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, by this host's clock, as RFC 3339 in UTC.
    pub time: String,
    /// What happened.
    pub what: What,
    /// To which version.
    #[schema(value_type = Option<u64>)]
    pub version: Option<ModelVersion>,
    /// Why, in a sentence.
    pub detail: String,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A version began to answer.
    WentLive,
    /// An operator set the traffic.
    TrafficSet,
    /// An operator went back to an earlier version.
    RolledBack,
    /// A version failed too often and was taken out of service.
    Withdrawn,
    /// A version failed too often, and nothing else could answer in its place.
    Failing,
    /// The trust policy no longer lets a version run.
    Revoked,
}

impl Event {
    /// Says that something has just happened.
    pub(super) fn now(what: What, version: Option<ModelVersion>, detail: impl Into<String>) -> Self {
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        Self { time, what, version, detail: detail.into() }
    }
}
