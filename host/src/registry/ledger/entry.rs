//! What the ledger knows of one model.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::ids::ModelVersion;
use serde::{Deserialize, Serialize};

use crate::registry::event::{EVENTS_MAX, Event};
use crate::registry::traffic::Traffic;

/// The most versions that are remembered as having been live before.
const BEFORE_MAX: usize = 16;

/// One model's entry.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::registry) struct Entry {
    /// The highest version that was ever live.
    pub(in crate::registry) highest_live: Option<ModelVersion>,
    /// The version that was live last.
    #[serde(default)]
    pub(in crate::registry) live: Option<ModelVersion>,
    /// Those that were live before it, each once, the latest last.
    #[serde(default)]
    pub(in crate::registry) before: Vec<ModelVersion>,
    /// What an operator wants.
    #[serde(default)]
    pub(in crate::registry) traffic: Traffic,
    /// The versions taken out of service since they failed, and what was said of them.
    #[serde(default)]
    pub(in crate::registry) withdrawn: BTreeMap<ModelVersion, String>,
    /// The digest that owns each version.
    pub(in crate::registry) taken: BTreeMap<ModelVersion, Digest>,
    /// What happened, the latest last.
    #[serde(default)]
    pub(in crate::registry) events: Vec<Event>,
}

impl Entry {
    /// Notes that a version goes live.
    pub(in crate::registry) fn went_live(&mut self, version: ModelVersion) {
        if let Some(before) = self.live.filter(|&before| before != version) {
            self.before.retain(|&earlier| earlier != before && earlier != version);
            self.before.push(before);
            let forgotten = self.before.len().saturating_sub(BEFORE_MAX);
            self.before.drain(..forgotten);
        }
        self.live = Some(version);
        self.highest_live = self.highest_live.max(Some(version));
    }

    /// Notes what happened.
    pub(in crate::registry) fn note(&mut self, event: Event) {
        self.events.push(event);
        let forgotten = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::event::What;

    #[test]
    fn what_was_live_is_remembered_once_each_and_bounded() {
        let version = |counter: u64| ModelVersion::try_from(counter).expect("a counter");
        let mut entry = Entry::default();
        for counter in [1, 2, 3, 2, 2] {
            entry.went_live(version(counter));
        }
        assert_eq!((entry.live, entry.highest_live), (Some(version(2)), Some(version(3))));
        assert_eq!(entry.before, [version(1), version(3)]);
        for counter in 1..100 {
            entry.went_live(version(counter));
            entry.note(Event::now(What::WentLive, Some(version(counter)), "newer"));
        }
        assert_eq!((entry.before.len(), entry.events.len()), (BEFORE_MAX, EVENTS_MAX));
        assert_eq!(entry.before.last(), Some(&version(98)));
    }
}
