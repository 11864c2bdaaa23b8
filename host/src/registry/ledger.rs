//! The ledger: what must outlive a restart so that versions never go back by themselves.
//!
//! # Shape
//! ```json
//! {"format":1,"first_live":"credit-risk","models":{"credit-risk":{"highest_live":3,"taken":{"1":"sha256:...","3":"sha256:..."}}}}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::file::{Links, ReadError};
use contract::ids::{ModelName, ModelVersion};
use serde::{Deserialize, Serialize};

use super::config::RegistryError;

/// The most bytes of a ledger that are read: some hundred thousand versions.
const LEDGER_BYTES_MAX: u64 = 16 << 20;
/// The one format there is.
const FORMAT: u32 = 1;

/// The ledger, as it is in memory; [`save`](Self::save) makes it durable.
pub(super) struct Ledger {
    path: PathBuf,
    content: Content,
    saved: bool,
    /// It should be there and is not. Nothing is written then, so that a restart does not take what is left for all.
    lost: bool,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    /// The model that was live before any other; ledgers from before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_live: Option<ModelName>,
    models: BTreeMap<ModelName, Entry>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    highest_live: Option<ModelVersion>,
    taken: BTreeMap<ModelVersion, Digest>,
}

impl Ledger {
    /// Reads the ledger of a data folder. Where it is absent, the folder is made with an empty ledger; if it is expected,
    /// it is lost instead.
    pub(super) fn open(data_dir: &Path, expected: bool) -> Result<Self, RegistryError> {
        let path = data_dir.join("ledger.json");
        let failed = |cause| RegistryError::Ledger { path: path.clone(), cause };
        let content = match read(&path) {
            Ok(content) => Some(content),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(failed(cause)),
        };
        let saved = content.is_some();
        let content = content.unwrap_or_else(|| Content { format: FORMAT, ..Content::default() });
        let mut ledger = Self { path: path.clone(), content, saved, lost: expected && !saved };
        if ledger.lost {
            return Ok(ledger);
        }
        // At the start a folder that cannot be written is the operator's to see, not a warning in a log.
        fs::create_dir_all(data_dir).and_then(|()| ledger.save()).map_err(failed)?;
        Ok(ledger)
    }

    /// Gives the file that should be there and is not.
    pub(super) fn lost(&self) -> Option<&Path> {
        self.lost.then_some(&*self.path)
    }

    /// Gives the model that was live before any other.
    pub(super) fn first_live(&self) -> Option<&ModelName> {
        self.content.first_live.as_ref()
    }

    /// Gives the models it knows.
    pub(super) fn models(&self) -> impl Iterator<Item = &ModelName> {
        self.content.models.keys()
    }

    /// Gives the digest that owns a version.
    pub(super) fn owner(&self, model: &ModelName, version: ModelVersion) -> Option<Digest> {
        self.content.models.get(model)?.taken.get(&version).copied()
    }

    /// Gives the highest version that was ever live.
    pub(super) fn highest_live(&self, model: &ModelName) -> Option<ModelVersion> {
        self.content.models.get(model)?.highest_live
    }

    /// Gives a version to the first digest that asks for it.
    pub(super) fn take(&mut self, model: &ModelName, version: ModelVersion, digest: Digest) {
        let taken = &mut self.content.models.entry(model.clone()).or_default().taken;
        if taken.insert(version, digest) != Some(digest) {
            self.saved = false;
        }
    }

    /// Remembers on disk that a version goes live; where that fails, nothing has changed here or there.
    pub(super) fn went_live(&mut self, model: &ModelName, version: ModelVersion) -> io::Result<()> {
        if self.lost {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut next = self.content.clone();
        let first = next.first_live.is_none();
        next.first_live.get_or_insert_with(|| model.clone());
        let highest = &mut next.models.entry(model.clone()).or_default().highest_live;
        if first || *highest < Some(version) {
            *highest = (*highest).max(Some(version));
            write(&self.path, &next)?;
            self.content = next;
            self.saved = true;
        }
        Ok(())
    }

    /// Writes what has changed since it was last written.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.saved && !self.lost {
            write(&self.path, &self.content)?;
            self.saved = true;
        }
        Ok(())
    }
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    contract::file::replace(path, &serde_json::to_vec(content)?)
}

fn read(path: &Path) -> io::Result<Content> {
    let bytes = contract::file::read(path, LEDGER_BYTES_MAX, Links::Follow).map_err(|error| match error {
        ReadError::System(cause) => cause,
        other => io::Error::other(other),
    })?;
    let content: Content = serde_json::from_slice(&bytes)?;
    if content.format != FORMAT {
        return Err(io::Error::other(format!("format {} is unknown, this host writes {FORMAT}", content.format)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(counter: u64) -> ModelVersion {
        counter.try_into().expect("a counter")
    }

    #[test]
    fn what_is_saved_is_there_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let model: ModelName = "credit-risk".parse().expect("a name");
        let mut ledger = Ledger::open(&data, false).expect("a new one");
        assert_eq!((ledger.highest_live(&model), ledger.owner(&model, version(1))), (None, None));
        ledger.take(&model, version(3), Digest::of(b"3"));
        ledger.went_live(&model, version(3)).expect("saved");
        ledger.went_live(&model, version(2)).expect("saved");
        ledger.save().expect("saved");
        let again = Ledger::open(&data, false).expect("ours");
        assert_eq!(again.highest_live(&model), Some(version(3)), "an older version does not lower it");
        assert_eq!(again.owner(&model, version(3)), Some(Digest::of(b"3")));
        assert_eq!(fs::read_dir(&data).expect("the folder").count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_lost_ledger_is_not_replaced_by_an_empty_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let model: ModelName = "credit-risk".parse().expect("a name");
        let mut ledger = Ledger::open(folder.path(), true).expect("it opens");
        assert!(ledger.lost().is_some());
        ledger.take(&model, version(1), Digest::of(b"1"));
        ledger.went_live(&model, version(1)).expect_err("nothing goes live");
        ledger.save().expect("there is nothing to save");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
        assert_eq!(Ledger::open(folder.path(), false).expect("a new one").lost(), None);
        assert_eq!(Ledger::open(folder.path(), true).expect("it is there").lost(), None);
    }

    #[test]
    fn the_first_live_model_is_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [first, second]: [ModelName; 2] = ["z", "a"].map(|name| name.parse().expect("a name"));
        let mut ledger = Ledger::open(folder.path(), false).expect("a new one");
        ledger.went_live(&first, version(1)).expect("saved");
        ledger.went_live(&second, version(1)).expect("saved");
        assert_eq!(Ledger::open(folder.path(), true).expect("ours").first_live(), Some(&first));
        // A ledger from before it was kept learns it from whatever goes live next, and keeps the highest version.
        let old = r#"{"format":1,"models":{"a":{"highest_live":3,"taken":{}}}}"#;
        fs::write(folder.path().join("ledger.json"), old).expect("ours");
        let mut ledger = Ledger::open(folder.path(), true).expect("an old one");
        ledger.went_live(&second, version(2)).expect("saved");
        let again = Ledger::open(folder.path(), true).expect("ours");
        assert_eq!((again.first_live(), again.highest_live(&second)), (Some(&second), Some(version(3))));
    }

    #[test]
    fn what_cannot_be_written_is_not_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let model: ModelName = "credit-risk".parse().expect("a name");
        let mut ledger = Ledger::open(&data, false).expect("a new one");
        ledger.went_live(&model, version(1)).expect("saved");
        fs::rename(&data, folder.path().join("away")).expect("ours");
        ledger.went_live(&model, version(2)).expect_err("there is no folder to write to");
        assert_eq!(ledger.highest_live(&model), Some(version(1)));
        fs::rename(folder.path().join("away"), &data).expect("ours");
        assert_eq!(Ledger::open(&data, false).expect("ours").highest_live(&model), Some(version(1)));
        ledger.went_live(&model, version(2)).expect("saved");
        assert_eq!(Ledger::open(&data, false).expect("ours").highest_live(&model), Some(version(2)));
    }

    #[test]
    fn a_broken_ledger_is_no_empty_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for text in ["", "{}", "{\"format\":2,\"models\":{}}", "{\"format\":1,\"models\":{\"X\":{}}}"] {
            fs::write(folder.path().join("ledger.json"), text).expect("a file");
            assert!(matches!(Ledger::open(folder.path(), false), Err(RegistryError::Ledger { .. })), "{text}");
        }
    }
}
