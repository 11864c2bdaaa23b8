//! The ledger: what must outlive a restart, so that versions never go back by themselves and an operator's word holds.
//!
//! # Shape
//! ```json
//! {"format":2,"first_live":"credit-risk","models":{"credit-risk":{"highest_live":3,"live":2,"before":[1,3],
//!  "traffic":{"live":2},"withdrawn":{},"taken":{"1":"sha256:...","2":"sha256:..."},"events":[]}}}
//! ```
//! Format 1, of hosts before there was traffic to set, has `highest_live` and `taken` alone, and is read as well.

mod entry;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::file::{Links, ReadError};
use contract::ids::{ModelName, ModelVersion};
use serde::{Deserialize, Serialize};

pub(super) use self::entry::Entry;
use super::config::RegistryError;

/// The most bytes of a ledger that are read: some hundred thousand versions.
const LEDGER_BYTES_MAX: u64 = 16 << 20;
/// The format that is written; those before it are read as well.
const FORMAT: u32 = 2;

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

    /// Gives what it knows of a model, if anything.
    pub(super) fn entry(&self, model: &ModelName) -> Option<&Entry> {
        self.content.models.get(model)
    }

    /// Gives the digest that owns a version.
    pub(super) fn owner(&self, model: &ModelName, version: ModelVersion) -> Option<Digest> {
        self.entry(model)?.taken.get(&version).copied()
    }

    /// Gives a version to the first digest that asks for it. It is written with the next change, or the next save.
    pub(super) fn take(&mut self, model: &ModelName, version: ModelVersion, digest: Digest) {
        let taken = &mut self.content.models.entry(model.clone()).or_default().taken;
        if taken.insert(version, digest) != Some(digest) {
            self.saved = false;
        }
    }

    /// Changes a model's entry on disk and then here; where the disk fails, nothing has changed here or there.
    pub(super) fn change(&mut self, model: &ModelName, change: impl FnOnce(&mut Entry)) -> io::Result<()> {
        if self.lost {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut next = self.changed(model, change);
        next.format = FORMAT;
        write(&self.path, &next)?;
        self.content = next;
        self.saved = true;
        Ok(())
    }

    /// Changes a model's entry here, whatever the disk does: what safety demands does not wait for it.
    pub(super) fn force(&mut self, model: &ModelName, change: impl FnOnce(&mut Entry)) {
        self.content = self.changed(model, change);
        self.saved = false;
    }

    /// Writes what has changed since it was last written.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.saved && !self.lost {
            self.content.format = FORMAT;
            write(&self.path, &self.content)?;
            self.saved = true;
        }
        Ok(())
    }

    fn changed(&self, model: &ModelName, change: impl FnOnce(&mut Entry)) -> Content {
        let mut next = self.content.clone();
        let entry = next.models.entry(model.clone()).or_default();
        change(entry);
        if entry.live.is_some() {
            next.first_live.get_or_insert_with(|| model.clone());
        }
        next
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
    if !(1..=FORMAT).contains(&content.format) {
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

    fn highest(ledger: &Ledger, model: &ModelName) -> Option<ModelVersion> {
        ledger.entry(model)?.highest_live
    }

    #[test]
    fn what_is_saved_is_there_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let model: ModelName = "credit-risk".parse().expect("a name");
        let mut ledger = Ledger::open(&data, false).expect("a new one");
        assert_eq!((highest(&ledger, &model), ledger.owner(&model, version(1))), (None, None));
        ledger.take(&model, version(3), Digest::of(b"3"));
        ledger.change(&model, |entry| entry.went_live(version(3))).expect("saved");
        ledger.change(&model, |entry| entry.went_live(version(2))).expect("saved");
        ledger.save().expect("saved");
        let again = Ledger::open(&data, false).expect("ours");
        assert_eq!(highest(&again, &model), Some(version(3)), "an older version does not lower it");
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
        ledger.change(&model, |entry| entry.went_live(version(1))).expect_err("nothing goes live");
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
        ledger.change(&first, |entry| entry.went_live(version(1))).expect("saved");
        ledger.change(&second, |entry| entry.went_live(version(1))).expect("saved");
        assert_eq!(Ledger::open(folder.path(), true).expect("ours").first_live(), Some(&first));
        // A ledger from before it was kept learns it from whatever goes live next, and keeps the highest version.
        let old = r#"{"format":1,"models":{"a":{"highest_live":3,"taken":{}}}}"#;
        fs::write(folder.path().join("ledger.json"), old).expect("ours");
        let mut ledger = Ledger::open(folder.path(), true).expect("an old one");
        ledger.change(&second, |entry| entry.went_live(version(2))).expect("saved");
        let again = Ledger::open(folder.path(), true).expect("ours");
        assert_eq!((again.first_live(), highest(&again, &second)), (Some(&second), Some(version(3))));
    }

    #[test]
    fn what_cannot_be_written_is_not_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let model: ModelName = "credit-risk".parse().expect("a name");
        let mut ledger = Ledger::open(&data, false).expect("a new one");
        ledger.change(&model, |entry| entry.went_live(version(1))).expect("saved");
        fs::rename(&data, folder.path().join("away")).expect("ours");
        ledger.change(&model, |entry| entry.went_live(version(2))).expect_err("there is no folder to write to");
        assert_eq!(highest(&ledger, &model), Some(version(1)));
        fs::rename(folder.path().join("away"), &data).expect("ours");
        assert_eq!(highest(&Ledger::open(&data, false).expect("ours"), &model), Some(version(1)));
        ledger.change(&model, |entry| entry.went_live(version(2))).expect("saved");
        assert_eq!(highest(&Ledger::open(&data, false).expect("ours"), &model), Some(version(2)));
    }

    #[test]
    fn a_broken_ledger_is_no_empty_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for text in ["", "{}", "{\"format\":3,\"models\":{}}", "{\"format\":1,\"models\":{\"X\":{}}}"] {
            fs::write(folder.path().join("ledger.json"), text).expect("a file");
            assert!(matches!(Ledger::open(folder.path(), false), Err(RegistryError::Ledger { .. })), "{text}");
        }
    }
}
