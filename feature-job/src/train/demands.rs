//! What a candidate is held against: the flags for it, and what they lead to.

use std::path::{Path, PathBuf};

use contract::ids::ModelName;

use super::champion::{self, Champion, Choice, Registry};
use crate::gates::Bounds;

/// What the candidate is held against.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DemandArgs {
    /// The gates; by default those that ship with the job
    #[arg(long, value_name = "FILE")]
    pub gates: Option<PathBuf>,
    /// A module to compare with, or `none` [default: the newest version in approved/, beside the folder of candidates]
    #[arg(long, value_name = "FILE|none")]
    pub champion: Option<Choice>,
    /// The trust policy, which says what of approved/ may run [default: trust.toml, beside the folder of candidates]
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
}

/// The bounds and the champion themselves.
#[derive(Debug, Clone)]
pub struct Demands {
    /// The bounds of the gates.
    pub bounds: Bounds,
    /// The version to compare with, where there is one.
    pub champion: Option<Champion>,
}

impl DemandArgs {
    /// Gives the files that are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let champion = match &self.champion {
            Some(Choice::File(path)) => Some(path),
            Some(Choice::Newest | Choice::Nothing) | None => None,
        };
        [self.gates.as_ref(), champion, self.trust.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Reads the gates and finds the champion of the registry that a folder of candidates belongs to.
    ///
    /// # Errors
    /// Whatever is wrong with either, before any long work starts.
    pub fn find(&self, candidates: &Path, model: &ModelName) -> anyhow::Result<Demands> {
        let bounds = Bounds::load(self.gates.as_deref())?;
        let registry = Registry::of(candidates, self.trust.as_deref());
        let champion = champion::find(self.champion.as_ref().unwrap_or(&Choice::Newest), &registry, model)?;
        match &champion {
            Some(champion) => tracing::info!(version = %champion.card.version, "to be compared with"),
            None => tracing::info!("to be compared with no other version"),
        }
        Ok(Demands { bounds, champion })
    }
}
