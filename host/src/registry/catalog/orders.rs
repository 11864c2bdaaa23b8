//! What operators ask for, and what is done about a version that fails.

use std::sync::Arc;

use contract::ids::{ModelName, ModelVersion};

use super::{Catalog, Model};
use crate::engine::BatchPool;
use crate::registry::event::{Event, What};
use crate::registry::live::LiveModel;
use crate::registry::mail::Reply;
use crate::registry::reason::Reason;
use crate::registry::shadow::Shadow;
use crate::registry::traffic::{Order, OrderRefused, Traffic};

/// The threads that score for shadows; fewer than workers, since they must not take the requests' processors.
const SHADOW_THREADS: usize = 1;
/// The most rows that wait for them; more are dropped and counted.
const SHADOW_QUEUE_MAX: usize = 1024;

/// An order whose versions are not all compiled yet.
pub(super) struct Pending {
    traffic: Traffic,
    event: Event,
    pub(super) reply: Reply,
}

impl Pending {
    /// Gives the versions that must be compiled before it is carried out.
    pub(super) fn versions(&self) -> Vec<ModelVersion> {
        self.traffic.versions().collect()
    }
}

impl Catalog {
    /// Takes an order. It is carried out when all its versions are compiled, which they usually are.
    pub(in crate::registry) fn order(&mut self, name: &ModelName, order: Order, reply: Reply) {
        let pending = match self.checked(name, order) {
            Ok((traffic, event)) => Pending { traffic, event, reply },
            Err(refused) => return self.answers.push((reply, Err(refused))),
        };
        let model = self.models.get_mut(name).expect("an order that was checked is for a model that is here");
        if let Some(before) = model.pending.replace(pending) {
            self.answers.push((before.reply, Err(OrderRefused::Superseded)));
        }
    }

    fn checked(&self, name: &ModelName, order: Order) -> Result<(Traffic, Event), OrderRefused> {
        if !self.ready {
            return Err(OrderRefused::Busy);
        }
        if let Some(withheld) = self.withheld() {
            return Err(OrderRefused::Ledger(withheld));
        }
        let model = self.models.get(name).ok_or_else(|| OrderRefused::UnknownModel(name.clone()))?;
        let (traffic, event) = match order {
            Order::Traffic(traffic) => {
                let said = serde_json::to_string(&traffic).expect("traffic is plain data");
                let event = Event::now(What::TrafficSet, traffic.live, said);
                (traffic, event)
            }
            Order::Rollback { to } => {
                let live = model.live.ok_or(OrderRefused::NothingLive)?;
                let to = match to {
                    Some(to) => to,
                    None => self.before(name, model).ok_or(OrderRefused::NothingBefore(live))?,
                };
                let event = Event::now(What::RolledBack, Some(to), format!("from version {live}"));
                (Traffic { live: Some(to), ..Traffic::default() }, event)
            }
        };
        traffic.check()?;
        for version in traffic.versions() {
            let entry = model.versions.get(&version).ok_or(OrderRefused::UnknownVersion(version))?;
            if let Some(reason) = entry.barred.clone() {
                return Err(OrderRefused::Unusable { version, reason });
            }
        }
        Ok((traffic, event))
    }

    /// Carries out a model's order, if there is one and all its versions are compiled.
    pub(super) fn carry_out_pending(&mut self, name: &ModelName) {
        let Some(model) = self.models.get_mut(name) else { return };
        let versions = match &model.pending {
            Some(pending) => pending.versions(),
            None => return,
        };
        let barred = |model: &Model, version| match model.versions.get(&version) {
            Some(entry) => entry.barred.clone(),
            None => Some(Reason::new("gone", "the module was taken away")),
        };
        if let Some((version, reason)) = versions.iter().find_map(|&version| Some((version, barred(model, version)?))) {
            if let Some(pending) = model.pending.take() {
                self.answers.push((pending.reply, Err(OrderRefused::Unusable { version, reason })));
            }
            return;
        }
        if !versions.iter().all(|&version| model.is_ready(version)) {
            return;
        }
        let Some(pending) = model.pending.take() else { return };
        let outcome = self.carry_out(name, &pending);
        self.answers.push((pending.reply, outcome));
    }

    fn carry_out(&mut self, name: &ModelName, pending: &Pending) -> Result<(), OrderRefused> {
        let Pending { traffic, event, .. } = pending;
        // Durable first, the traffic and what goes live by it at once: an order that was answered outlives a crash.
        let live = traffic.live;
        let noted = self.ledger.change(name, |entry| {
            entry.traffic = traffic.clone();
            // An operator who names a version wants it, whatever became of it before.
            entry.withdrawn.retain(|version, _| !traffic.versions().any(|named| named == *version));
            entry.note(event.clone());
            if let Some(live) = live {
                entry.went_live(live);
            }
        });
        noted.map_err(|cause| {
            self.ledger_failed(&cause);
            OrderRefused::Ledger(cause.kind().to_string())
        })?;
        tracing::info!(model = %name, what = ?event.what, detail = event.detail, "an operator's order is carried out");
        self.changed = true;
        for version in traffic.versions() {
            if let Some(ready) = self.models.get(name).and_then(|model| model.versions.get(&version)?.ready()) {
                ready.forgive();
            }
        }
        if let Some(live) = live {
            self.switch(name, live);
        }
        Ok(())
    }

    /// Takes a version that fails too often out of service, if anything can answer in its place.
    pub(in crate::registry) fn failing(&mut self, name: &ModelName, version: ModelVersion, said: &str) {
        let Some(model) = self.models.get(name) else { return };
        let live = model.live == Some(version);
        let others = model.versions.keys().any(|&other| other != version && self.usable(name, model, other));
        if live && !others {
            tracing::error!(model = %name, %version, "the live version fails, and no other can answer in its place: {said}");
            self.ledger.force(name, |entry| entry.note(Event::now(What::Failing, Some(version), said)));
            if let Some(version) = self.models.get_mut(name).and_then(|model| model.versions.get_mut(&version)) {
                version.remark = Some(Reason::new("failing", said));
            }
            self.changed = true;
            return;
        }
        tracing::error!(model = %name, %version, "the version fails and is taken out of service: {said}");
        self.counters.withdrawal();
        // Remembered, lest a restart brings it back; but not at the price of going on with it.
        self.ledger.force(name, |entry| {
            entry.withdrawn.insert(version, said.to_owned());
            entry.note(Event::now(What::Withdrawn, Some(version), said));
        });
        self.changed = true;
    }

    /// Makes a shadow of a version, with the threads that all shadows share.
    pub(super) fn shadow(&mut self, model: Arc<LiveModel>) -> Option<Arc<Shadow>> {
        if self.shadows.is_none() {
            match BatchPool::new(SHADOW_THREADS, SHADOW_QUEUE_MAX, 1) {
                Ok(pool) => self.shadows = Some(Arc::new(pool)),
                Err(error) => {
                    tracing::error!(%error, "no thread for shadows can be started; the shadow does not listen")
                }
            }
        }
        let pool = Arc::clone(self.shadows.as_ref()?);
        Some(Arc::new(Shadow::new(model, pool)))
    }
}
