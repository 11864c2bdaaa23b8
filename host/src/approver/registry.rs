//! Where the verbs find modules and the trust policy.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use contract::card::ModelCard;
use contract::date::Date;
use contract::file::{self, Links};
use contract::seal::refusal::printable;
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

    /// Makes the registry's folder, where the policy is to lie in it.
    pub(super) fn make_folder(&self) -> anyhow::Result<()> {
        match self.trust {
            Some(_) => Ok(()),
            None => fs::create_dir_all(&self.modules)
                .with_context(|| format!("cannot make the folder {}", shown(&self.modules))),
        }
    }

    pub(crate) fn policy(&self) -> anyhow::Result<TrustPolicy> {
        TrustPolicy::load(&self.trust_path())
            .context("name the trust policy with --trust, or its folder with --modules")
    }

    pub(crate) fn approved(&self) -> PathBuf {
        self.modules.join("approved")
    }

    /// Gives the card of the newest version of the same model, other than `card`'s own, that this policy lets run.
    pub(super) fn newest_approved(&self, card: &ModelCard, policy: &TrustPolicy) -> Option<ModelCard> {
        let prefix = format!("{}-", card.model);
        let files = fs::read_dir(self.approved()).ok()?.filter_map(Result::ok);
        let named = files.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        // A file that the host would refuse is nothing to compare with, whatever it says of itself.
        let card_of = |entry: fs::DirEntry| {
            let bytes = file::read(&entry.path(), MODULE_BYTES_MAX, Links::Refuse).ok()?;
            seal::verify(&bytes, policy, Date::today()).ok().map(|verified| verified.card)
        };
        let others =
            named.filter_map(card_of).filter(|other| other.model == card.model && other.version != card.version);
        others.max_by_key(|other| other.version)
    }
}

/// Reads a module file whole, if it is a file and not too large.
pub(super) fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    file::read(path, MODULE_BYTES_MAX, Links::Follow).with_context(|| {
        format!("cannot read {}: name a module, such as modules/candidates/credit-risk-1.wasm", shown(path))
    })
}

/// Gives a path as a terminal may see it.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
