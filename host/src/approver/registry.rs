//! Where the verbs find modules and the trust policy.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use contract::card::ModelCard;
use contract::seal::{self, MODULE_BYTES_MAX};
use contract::trust::TrustPolicy;

/// The folder of the registry and the policy that goes with it.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// Folder of the registry, with candidates/ and approved/
    #[arg(long, value_name = "DIR", default_value = "modules", env = "COUNTERSIGN_MODULES")]
    pub modules: PathBuf,
    /// Trust policy: whose signatures count [default: trust.toml in the folder of --modules]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TRUST")]
    pub trust: Option<PathBuf>,
}

impl RegistryArgs {
    pub(super) fn trust_path(&self) -> PathBuf {
        self.trust.clone().unwrap_or_else(|| self.modules.join("trust.toml"))
    }

    pub(super) fn policy(&self) -> anyhow::Result<TrustPolicy> {
        TrustPolicy::load(&self.trust_path())
            .context("name the trust policy with --trust, or its folder with --modules")
    }

    pub(super) fn approved(&self) -> PathBuf {
        self.modules.join("approved")
    }

    /// Gives the card of the newest approved version of the same model, other than `card`'s own.
    pub(super) fn newest_approved(&self, card: &ModelCard) -> Option<ModelCard> {
        let files = fs::read_dir(self.approved()).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let modules = files.filter(|path| path.extension().is_some_and(|ending| ending == "wasm"));
        // A file that is no module is the host's to refuse, not a reason to stop a review.
        let cards = modules.filter_map(|path| seal::inspect(&read_module(&path).ok()?).ok()).map(|found| found.card);
        let others = cards.filter(|other| other.model == card.model && other.version != card.version);
        others.max_by_key(|other| other.version)
    }
}

/// Reads a module file whole, if it is a file and not too large.
pub(super) fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    let open = || -> std::io::Result<(File, fs::Metadata)> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        Ok((file, about))
    };
    let (file, about) = open().with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_file() {
        bail!("{} is no file: name a module, such as modules/candidates/credit-risk-1.wasm", path.display());
    }
    let mut bytes = Vec::new();
    // One byte more than the bound, so that the verifier sees what is too large and says so.
    file.take(MODULE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}
