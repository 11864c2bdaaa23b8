//! Which version should be live, and which others should be compiled: rules without effects.

use std::collections::BTreeSet;

use contract::ids::{ModelName, ModelVersion};

use super::{Catalog, Code, Model};
use crate::registry::ledger::Entry;
use crate::registry::traffic::Traffic;

impl Catalog {
    /// Gives the version of a model that should be live, compiled or not.
    pub(super) fn choose(&self, name: &ModelName, model: &Model) -> Option<ModelVersion> {
        let empty = Entry::default();
        let entry = self.ledger.entry(name).unwrap_or(&empty);
        choose(entry, model, self.ready)
    }

    /// Tells whether a version may serve.
    pub(super) fn usable(&self, name: &ModelName, model: &Model, version: ModelVersion) -> bool {
        let withdrawn = self.ledger.entry(name).is_some_and(|entry| entry.withdrawn.contains_key(&version));
        !withdrawn && lawful(model, version)
    }

    /// Gives what an operator set for a model.
    pub(super) fn traffic(&self, name: &ModelName) -> Traffic {
        self.ledger.entry(name).map(|entry| entry.traffic.clone()).unwrap_or_default()
    }

    /// Gives a version that requests wait for, or orders, and that is not compiled yet.
    pub(super) fn wanted_in_service(&self) -> Option<(ModelName, ModelVersion)> {
        self.models.iter().find_map(|(name, model)| {
            let traffic = self.traffic(name);
            let beside = traffic.canary.map(|canary| canary.version).into_iter().chain(traffic.shadow);
            let beside = beside.filter(|&version| self.usable(name, model, version));
            let ordered = model.pending.iter().flat_map(|pending| pending.versions());
            let mut wanted = self.choose(name, model).into_iter().chain(ordered).chain(beside);
            wanted.find(|&version| waits(model, version)).map(|version| (name.clone(), version))
        })
    }

    /// Gives a version that should stand by and is not compiled yet.
    pub(super) fn wanted_standby(&self) -> Option<(ModelName, ModelVersion)> {
        self.models.iter().find_map(|(name, model)| {
            let mut kept = self.kept(name, model).into_iter().rev();
            kept.find(|&version| waits(model, version)).map(|version| (name.clone(), version))
        })
    }

    /// Gives the versions of a model that stay compiled: those in service, the one before, and the newest of the others.
    pub(super) fn kept(&self, name: &ModelName, model: &Model) -> BTreeSet<ModelVersion> {
        let mut kept: BTreeSet<_> = self.traffic(name).versions().collect();
        kept.extend(self.choose(name, model));
        kept.extend(model.live);
        kept.extend(model.pending.iter().flat_map(|pending| pending.versions()));
        let before = self.before(name, model).filter(|_| self.config.standbys_max > 0);
        let newest = model.versions.keys().rev().copied().filter(|&version| self.usable(name, model, version));
        let standbys = before.into_iter().chain(newest.filter(|&version| Some(version) != before));
        let standbys: Vec<_> =
            standbys.filter(|version| !kept.contains(version)).take(self.config.standbys_max).collect();
        kept.extend(standbys);
        kept.retain(|&version| lawful(model, version));
        kept
    }

    /// Gives the version to go back to from the live one: the last that was live before and may serve, or else the newest of
    /// the lower ones.
    pub(super) fn before(&self, name: &ModelName, model: &Model) -> Option<ModelVersion> {
        let live = model.live?;
        let entry = self.ledger.entry(name)?;
        before(entry, live, |version| self.usable(name, model, version)).or_else(|| {
            let lower = model.versions.range(..live).rev().map(|(&version, _)| version);
            lower.into_iter().find(|&version| self.usable(name, model, version))
        })
    }
}

fn choose(entry: &Entry, model: &Model, ready: bool) -> Option<ModelVersion> {
    let usable = |version: ModelVersion| !entry.withdrawn.contains_key(&version) && lawful(model, version);
    let newest = |versions: &mut dyn DoubleEndedIterator<Item = ModelVersion>| {
        std::iter::from_fn(|| versions.next_back()).find(|&version| usable(version))
    };
    let highest = newest(&mut model.versions.keys().copied());
    if let Some(pinned) = entry.traffic.live {
        if usable(pinned) {
            return Some(pinned);
        }
        // Whoever pinned it wanted nothing newer: one from before answers in its place, if there is any.
        let below = newest(&mut model.versions.range(..pinned).map(|(&version, _)| version));
        return before(entry, pinned, usable).or(below).or(highest);
    }
    // At least as new as all that ever served: it goes live by itself.
    if highest.is_some() && highest >= entry.highest_live {
        return highest;
    }
    match entry.live {
        Some(last) if usable(last) => Some(last),
        // The one before answers in place of one that fails; the newest that may in place of one no longer trusted.
        Some(last) if entry.withdrawn.contains_key(&last) => before(entry, last, usable).or(highest),
        Some(last) if model.versions.contains_key(&last) => highest,
        // At the start the highest that is here serves, even where a higher one has been lost. Later an older one waits for
        // an operator.
        _ if !ready => highest,
        _ => model.live.filter(|&live| usable(live)),
    }
}

/// Gives the last version that was live before another, is lower, and may serve.
fn before(entry: &Entry, live: ModelVersion, usable: impl Fn(ModelVersion) -> bool) -> Option<ModelVersion> {
    entry.before.iter().rev().copied().find(|&version| version < live && usable(version))
}

/// Tells whether a version is here and nothing bars it.
fn lawful(model: &Model, version: ModelVersion) -> bool {
    model.versions.get(&version).is_some_and(|version| version.barred.is_none())
}

/// Tells whether a version is here and waits to be compiled.
fn waits(model: &Model, version: ModelVersion) -> bool {
    model.versions.get(&version).is_some_and(|version| matches!(version.code, Code::Cold | Code::Verified(_)))
}
