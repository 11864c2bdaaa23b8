//! What an operator wants of a model's traffic: which version is pinned, which takes a share, which only listens.
//!
//! # Shape
//! ```json
//! {"live":7,"canary":{"version":8,"percent":5},"shadow":9}
//! ```
//! Without `live` the newest version goes live by itself.

use contract::ids::{EntityId, ModelName, ModelVersion};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::reason::Reason;

/// What an operator set for a model; the default is to let the newest version go live by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// The version that is pinned: it stays live whatever newer one comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 9_007_199_254_740_992_u64)]
    pub live: Option<ModelVersion>,
    /// The version that answers a share of the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The version that scores what the live one scores, for comparison only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 9_007_199_254_740_992_u64)]
    pub shadow: Option<ModelVersion>,
}

/// A version that answers a share of the users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The version.
    #[schema(value_type = u64, minimum = 1, maximum = 9_007_199_254_740_992_u64)]
    pub version: ModelVersion,
    /// The share of the users, in percent.
    #[schema(value_type = f64, exclusive_minimum = 0, maximum = 100)]
    pub percent: Percent,
}

/// A share in percent, over 0 and at most 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(f64);

/// Why a share is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a canary's percent is over 0 and at most 100, not {0}")]
pub struct NoPercent(f64);

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// To have traffic as said, in place of all that was said before.
    Traffic(Traffic),
    /// To go back to the version before, or to a named one, and stay there.
    Rollback {
        /// The version to go back to; none for the one that was live before.
        to: Option<ModelVersion>,
    },
}

/// Why an order is not carried out; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// The registry knows no such model.
    #[error("no model is called `{0}`")]
    UnknownModel(ModelName),
    /// The model has no such version.
    #[error("there is no version {0} here: put its approved module into the registry first, and see /v1/models")]
    UnknownVersion(ModelVersion),
    /// The version is there and may not serve.
    #[error("version {version} cannot serve ({}): {}", reason.code, reason.message)]
    Unusable {
        /// The version.
        version: ModelVersion,
        /// Why.
        reason: Reason,
    },
    /// The order contradicts itself.
    #[error("{0}")]
    Contradiction(&'static str),
    /// There is nothing to go back to.
    #[error("no version before {0} can serve: name one with `to`, or approve a new one")]
    NothingBefore(ModelVersion),
    /// Nothing is live, so that there is nothing to go back from.
    #[error("no version is live, so that there is nothing to go back from")]
    NothingLive,
    /// Another order for the model came before this one was carried out.
    #[error("another order for this model came in between; look at its state and ask again")]
    Superseded,
    /// The ledger cannot be written, and an order that a restart forgets is none.
    #[error("the order cannot be remembered: {0}")]
    Ledger(String),
    /// The registry is busy, starting or stopping.
    #[error("the registry does not take orders now; try again in a moment")]
    Busy,
}

impl Traffic {
    /// Checks what can be told without knowing the versions.
    pub(super) fn check(&self) -> Result<(), OrderRefused> {
        let beside = self.canary.map(|canary| canary.version).into_iter().chain(self.shadow);
        let Some(live) = self.live else {
            return match beside.count() {
                0 => Ok(()),
                _ => Err(OrderRefused::Contradiction(
                    "a canary or a shadow needs `live`: without a pinned version the newest goes live by itself",
                )),
            };
        };
        for version in beside {
            if version == live {
                return Err(OrderRefused::Contradiction("a canary or a shadow is another version than `live`"));
            }
        }
        if self.shadow.is_some() && self.shadow == self.canary.map(|canary| canary.version) {
            return Err(OrderRefused::Contradiction("a version is either the canary or the shadow"));
        }
        Ok(())
    }

    /// Gives the versions that are named.
    pub(super) fn versions(&self) -> impl Iterator<Item = ModelVersion> {
        self.live.into_iter().chain(self.canary.map(|canary| canary.version)).chain(self.shadow)
    }
}

impl Canary {
    /// Tells whether a user's requests go to the canary. The same user always gets the same answer, and a larger share
    /// keeps the users of a smaller one.
    ///
    /// # Source
    /// The first 8 bytes (big-endian) of SHA-256(model name, `:`, user id in decimal) as a fraction of 2^64, in percent.
    pub(super) fn takes(self, model: &ModelName, user: EntityId) -> bool {
        let digest = Sha256::digest(format!("{model}:{user}"));
        let head = digest[..8].try_into().map(u64::from_be_bytes).expect("a digest has 32 bytes");
        let fraction = (head >> 11) as f64 / (1_u64 << 53) as f64;
        fraction * 100.0 < self.percent.0
    }
}

impl TryFrom<f64> for Percent {
    type Error = NoPercent;
    fn try_from(percent: f64) -> Result<Self, NoPercent> {
        if percent > 0.0 && percent <= 100.0 { Ok(Self(percent)) } else { Err(NoPercent(percent)) }
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> f64 {
        percent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(json: &str) -> Result<Traffic, String> {
        let traffic: Traffic = serde_json::from_str(json).map_err(|error| error.to_string())?;
        traffic.check().map(|()| traffic).map_err(|refused| refused.to_string())
    }

    #[test]
    fn sound_traffic_round_trips() {
        for json in [
            "{}",
            r#"{"live":7}"#,
            r#"{"live":7,"canary":{"version":8,"percent":5.0},"shadow":9}"#,
            r#"{"live":7,"canary":{"version":6,"percent":100.0}}"#,
        ] {
            let read = traffic(json).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(serde_json::to_string(&read).expect("plain data"), json);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for json in [
            r#"{"canary":{"version":8,"percent":5}}"#,
            r#"{"shadow":8}"#,
            r#"{"live":7,"shadow":7}"#,
            r#"{"live":7,"canary":{"version":7,"percent":5}}"#,
            r#"{"live":7,"canary":{"version":8,"percent":5},"shadow":8}"#,
            r#"{"live":7,"canary":{"version":8,"percent":0}}"#,
            r#"{"live":7,"canary":{"version":8,"percent":100.5}}"#,
            r#"{"live":7,"canary":{"version":8}}"#,
            r#"{"live":0}"#,
            r#"{"live":-1}"#,
            r#"{"live":"7"}"#,
            r#"{"life":7}"#,
        ] {
            assert!(traffic(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_share_is_sticky_and_grows_by_adding_users() {
        let model: ModelName = "credit-risk".parse().expect("a name");
        let version = ModelVersion::FIRST;
        let taken = |percent: f64| -> Vec<u64> {
            let canary = Canary { version, percent: percent.try_into().expect("a share") };
            let user = |id: &u64| EntityId::try_from(*id).expect("an id");
            (5_000_000..5_020_000).filter(|id| canary.takes(&model, user(id))).collect()
        };
        let (few, more) = (taken(5.0), taken(20.0));
        assert!((900..1100).contains(&few.len()), "{}", few.len());
        assert!((3800..4200).contains(&more.len()), "{}", more.len());
        assert!(few.iter().all(|id| more.contains(id)));
        assert_eq!(few, taken(5.0));
        assert_eq!(taken(100.0).len(), 20_000);
        let other: ModelName = "affordability".parse().expect("a name");
        let canary = Canary { version, percent: 5.0.try_into().expect("a share") };
        let both = few.iter().filter(|id| canary.takes(&other, EntityId::try_from(**id).expect("an id")));
        assert!(both.count() < 100, "another model draws other users");
    }
}
