//! Deciding what is live, and what stays compiled beside it.

use contract::ids::ModelName;

use super::Catalog;
use crate::registry::counters::RegistryCounters;
use crate::registry::reason::Reason;

impl Catalog {
    /// Applies the rules to all models; tells whether anything changed.
    pub(super) fn promote_all(&mut self, counters: &RegistryCounters) -> bool {
        let names: Vec<ModelName> = self.models.keys().cloned().collect();
        let changed = names.iter().filter(|name| self.promote(name, counters));
        changed.count() > 0
    }

    fn promote(&mut self, name: &ModelName, counters: &RegistryCounters) -> bool {
        let highest_live = self.ledger.highest_live(name);
        let lost = self.ledger.lost().is_some();
        let Some(model) = self.models.get_mut(name) else { return false };
        let ready = |version: &&_| model.versions[*version].ready.is_some();
        let Some(&version) = model.versions.keys().rev().find(ready) else { return false };
        // At the start the highest version that is here serves again, even where a higher one has been lost.
        let missing = highest_live.filter(|&highest| version < highest);
        let too_old = self.scanned && missing.is_some();
        let mut changed = false;
        if model.live < Some(version) && !too_old && !lost {
            // Durable first: once anyone has been answered by this version, a restart must not forget that.
            match self.ledger.went_live(name, version) {
                Ok(()) => {
                    tracing::info!(model = %name, %version, "version is live");
                    // What was said of the version before held while it was live.
                    if let Some(before) = model.live.and_then(|before| model.versions.get_mut(&before)) {
                        before.reason = None;
                    }
                    model.live = Some(version);
                    counters.swap();
                    if let Some(entry) = model.versions.get_mut(&version) {
                        entry.reason = missing.map(|highest| {
                            tracing::warn!(model = %name, %version, %highest, "the highest version that was live is missing");
                            let message = format!(
                                "version {highest} was live and no admissible file holds it: put it back and restart, or \
                                 approve a higher one"
                            );
                            Reason::new("highest_missing", message)
                        });
                    }
                    changed = true;
                }
                Err(cause) => {
                    // The kind alone: the text names a temporary file, which is another at every attempt.
                    let message = format!("the ledger cannot be written: {}", cause.kind());
                    let reason = Some(Reason::new("ledger_unwritable", message));
                    if let Some(entry) = model.versions.get_mut(&version)
                        && entry.reason != reason
                    {
                        tracing::error!(model = %name, %version, %cause, "the ledger cannot be written; not promoted");
                        entry.reason = reason;
                        changed = true;
                    }
                }
            }
        }
        let live = model.live;
        let standbys =
            model.versions.iter_mut().rev().filter(|(version, entry)| Some(**version) != live && entry.ready.is_some());
        for (_, entry) in standbys.skip(self.config.standbys_max) {
            entry.ready = None;
            changed = true;
        }
        changed
    }
}
