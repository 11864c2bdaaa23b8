//! The champion: the version that a candidate would replace, found in the registry.

mod compare;
mod unseen;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use contract::card::ModelCard;
use contract::date::Date;
use contract::digest::Digest;
use contract::file::{self, Links, ReadError};
use contract::ids::ModelName;
use contract::seal::{self, MODULE_BYTES_MAX, Refusal};
use contract::trust::{TrustError, TrustPolicy};

pub use compare::{Beside, Flips, Standing, compare};

/// What a candidate is to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The newest version in `approved/` that the trust policy lets run.
    Newest,
    /// Nothing.
    Nothing,
    /// This module file.
    File(PathBuf),
}

/// A version to compare with.
#[derive(Debug, Clone)]
pub struct Champion {
    /// Its card.
    pub card: ModelCard,
    /// Its module digest.
    pub digest: Digest,
    /// The whole file.
    pub module: Vec<u8>,
}

/// Where a registry keeps what decides about its versions.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The folder of approved modules.
    pub approved: PathBuf,
    /// The trust policy.
    pub trust: PathBuf,
}

/// Why the champion could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum ChampionError {
    /// A file cannot be read.
    #[error(
        "cannot read the champion {path}: {cause}; name a module with --champion, or compare with nothing: --champion none"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: ReadError,
    },
    /// The file is no module.
    #[error("the champion {path} is no module file: {cause}")]
    Module {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: Box<Refusal>,
    },
    /// The module is of another model.
    #[error("the champion {path} is a version of {found}, the candidate of {wanted}: compare versions of one model")]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The module's model.
        found: ModelName,
        /// The candidate's.
        wanted: ModelName,
    },
    /// The folder of approved modules cannot be listed.
    #[error("cannot list {folder}: {cause}")]
    List {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        cause: std::io::Error,
    },
    /// The trust policy does not say what may run.
    #[error(
        "modules lie in {approved}, and which of them may run is not known ({cause}): name the trust policy with --trust, \
         or compare with nothing: --champion none"
    )]
    Trust {
        /// The folder of approved modules.
        approved: PathBuf,
        /// What is wrong with the policy.
        cause: Box<TrustError>,
    },
}

impl Registry {
    /// Takes the registry that a folder of candidates belongs to: `approved/` and `trust.toml` stand beside that folder.
    pub fn of(candidates: &Path, trust: Option<&Path>) -> Self {
        let real = candidates.canonicalize().unwrap_or_else(|_| candidates.to_owned());
        let trust = trust.map_or_else(|| real.with_file_name("trust.toml"), Path::to_owned);
        Self { approved: real.with_file_name("approved"), trust }
    }
}

/// Finds the champion; none where nothing is approved yet, or where nothing was asked for.
///
/// # Errors
/// [`ChampionError`], before any long work starts.
pub fn find(choice: &Choice, registry: &Registry, model: &ModelName) -> Result<Option<Champion>, ChampionError> {
    match choice {
        Choice::Nothing => Ok(None),
        Choice::File(path) => named(path, model).map(Some),
        Choice::Newest => newest(registry, model, Date::today()),
    }
}

/// Takes the named module as it is: whoever names it wants it compared with, approved or not. It runs in a sandbox.
fn named(path: &Path, model: &ModelName) -> Result<Champion, ChampionError> {
    let module = file::read(path, MODULE_BYTES_MAX, Links::Follow)
        .map_err(|cause| ChampionError::Read { path: path.to_owned(), cause })?;
    let found = seal::inspect(&module)
        .map_err(|cause| ChampionError::Module { path: path.to_owned(), cause: Box::new(cause) })?;
    if found.card.model != *model {
        let (found, wanted) = (found.card.model, model.clone());
        return Err(ChampionError::OtherModel { path: path.to_owned(), found, wanted });
    }
    Ok(Champion { card: found.card, digest: found.digest, module })
}

/// Finds the highest version of a model that a host of this registry would let run today.
fn newest(registry: &Registry, model: &ModelName, today: Date) -> Result<Option<Champion>, ChampionError> {
    let approved = &registry.approved;
    let refused = |cause| ChampionError::List { folder: approved.clone(), cause };
    if !approved.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(approved).map_err(refused)?;
    let mut paths = entries.map(|entry| Ok(entry.map_err(refused)?.path())).collect::<Result<Vec<_>, _>>()?;
    let visible = |path: &Path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
    paths.retain(|path| visible(path) && path.extension().is_some_and(|extension| extension == "wasm"));
    paths.sort();
    if paths.is_empty() {
        return Ok(None);
    }
    let policy = TrustPolicy::load(&registry.trust)
        .map_err(|cause| ChampionError::Trust { approved: approved.clone(), cause: Box::new(cause) })?;
    let mut best: Option<Champion> = None;
    for path in paths {
        // What a host would refuse is no champion, whatever it says of itself.
        let Ok(module) = file::read(&path, MODULE_BYTES_MAX, Links::Refuse) else { continue };
        let Ok(verified) = seal::verify(&module, &policy, today) else { continue };
        let (card, digest) = (verified.card, verified.standing.digest);
        if card.model == *model && best.as_ref().is_none_or(|best| card.version > best.card.version) {
            best = Some(Champion { card, digest, module });
        }
    }
    Ok(best)
}

impl FromStr for Choice {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "none" => Self::Nothing,
            path => Self::File(path.into()),
        })
    }
}

#[cfg(test)]
mod tests;
