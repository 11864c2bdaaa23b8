//! What the registry is told, and why it may not open.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::ModelName;
use contract::trust::TrustError;

use super::health::FailureLimits;

/// What the registry is told at its start.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The registry on disk; approved modules are in its `approved` folder.
    pub modules_dir: PathBuf,
    /// The trust policy, which is the operator's and need not lie in `modules_dir`.
    pub trust_path: PathBuf,
    /// Where the ledger is kept.
    pub data_dir: PathBuf,
    /// The digest of the feature view that the host serves; a model of another view waits as standby.
    pub view: Digest,
    /// The model to serve where a request names none; without it the only live one, or the one that was live first.
    pub default_model: Option<ModelName>,
    /// Whether this host has served before, so that an absent ledger is a loss and not a beginning: then no version goes
    /// live, since nothing tells which would be a step back.
    pub ledger_expected: bool,
    /// How often the folder is looked at, for systems and mounts whose events do not arrive.
    pub poll_interval: Duration,
    /// The most bytes of a module file that are read.
    pub module_bytes_max: u64,
    /// The most module files that are looked at; beyond it files are passed over, and the log says so.
    pub files_max: usize,
    /// How many versions besides the live one stay compiled, ready to be rolled back to.
    pub standbys_max: usize,
    /// How many refused files are remembered; the oldest is forgotten first.
    pub refusals_max: usize,
    /// How many instances are made and called once before a version goes live: one for each worker.
    pub warm_instances: usize,
    /// From where on a version that fails is taken out of service.
    pub failures: FailureLimits,
    /// Tells the day that keys and approvals must be valid on.
    pub today: fn() -> Date,
}

/// Why the registry does not open.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The folder of approved modules cannot be used.
    #[error("approved modules folder {path}: {cause}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The trust policy cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The ledger cannot be read or written.
    #[error("ledger {path}: {cause}; restore it from a backup, or move it away to start anew")]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: io::Error,
    },
    /// A thread could not be started.
    #[error("a thread of the registry could not be started: {0}")]
    Thread(#[source] io::Error),
}

impl RegistryConfig {
    /// Gives the defaults for a registry folder, a data folder and the host's feature view.
    pub fn new(modules_dir: &Path, data_dir: &Path, view: Digest) -> Self {
        Self {
            modules_dir: modules_dir.to_owned(),
            trust_path: modules_dir.join("trust.toml"),
            data_dir: data_dir.to_owned(),
            view,
            default_model: None,
            ledger_expected: false,
            poll_interval: Duration::from_secs(2),
            module_bytes_max: contract::seal::MODULE_BYTES_MAX,
            files_max: 16_384,
            standbys_max: 3,
            refusals_max: 256,
            warm_instances: std::thread::available_parallelism().map_or(2, usize::from),
            failures: FailureLimits::default(),
            today: Date::today,
        }
    }

    /// Gives the folder of approved modules.
    pub fn approved_dir(&self) -> PathBuf {
        self.modules_dir.join("approved")
    }
}
