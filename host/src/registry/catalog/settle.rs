//! Making live what should be, and letting go of what need not stay compiled.

use std::io;
use std::sync::Arc;

use contract::ids::{ModelName, ModelVersion};

use super::{Catalog, Code, Model, Subject};
use crate::registry::event::{Event, What};
use crate::registry::reason::Reason;

impl Catalog {
    /// Applies the rules to all models, after anything has changed.
    pub(in crate::registry) fn settle(&mut self) {
        let names: Vec<ModelName> = self.models.keys().cloned().collect();
        for name in &names {
            self.carry_out_pending(name);
            self.settle_live(name);
            self.settle_shadow(name);
            self.let_go(name);
        }
        match self.ledger.save() {
            Ok(()) => self.settled(&Subject::Ledger),
            Err(cause) => self.ledger_failed(&cause),
        }
        if !self.ready
            && self.listed
            && self.starting.is_empty()
            && self.in_hand.is_none()
            && self.wanted_in_service().is_none()
        {
            self.ready = true;
            self.changed = true;
            if let Some(withheld) = self.withheld() {
                tracing::error!("{withheld}");
            }
        }
    }

    fn settle_live(&mut self, name: &ModelName) {
        let lost = self.ledger.lost().is_some();
        let Some(model) = self.models.get(name) else { return };
        let barred = |version: ModelVersion| model.versions.get(&version).and_then(|version| version.barred.clone());
        let outlawed = model.live.and_then(|live| barred(live).map(|reason| (live, reason)));
        let target = self.choose(name, model).filter(|_| !lost);
        let ready = target.filter(|target| model.versions[target].ready().is_some());
        if let Some((live, reason)) = outlawed {
            self.revoked(name, live, reason, ready);
        } else if let Some(next) = ready.filter(|_| ready != model.live) {
            // At the start the best of all is awaited, lest versions go live in turn.
            self.goes_live(name, next);
        }
    }

    /// Takes down what the policy no longer lets run, whether or not the disk can remember it and anything can follow.
    fn revoked(&mut self, name: &ModelName, live: ModelVersion, reason: Reason, next: Option<ModelVersion>) {
        tracing::warn!(model = %name, version = %live, code = reason.code, "the live version may no longer run: {}", reason.message);
        let event = Event::now(What::Revoked, Some(live), format!("{}: {}", reason.code, reason.message));
        self.ledger.force(name, |entry| {
            entry.note(event);
            if let Some(next) = next {
                entry.went_live(next);
                entry.note(Event::now(What::WentLive, Some(next), format!("in place of version {live}")));
            }
        });
        let Some(model) = self.models.get_mut(name) else { return };
        model.live = next;
        model.unavailable = next.is_none().then_some(reason);
        self.counters.swap();
        self.changed = true;
        match next {
            Some(next) => tracing::info!(model = %name, version = %next, "version is live"),
            None => match self.models.get(name).and_then(|model| self.choose(name, model)) {
                Some(next) => {
                    tracing::warn!(model = %name, version = %next, "no version answers until this one is compiled")
                }
                None => tracing::error!(model = %name, "no version is left that may run"),
            },
        }
    }

    fn goes_live(&mut self, name: &ModelName, next: ModelVersion) {
        let highest = self.ledger.entry(name).and_then(|entry| entry.highest_live);
        let Some(model) = self.models.get(name) else { return };
        let missing = highest.filter(|highest| next < *highest && !model.versions.contains_key(highest));
        let from = model.live;
        // Durable first: once anyone has been answered by this version, a restart must not forget that.
        let noted = self.ledger.change(name, |entry| {
            let again = from.is_none() && entry.live == Some(next);
            entry.went_live(next);
            if !again {
                let detail =
                    from.map_or("the first since the start".to_owned(), |from| format!("in place of version {from}"));
                entry.note(Event::now(What::WentLive, Some(next), detail));
            }
        });
        match noted {
            Ok(()) => {
                self.switch(name, next);
                let remark = missing.map(|highest| {
                    tracing::warn!(model = %name, version = %next, %highest, "the highest version that was live is missing");
                    let message = format!(
                        "version {highest} was live and no admissible file holds it: put it back and restart, or \
                         approve a higher one"
                    );
                    Reason::new("highest_missing", message)
                });
                self.remark(name, next, remark);
            }
            Err(cause) => {
                // The kind alone: the text names a temporary file, which is another at every attempt.
                let reason =
                    Reason::new("ledger_unwritable", format!("the ledger cannot be written: {}", cause.kind()));
                self.remark(name, next, Some(reason));
                self.ledger_failed(&cause);
            }
        }
    }

    /// Has a version answer from now on; what the ledger says is done by then.
    pub(super) fn switch(&mut self, name: &ModelName, next: ModelVersion) {
        let Some(model) = self.models.get_mut(name) else { return };
        if model.live == Some(next) {
            return;
        }
        // What was said of the version before held while it was live.
        if let Some(before) = model.live.and_then(|before| model.versions.get_mut(&before)) {
            before.remark = None;
        }
        model.live = Some(next);
        model.unavailable = None;
        tracing::info!(model = %name, version = %next, "version is live");
        self.counters.swap();
        self.changed = true;
    }

    fn remark(&mut self, name: &ModelName, version: ModelVersion, remark: Option<Reason>) {
        let version = self.models.get_mut(name).and_then(|model| model.versions.get_mut(&version));
        if let Some(version) = version.filter(|version| version.remark != remark) {
            version.remark = remark;
            self.changed = true;
        }
    }

    /// Lets go of the code of versions that need not stay compiled, and of bytes that nothing will be made of soon.
    fn let_go(&mut self, name: &ModelName) {
        let Some(model) = self.models.get(name) else { return };
        let kept = self.kept(name, model);
        let Some(model) = self.models.get_mut(name) else { return };
        for (version, entry) in &mut model.versions {
            if !kept.contains(version) && matches!(entry.code, Code::Ready(_) | Code::Verified(_)) {
                entry.code = Code::Cold;
                self.changed = true;
            }
        }
    }

    /// Says once for each kind of failure that the ledger cannot be written.
    pub(super) fn ledger_failed(&mut self, cause: &io::Error) {
        let said = format!("the ledger cannot be written: {cause}; no version goes live until it can");
        self.complain(Subject::Ledger, cause.kind().to_string(), said);
    }

    /// Tells whether all files that were there at the start have been judged, and what goes live of them is.
    pub(in crate::registry) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Tells why nothing goes live, where that is no file's fault.
    pub(in crate::registry) fn withheld(&self) -> Option<String> {
        let path = self.ledger.lost()?.display();
        Some(format!(
            "the ledger {path} is lost, so that no version goes live: restore it from a backup and restart, or start once \
             with --new-ledger, and the highest version that is there goes live"
        ))
    }

    /// Starts, keeps or ends the shadow, as the traffic says.
    fn settle_shadow(&mut self, name: &ModelName) {
        let wanted = self.traffic(name).shadow;
        let Some(model) = self.models.get(name) else { return };
        let ready = wanted.filter(|&version| self.usable(name, model, version) && model.live != Some(version));
        let ready = ready.and_then(|version| model.versions[&version].ready().cloned());
        let same = match (&model.shadow, &ready) {
            (Some(shadow), Some(ready)) => Arc::ptr_eq(shadow.model(), ready),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        let shadow = ready.and_then(|ready| self.shadow(ready));
        if let Some(model) = self.models.get_mut(name) {
            model.shadow = shadow;
            self.changed = true;
        }
    }
}

impl Model {
    /// Tells whether a version is compiled.
    pub(super) fn is_ready(&self, version: ModelVersion) -> bool {
        self.versions.get(&version).is_some_and(|version| version.ready().is_some())
    }
}
