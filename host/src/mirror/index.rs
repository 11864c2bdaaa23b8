//! The index: which object each local copy was, and what its bytes hash to.
//!
//! # Shape
//! ```json
//! {"format":1,"place":"s3://models/credit","copies":{"credit-risk-3.wasm":{"tag":"\"9b2c..\" 2026-01-02T03:04:05Z",
//!  "bytes":143956,"sha256":"sha256:..."}}}
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::file::{Links, ReadError};
use serde::{Deserialize, Serialize};

const FORMAT: u32 = 1;
/// The most bytes of an index that are read: a copy takes some 200.
const INDEX_BYTES_MAX: u64 = 16 << 20;

/// The index, as it is in memory and on disk.
pub(super) struct Index {
    path: PathBuf,
    content: Content,
    /// Whether all of it is on disk.
    saved: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    place: String,
    copies: BTreeMap<String, Copy>,
}

/// What is known of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Copy {
    /// What the store said that tells the object from its later contents.
    pub(super) tag: String,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

impl Index {
    /// Reads the index, and keeps of it what holds: copies of this place, whose files are there and hash to what it says. The
    /// others are fetched anew, so that a lost or broken index costs a download and nothing else.
    pub(super) fn open(path: PathBuf, place: &str, approved: &Path, object_bytes_max: u64) -> io::Result<Self> {
        let copies = match read(&path) {
            Ok(content) if content.place == place => content.copies,
            Ok(_) => BTreeMap::new(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%cause, "the mirror's index is broken; its objects are fetched anew");
                BTreeMap::new()
            }
            Err(cause) => return Err(cause),
        };
        let intact = |name: &str, copy: &Copy| {
            let bytes = contract::file::read(&approved.join(name), object_bytes_max, Links::Refuse);
            let intact = bytes.is_ok_and(|bytes| Digest::of(&bytes) == copy.sha256);
            if !intact {
                tracing::warn!(name, "a local copy is not what was fetched; it is fetched anew");
            }
            intact
        };
        let copies = copies.into_iter().filter(|(name, copy)| intact(name, copy)).collect();
        Ok(Self { path, content: Content { format: FORMAT, place: place.to_owned(), copies }, saved: false })
    }

    /// Gives the copies by name.
    pub(super) fn copies(&self) -> &BTreeMap<String, Copy> {
        &self.content.copies
    }

    /// Notes a copy. It is on disk with the next [`save`](Self::save); until then a restart fetches it once more.
    pub(super) fn note(&mut self, name: &str, copy: Copy) {
        self.content.copies.insert(name.to_owned(), copy);
        self.saved = false;
    }

    /// Forgets all copies but some.
    pub(super) fn keep(&mut self, kept: impl Fn(&str) -> bool) {
        let before = self.content.copies.len();
        self.content.copies.retain(|name, _| kept(name));
        self.saved &= self.content.copies.len() == before;
    }

    /// Writes what has changed since it was last written.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.saved {
            contract::file::replace(&self.path, &serde_json::to_vec(&self.content)?)?;
            self.saved = true;
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Content> {
    let bytes = contract::file::read(path, INDEX_BYTES_MAX, Links::Follow).map_err(|error| match error {
        ReadError::System(cause) => cause,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    })?;
    let content: Content = serde_json::from_slice(&bytes)?;
    if content.format == FORMAT {
        Ok(content)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown format"))
    }
}
