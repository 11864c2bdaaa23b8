//! The catalog as requests and people see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};

use super::{Catalog, Model, Refused, Version, shown};
use crate::registry::Counting;
use crate::registry::reason::Reason;
use crate::registry::route::{Role, Route, Serving};
use crate::registry::status::{ModelStatus, VersionState, VersionStatus, model_of_file};

impl Catalog {
    /// Gives where the requests of each model go.
    pub(in crate::registry) fn routes(&self) -> BTreeMap<ModelName, Arc<Route>> {
        let routes = self.models.iter().filter_map(|(name, model)| Some((name.clone(), self.route(name, model)?)));
        routes.map(|(name, route)| (name, Arc::new(route))).collect()
    }

    fn route(&self, name: &ModelName, model: &Model) -> Option<Route> {
        let ready = |version| model.versions.get(&version)?.ready().cloned();
        let live = Serving::new(ready(model.live?)?, Role::Live, model.shadow.clone());
        let canary = self.canary(name, model).and_then(|version| {
            let canary = self.traffic(name).canary?;
            Some((canary, Serving::new(ready(version)?, Role::Canary, None)))
        });
        let usable = model.versions.keys().filter(|&&version| self.usable(name, model, version));
        let asked_for = |&version: &ModelVersion| Some(Serving::new(ready(version)?, Role::Requested, None));
        Some(Route { model: name.clone(), live, canary, versions: usable.filter_map(asked_for).collect() })
    }

    /// Gives the version that answers a share of the users, where it can.
    fn canary(&self, name: &ModelName, model: &Model) -> Option<ModelVersion> {
        let version = self.traffic(name).canary?.version;
        let serves = self.usable(name, model, version) && model.is_ready(version) && model.live != Some(version);
        serves.then_some(version)
    }

    /// Gives the model that was live before any other.
    pub(in crate::registry) fn first_live(&self) -> Option<&ModelName> {
        self.ledger.first_live()
    }

    /// Gives the versions that are compiled, and the shadow of each model: what they count changes without any change here.
    pub(in crate::registry) fn counting(&self) -> Vec<Counting> {
        let counting = |(name, model): (&ModelName, &Model)| Counting {
            model: name.clone(),
            versions: model.versions.values().filter_map(|version| version.ready().cloned()).collect(),
            shadow: model.shadow.clone(),
        };
        self.models.iter().map(counting).collect()
    }

    /// Gives what an operator should look at.
    pub(in crate::registry) fn warnings(&self) -> Vec<String> {
        self.complaints.values().map(|complaint| complaint.said.clone()).collect()
    }

    /// Gives all models with their versions and refused files, and the refused files whose name names no model.
    pub(in crate::registry) fn report(&self) -> (Vec<ModelStatus>, Vec<VersionStatus>) {
        let held: BTreeSet<Digest> = self.files.values().filter_map(|judged| judged.module).collect();
        let status = |(name, model): (&ModelName, &Model)| (name.clone(), self.model_status(name, model, &held));
        let mut models: BTreeMap<ModelName, ModelStatus> = self.models.iter().map(status).collect();
        let known = || self.models.keys().chain(self.ledger.models()).chain(self.config.default_model.as_ref());
        let mut refusals: Vec<_> = self.refusals.iter().map(refused_status).collect();
        refusals.sort_by(|a, b| a.file.cmp(&b.file));
        let mut unnamed = Vec::new();
        for refused in refusals {
            let Some(name) = model_of_file(&refused.file, known()) else {
                unnamed.push(refused);
                continue;
            };
            let empty = || self.model_status(&name, &Model::default(), &held);
            models.entry(name.clone()).or_insert_with(empty).versions.push(refused);
        }
        (models.into_values().collect(), unnamed)
    }

    fn model_status(&self, name: &ModelName, model: &Model, held: &BTreeSet<Digest>) -> ModelStatus {
        let entry = self.ledger.entry(name);
        let canary = self.canary(name, model);
        let shadow = model.shadow.as_ref().map(|shadow| shadow.model().version());
        let versions = model.versions.iter().rev().map(|(&version, about)| {
            let withdrawn = entry.and_then(|entry| entry.withdrawn.get(&version));
            let state = if model.live == Some(version) {
                VersionState::Live
            } else if about.barred.is_some() {
                VersionState::Rejected
            } else if withdrawn.is_some() {
                VersionState::Withdrawn
            } else if canary == Some(version) {
                VersionState::Canary
            } else if shadow == Some(version) {
                VersionState::Shadow
            } else {
                VersionState::Standby
            };
            let withdrawn = withdrawn.map(|said| Reason::new("failing", said));
            self.version_status(version, about, state, withdrawn, held)
        });
        ModelStatus {
            name: name.clone(),
            live_version: model.live.map(ModelVersion::get),
            highest_live_version: entry.and_then(|entry| entry.highest_live).map(ModelVersion::get),
            pinned: entry.is_some_and(|entry| entry.traffic.live.is_some()),
            traffic: self.traffic(name),
            unavailable: model.unavailable.clone(),
            shadow: None,
            versions: versions.collect(),
            events: entry.map(|entry| entry.events.clone()).unwrap_or_default(),
        }
    }

    fn version_status(
        &self,
        version: ModelVersion,
        about: &Version,
        state: VersionState,
        withdrawn: Option<Reason>,
        held: &BTreeSet<Digest>,
    ) -> VersionStatus {
        VersionStatus {
            version: Some(version.get()),
            // A view of another host is no fault of the module.
            state: match &about.barred {
                Some(reason) if reason.code == super::work::VIEW_MISMATCH => VersionState::Standby,
                _ => state,
            },
            digest: Some(about.standing.digest),
            file: shown(&about.file),
            file_bytes: about.file_bytes,
            file_digest: Some(about.file_digest),
            file_deleted: !held.contains(&about.standing.digest),
            compiled: about.ready().is_some(),
            approved_by: about
                .standing
                .approvals
                .iter()
                .map(|approval| contract::seal::refusal::printable(&approval.by))
                .collect(),
            expires: about.standing.expires(&self.policy),
            reason: about.barred.clone().or(withdrawn).or_else(|| about.remark.clone()),
            calls: None,
            failures: None,
        }
    }
}

fn refused_status(refused: &Refused) -> VersionStatus {
    VersionStatus {
        file: shown(&refused.name),
        file_bytes: refused.bytes,
        file_digest: refused.digest,
        reason: Some(refused.reason.clone()),
        ..VersionStatus::rejected()
    }
}
