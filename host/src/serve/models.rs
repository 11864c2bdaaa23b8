//! The registry and the engine as the HTTP side sees them.

use std::sync::Arc;

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::{EntityId, ModelName, ModelVersion};
use tokio::sync::oneshot;

use crate::engine::{Engine, ScoreError};
use crate::http::models::{Live, ModelFigures, Models, Routed, ScoreFault};
use crate::mirror::MirrorFigures;
use crate::registry::{LiveModel, ModelStatus, Order, OrderRefused, Registry, Role, Route, Serving, VersionStatus};

/// The models that are served.
pub struct Served {
    registry: Arc<Registry>,
    engine: Engine,
    mirror: Option<Arc<MirrorFigures>>,
}

impl Served {
    /// Serves the models of a registry, which run in the engine; `mirror` is what the copying from an object store counts.
    pub fn new(registry: Arc<Registry>, engine: Engine, mirror: Option<Arc<MirrorFigures>>) -> Self {
        Self { registry, engine, mirror }
    }

    fn live_models(&self) -> Vec<Arc<LiveModel>> {
        self.registry.models().iter().filter_map(|model| self.registry.live(&model.name)).collect()
    }
}

impl Models for Served {
    fn route(&self, name: Option<&ModelName>) -> Option<Arc<dyn Routed>> {
        let route = match name {
            Some(name) => self.registry.route(name),
            None => self.registry.route_default(),
        };
        route.map(|route| route as Arc<dyn Routed>)
    }

    fn order(&self, name: &ModelName, order: Order) -> oneshot::Receiver<Result<(), OrderRefused>> {
        self.registry.order(name, order)
    }

    fn warnings(&self) -> Vec<String> {
        let mirror = self.mirror.as_ref().and_then(|mirror| mirror.complaint());
        self.registry.warnings().into_iter().chain(mirror).collect()
    }

    fn list(&self) -> Vec<ModelStatus> {
        self.registry.models()
    }

    fn show(&self, name: &ModelName) -> Option<ModelStatus> {
        self.registry.model(name)
    }

    fn unnamed(&self) -> Vec<VersionStatus> {
        self.registry.unnamed()
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if !self.registry.is_ready() {
            return Err(vec!["the approved modules are still being looked at".to_owned()]);
        }
        if let Some(withheld) = self.registry.withheld() {
            return Err(vec![withheld]);
        }
        if self.live_models().is_empty() {
            let unavailable = |model: ModelStatus| Some(format!("{}: {}", model.name, model.unavailable?.message));
            let reasons: Vec<_> = self.registry.models().into_iter().filter_map(unavailable).collect();
            let none = || vec!["no model is live: approve one, and see /v1/models for what was refused".to_owned()];
            return Err(if reasons.is_empty() { none() } else { reasons });
        }
        Ok(())
    }

    fn figures(&self) -> ModelFigures {
        let live = self.live_models();
        let registry = self.registry.counters().figures();
        let engine = self.engine.counters().figures();
        ModelFigures {
            instances_idle: live.iter().map(|m| (m.name().to_string(), m.compiled().idle_count() as u64)).collect(),
            live: live.iter().map(|m| (m.name().to_string(), m.version().get(), m.digest().to_string())).collect(),
            swaps: registry.swaps,
            load_phases: vec![
                ("read", registry.read),
                ("verify", registry.verify),
                ("compile", registry.compile),
                ("prove", registry.prove),
            ],
            proven: registry.proven,
            withdrawals: registry.withdrawals,
            version_calls: self.registry.compiled().iter().map(calls).collect(),
            shadows: self.registry.models().into_iter().filter_map(|m| Some((m.name.to_string(), m.shadow?))).collect(),
            mirror: self.mirror.clone(),
            rejections: registry.rejections.into_iter().collect(),
            calls: engine.calls,
            rows: engine.rows,
            instances_created: engine.instances,
            failures: vec![
                ("deadline", engine.deadlines),
                ("memory", engine.memory),
                ("trap", engine.traps),
                ("bad_output", engine.bad_outputs),
                ("refusal", engine.refusals),
            ],
        }
    }
}

fn calls(version: &Arc<LiveModel>) -> (String, u64, u64, u64) {
    let (calls, failures) = version.calls();
    (version.name().to_string(), version.version().get(), calls, failures)
}

impl Routed for Route {
    fn live(&self, user: Option<EntityId>) -> Arc<dyn Live> {
        Arc::<Serving>::clone(self.serving(user))
    }

    fn version(&self, version: ModelVersion) -> Option<Arc<dyn Live>> {
        Route::version(self, version).map(|serving| Arc::<Serving>::clone(serving) as Arc<dyn Live>)
    }
}

impl Live for Serving {
    fn card(&self) -> &ModelCard {
        self.model().card()
    }

    fn digest(&self) -> Digest {
        self.model().digest()
    }

    fn role(&self) -> Role {
        Serving::role(self)
    }

    fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreFault> {
        Serving::score(self, rows)
            .map_err(|error: ScoreError| ScoreFault { code: error.code(), detail: error.to_string() })
    }
}
