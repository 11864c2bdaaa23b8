//! The registry: which versions of which models there are, and which one is live.
//!
//! One thread owns the [`catalog`] and never waits ([`actor`]): it looks at `approved/`, decides and swaps. A second one does
//! what takes time, below the priority of requests ([`worker`]). Everyone else reads one published snapshot without
//! waiting. A file's way is `read -> verified -> compiled -> proven -> live | standby`, or `rejected` with a reason, and
//! each step consumes the one before, so that an unverified file cannot reach the compiler by mistake.
//!
//! Nothing a bad file does changes what is live.

mod actor;
mod catalog;
mod config;
mod counters;
mod event;
mod exposure;
mod file;
mod health;
mod ledger;
mod live;
mod mail;
mod reason;
mod route;
mod shadow;
mod status;
mod steps;
mod traffic;
mod watch;
mod worker;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use contract::ids::{EntityId, ModelName};
use contract::trust::TrustPolicy;
use tokio::sync::oneshot;

pub use self::config::{RegistryConfig, RegistryError};
pub use self::counters::{RegistryCounters, RegistryFigures};
pub use self::event::{Event, What};
pub use self::health::FailureLimits;
pub use self::live::LiveModel;
use self::mail::{Mail, Message};
pub use self::reason::Reason;
pub use self::route::{Role, Route, Serving};
use self::shadow::Shadow;
pub use self::shadow::ShadowFigures;
pub use self::status::{ModelStatus, VersionState, VersionStatus};
pub use self::traffic::{Canary, NoPercent, Order, OrderRefused, Percent, Traffic};
use crate::engine::Engine;

/// What a request sees: all of one moment.
#[derive(Default)]
struct Snapshot {
    ready: bool,
    /// Why nothing goes live, where that is no file's fault.
    withheld: Option<String>,
    /// What an operator should look at.
    warnings: Vec<String>,
    /// The model that was live before any other.
    first_live: Option<ModelName>,
    routes: BTreeMap<ModelName, Arc<Route>>,
    counting: Vec<Counting>,
    models: Vec<ModelStatus>,
    unnamed: Vec<VersionStatus>,
}

/// What counts of a model, from one snapshot to the next.
struct Counting {
    model: ModelName,
    /// The versions that are compiled.
    versions: Vec<Arc<LiveModel>>,
    shadow: Option<Arc<Shadow>>,
}

/// The registry's handle. Its end stops and joins the threads.
pub struct Registry {
    shared: Arc<Shared>,
    mail: Mail,
    default_model: Option<ModelName>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and the handle share.
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    counters: Arc<RegistryCounters>,
}

impl Registry {
    /// Opens the registry and starts its threads, which judge all files that are there; until that is done nothing is
    /// live and [`is_ready`](Self::is_ready) is false. A missing `approved/` is made.
    ///
    /// # Errors
    /// [`RegistryError`]: the trust policy, the ledger or the folder cannot be used, or no thread can be started.
    pub fn open(config: RegistryConfig, engine: Engine) -> Result<Self, RegistryError> {
        let approved = config.approved_dir();
        std::fs::create_dir_all(&approved).map_err(|cause| RegistryError::Folder { path: approved.clone(), cause })?;
        let trust_stamp = file::stamp(&config.trust_path).ok();
        let policy = TrustPolicy::load(&config.trust_path)?;
        let ledger = ledger::Ledger::open(&config.data_dir, config.ledger_expected)?;
        let (mail, letterbox) = mail::mail();
        let counters = Arc::<RegistryCounters>::default();
        let shared = Arc::new(Shared { snapshot: ArcSwap::default(), counters: Arc::clone(&counters) });
        let bench = worker::Bench {
            engine,
            counters: Arc::clone(&counters),
            mail: mail.clone(),
            module_bytes_max: config.module_bytes_max,
            warm_instances: config.warm_instances,
            failures: config.failures,
            today: config.today,
        };
        let worker = worker::Worker::start(bench).map_err(RegistryError::Thread)?;
        let default_model = config.default_model.clone();
        let catalog = catalog::Catalog::new(config, counters, policy, trust_stamp, ledger);
        let thread = actor::start(catalog, worker, Arc::clone(&shared), mail.clone(), letterbox);
        let thread = thread.map_err(RegistryError::Thread)?;
        Ok(Self { shared, mail, default_model, thread: Mutex::new(Some(thread)) })
    }

    /// Gives where the requests of a model go, as of this moment; hold it to the end of the request. Never waits.
    pub fn route(&self, name: &ModelName) -> Option<Arc<Route>> {
        self.shared.snapshot.load().routes.get(name).cloned()
    }

    /// As [`route`](Self::route), of the configured model; without one, of the only model that is live, or of the one
    /// that was live first: a second model changes nothing for those who name none.
    pub fn route_default(&self) -> Option<Arc<Route>> {
        if let Some(name) = &self.default_model {
            return self.route(name);
        }
        let snapshot = self.shared.snapshot.load();
        let mut all = snapshot.routes.values();
        match (all.next(), all.next()) {
            (Some(only), None) => Some(Arc::clone(only)),
            _ => snapshot.routes.get(snapshot.first_live.as_ref()?).cloned(),
        }
    }

    /// Gives the version of a model that answers a user, or without one the live version.
    pub fn serving(&self, name: &ModelName, user: Option<EntityId>) -> Option<Arc<Serving>> {
        self.route(name).map(|route| Arc::clone(route.serving(user)))
    }

    /// Gives the live version of a model.
    pub fn live(&self, name: &ModelName) -> Option<Arc<LiveModel>> {
        self.serving(name, None).map(|serving| Arc::clone(serving.model()))
    }

    /// Gives every version that is compiled, of all models.
    pub fn compiled(&self) -> Vec<Arc<LiveModel>> {
        let snapshot = self.shared.snapshot.load();
        snapshot.counting.iter().flat_map(|counting| counting.versions.iter().cloned()).collect()
    }

    /// Asks for an order to be carried out; the answer comes when it has been, or why it is not. An order whose version must
    /// be compiled first takes as long as that.
    pub fn order(&self, model: &ModelName, order: Order) -> oneshot::Receiver<Result<(), OrderRefused>> {
        let (reply, answer) = oneshot::channel();
        // Where there is no room the sender is dropped with the message, and the receiver learns it at once.
        let _ = self.mail.try_send(Message::Order { model: model.clone(), order, reply });
        answer
    }

    /// Tells why nothing goes live, where that is no file's fault, and what an operator does about it.
    pub fn withheld(&self) -> Option<String> {
        self.shared.snapshot.load().withheld.clone()
    }

    /// Gives what an operator should look at, each a sentence.
    pub fn warnings(&self) -> Vec<String> {
        self.shared.snapshot.load().warnings.clone()
    }

    /// Gives all models, each with its versions and the files refused under its name, sorted by name.
    pub fn models(&self) -> Vec<ModelStatus> {
        let snapshot = self.shared.snapshot.load();
        snapshot.models.iter().map(|model| snapshot.counted(model)).collect()
    }

    /// Gives one model with its versions and the files refused under its name.
    pub fn model(&self, name: &ModelName) -> Option<ModelStatus> {
        let snapshot = self.shared.snapshot.load();
        snapshot.models.iter().find(|model| model.name == *name).map(|model| snapshot.counted(model))
    }

    /// Gives the refused files whose name names no model.
    pub fn unnamed(&self) -> Vec<VersionStatus> {
        self.shared.snapshot.load().unnamed.clone()
    }

    /// Tells whether all files that were there at the start have been judged.
    pub fn is_ready(&self) -> bool {
        self.shared.snapshot.load().ready
    }

    /// Gives what was counted since the start.
    pub fn counters(&self) -> &RegistryCounters {
        &self.shared.counters
    }

    /// Asks for a look now.
    pub fn rescan(&self) {
        self.mail.look();
    }

    /// Stops the threads and joins them; a compilation under way is finished first. What is live stays usable.
    pub fn shutdown(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.mail.send(Message::Stop);
            // A panic there has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

impl Snapshot {
    /// Adds to a model's status what its versions and its shadow have counted by now.
    fn counted(&self, model: &ModelStatus) -> ModelStatus {
        let mut status = model.clone();
        let Some(counting) = self.counting.iter().find(|counting| counting.model == model.name) else { return status };
        status.shadow = counting.shadow.as_ref().map(|shadow| shadow.figures());
        for version in &mut status.versions {
            let compiled = counting.versions.iter().find(|ready| Some(ready.version().get()) == version.version);
            if let Some((calls, failures)) = compiled.map(|ready| ready.calls()) {
                (version.calls, version.failures) = (Some(calls), Some(failures));
            }
        }
        status
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shutdown();
    }
}
