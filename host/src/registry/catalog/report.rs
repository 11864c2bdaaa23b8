//! The catalog as people see it.

use std::collections::BTreeMap;

use contract::ids::ModelName;

use super::judge::shown;
use super::{Catalog, Model, Refused, Version};
use crate::registry::status::{ModelStatus, VersionState, VersionStatus, model_of_file};

impl Catalog {
    /// Gives all models with their versions and refused files, and the refused files whose name names no model.
    pub(in crate::registry) fn report(&self) -> (Vec<ModelStatus>, Vec<VersionStatus>) {
        let mut models: BTreeMap<ModelName, ModelStatus> =
            self.models.iter().map(|(name, model)| (name.clone(), self.model_status(name, model))).collect();
        let known = || self.models.keys().chain(self.ledger.models()).chain(self.config.default_model.as_ref());
        let mut refusals: Vec<_> = self.refusals.iter().map(|refused| self.refused_status(refused)).collect();
        refusals.sort_by(|a, b| a.file.cmp(&b.file));
        let mut unnamed = Vec::new();
        for refused in refusals {
            let Some(name) = model_of_file(&refused.file, known()) else {
                unnamed.push(refused);
                continue;
            };
            let empty = || self.model_status(&name, &Model::default());
            models.entry(name.clone()).or_insert_with(empty).versions.push(refused);
        }
        (models.into_values().collect(), unnamed)
    }

    fn model_status(&self, name: &ModelName, model: &Model) -> ModelStatus {
        let versions = model.versions.iter().rev().map(|(&version, entry)| {
            let state = if model.live == Some(version) { VersionState::Live } else { VersionState::Standby };
            VersionStatus { version: Some(version.get()), state, ..self.version_status(entry) }
        });
        ModelStatus {
            name: name.clone(),
            live_version: model.live.map(|version| version.get()),
            highest_live_version: self.ledger.highest_live(name).map(|version| version.get()),
            versions: versions.collect(),
        }
    }

    fn version_status(&self, entry: &Version) -> VersionStatus {
        VersionStatus {
            version: None,
            state: VersionState::Standby,
            digest: Some(entry.digest),
            file: entry.file.clone(),
            file_bytes: entry.file_bytes,
            file_digest: Some(entry.file_digest),
            file_deleted: !self.files.values().any(|judged| judged.module == Some(entry.digest)),
            compiled: entry.ready.is_some(),
            reason: entry.reason.clone(),
        }
    }

    fn refused_status(&self, refused: &Refused) -> VersionStatus {
        VersionStatus {
            version: None,
            state: VersionState::Rejected,
            digest: None,
            file: shown(&refused.name),
            file_bytes: refused.bytes,
            file_digest: refused.digest,
            // A refusal is forgotten with its file.
            file_deleted: false,
            compiled: false,
            reason: Some(refused.reason.clone()),
        }
    }
}
