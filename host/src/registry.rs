//! The registry: which versions of which models there are, and which one is live.
//!
//! One thread watches `approved/`, judges each file and swaps; everyone else reads one published snapshot without
//! waiting. A file's way is `read -> verified -> compiled -> proven -> live | standby`, or `rejected` with a reason, and
//! each step consumes the one before, so that an unverified file cannot reach the compiler by mistake.
//!
//! Nothing a bad file does changes what is live.

mod catalog;
mod config;
mod counters;
mod file;
mod ledger;
mod live;
mod reason;
mod status;
mod steps;
mod watch;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use contract::ids::ModelName;
use contract::trust::TrustPolicy;

pub use self::config::{RegistryConfig, RegistryError};
pub use self::counters::{RegistryCounters, RegistryFigures};
pub use self::live::LiveModel;
pub use self::reason::Reason;
pub use self::status::{ModelStatus, VersionState, VersionStatus};
use crate::engine::Engine;

/// What a request sees: all of one moment.
#[derive(Default)]
struct Snapshot {
    ready: bool,
    /// Why nothing goes live, where that is no file's fault.
    withheld: Option<String>,
    /// The model that was live before any other.
    first_live: Option<ModelName>,
    live: BTreeMap<ModelName, Arc<LiveModel>>,
    models: Vec<ModelStatus>,
    unnamed: Vec<VersionStatus>,
}

/// The registry's handle. Its end stops and joins the thread.
pub struct Registry {
    shared: Arc<Shared>,
    default_model: Option<ModelName>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and the handle share.
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    counters: RegistryCounters,
    stop: AtomicBool,
    /// Wakes the thread. One place is enough: a scan sees everything that happened before it.
    wake: SyncSender<()>,
}

impl Registry {
    /// Opens the registry and starts its thread, which judges all files that are there; until that is done nothing is
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
        let (wake, woken) = std::sync::mpsc::sync_channel(1);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::default(),
            counters: RegistryCounters::default(),
            stop: AtomicBool::new(false),
            wake,
        });
        let default_model = config.default_model.clone();
        let catalog = catalog::Catalog::new(config, engine, policy, trust_stamp, ledger);
        let thread = watch::start(catalog, Arc::clone(&shared), woken).map_err(RegistryError::Thread)?;
        Ok(Self { shared, default_model, thread: Mutex::new(Some(thread)) })
    }

    /// Gives the live version of a model; hold it to the end of the request. Never waits.
    pub fn live(&self, name: &ModelName) -> Option<Arc<LiveModel>> {
        self.shared.snapshot.load().live.get(name).cloned()
    }

    /// Gives the live version of the configured model; without one, of the only model that is live, or of the one that
    /// was live first: a second model changes nothing for those who name none.
    pub fn default_model(&self) -> Option<Arc<LiveModel>> {
        if let Some(name) = &self.default_model {
            return self.live(name);
        }
        let snapshot = self.shared.snapshot.load();
        let mut all = snapshot.live.values();
        match (all.next(), all.next()) {
            (Some(only), None) => Some(Arc::clone(only)),
            _ => snapshot.live.get(snapshot.first_live.as_ref()?).cloned(),
        }
    }

    /// Tells why nothing goes live, where that is no file's fault, and what an operator does about it.
    pub fn withheld(&self) -> Option<String> {
        self.shared.snapshot.load().withheld.clone()
    }

    /// Gives all models, each with its versions and the files refused under its name, sorted by name.
    pub fn models(&self) -> Vec<ModelStatus> {
        self.shared.snapshot.load().models.clone()
    }

    /// Gives one model with its versions and the files refused under its name.
    pub fn model(&self, name: &ModelName) -> Option<ModelStatus> {
        self.shared.snapshot.load().models.iter().find(|model| model.name == *name).cloned()
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

    /// Asks for a scan now.
    pub fn rescan(&self) {
        // A full channel means that one is due already.
        let _ = self.shared.wake.try_send(());
    }

    /// Stops the thread and joins it; a compilation under way is finished first. What is live stays usable.
    pub fn shutdown(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.rescan();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic there has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shutdown();
    }
}
