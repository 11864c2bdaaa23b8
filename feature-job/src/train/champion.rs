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
        cause: TrustError,
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
        .map_err(|cause| ChampionError::Trust { approved: approved.clone(), cause })?;
    let mut best: Option<Champion> = None;
    for path in paths {
        // What a host would refuse is no champion, whatever it says of itself.
        let Ok(module) = file::read(&path, MODULE_BYTES_MAX, Links::Refuse) else { continue };
        let Ok(verified) = seal::verify(&module, &policy, today) else { continue };
        let (card, digest) = (verified.card, verified.digest);
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
mod tests {
    use contract::approval::{Approval, Decision};
    use contract::key::PrivateKey;
    use contract::trust::{Role, enrol};

    use super::*;
    use crate::train::fixtures;

    struct House {
        folder: tempfile::TempDir,
        registry: Registry,
        model: ModelName,
    }

    const JOB: u8 = 1;
    const ADA: u8 = 2;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from_seed([seed; 32])
    }

    impl House {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for name in ["candidates", "approved"] {
                std::fs::create_dir(folder.path().join(name)).expect("a folder");
            }
            let registry = Registry::of(&folder.path().join("candidates"), None);
            for (name, role, seed) in [("job", Role::Job, JOB), ("Ada", Role::Approver, ADA)] {
                enrol(&registry.trust, name, role, key(seed).public()).expect("a new key");
            }
            Self { folder, registry, model: "credit-risk".parse().expect("a name") }
        }

        /// Puts an approved module of a version into a file.
        fn approve(&self, name: &str, version: u64, approver: u8) -> PathBuf {
            let module =
                seal::seal_candidate(&fixtures::component(), &fixtures::card(version), &key(JOB)).expect("ours");
            let approval = Approval {
                digest: seal::inspect(&module).expect("ours").digest,
                decision: Decision::Approve,
                key: key(approver).public().id(),
                by: "Ada".to_owned(),
                reason: "a test".to_owned(),
                time: "2026-01-01T00:00:00Z".to_owned(),
                gates_override: None,
                expires: None,
            };
            let module = seal::approve(&module, &approval, &key(approver)).expect("an approval");
            let path = self.registry.approved.join(name);
            std::fs::write(&path, module).expect("a file");
            path
        }

        fn champion(&self, choice: &Choice) -> Option<u64> {
            let found = find(choice, &self.registry, &self.model).expect("the registry is in order");
            found.map(|champion| champion.card.version.get())
        }
    }

    #[test]
    fn the_highest_version_that_may_run_is_the_champion() {
        let house = House::new();
        assert_eq!(house.champion(&Choice::Newest), None, "nothing is approved");
        house.approve("credit-risk-2.wasm", 2, ADA);
        house.approve("a-mirror-named-it.wasm", 10, ADA);
        house.approve("credit-risk-9.wasm", 9, ADA);
        assert_eq!(house.champion(&Choice::Newest), Some(10), "versions are numbers, and names do not matter");
        assert_eq!(house.champion(&Choice::Nothing), None);
    }

    #[test]
    fn what_a_host_would_refuse_is_no_champion() {
        let house = House::new();
        house.approve("credit-risk-2.wasm", 2, ADA);
        house.approve("credit-risk-3.wasm", 3, 7);
        let tampered = house.approve("credit-risk-4.wasm", 4, ADA);
        let mut bytes = std::fs::read(&tampered).expect("the module");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&tampered, bytes).expect("a file");
        let half = house.approve("credit-risk-5.wasm", 5, ADA);
        let bytes = std::fs::read(&half).expect("the module");
        std::fs::write(&half, &bytes[..bytes.len() / 2]).expect("a file");
        house.approve(".credit-risk-6.wasm", 6, ADA);
        let unapproved = seal::seal_candidate(&fixtures::component(), &fixtures::card(8), &key(JOB)).expect("ours");
        std::fs::write(house.registry.approved.join("credit-risk-8.wasm"), unapproved).expect("a file");
        assert_eq!(house.champion(&Choice::Newest), Some(2));
    }

    #[test]
    fn a_named_file_is_taken_whoever_signed_it() {
        let house = House::new();
        house.approve("credit-risk-2.wasm", 2, ADA);
        let named = house.approve("credit-risk-1.wasm", 1, 7);
        assert_eq!(house.champion(&Choice::File(named.clone())), Some(1));
        let other = "other".parse().expect("a name");
        let refused = find(&Choice::File(named), &house.registry, &other);
        assert!(matches!(refused, Err(ChampionError::OtherModel { .. })), "{refused:?}");
        let absent = find(&"absent.wasm".parse().expect("a choice"), &house.registry, &house.model);
        assert!(matches!(absent, Err(ChampionError::Read { .. })), "{absent:?}");
    }

    #[test]
    fn approved_modules_without_a_policy_are_a_question_and_no_guess() {
        let house = House::new();
        house.approve("credit-risk-2.wasm", 2, ADA);
        std::fs::remove_file(house.folder.path().join("trust.toml")).expect("it can be removed");
        let refused = find(&Choice::Newest, &house.registry, &house.model);
        assert!(matches!(refused, Err(ChampionError::Trust { .. })), "{refused:?}");
        assert_eq!(house.champion(&Choice::Nothing), None, "nothing is asked of the policy");
    }
}
