//! How far a publication came, in a small file beside the store, so that the next run goes on from there.
//!
//! # Shape
//! `features.parquet.publish.json`:
//! `{"store":"sha256:..","host":"http://127.0.0.1:8080","last_user":5008804,"users":1000,"stale":0}`. The file is there
//! only while a publication runs, or after one was cut off.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::file::{self, Links};
use contract::ids::EntityId;
use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::atomic::{self, AtomicError};

/// A checkpoint has some 200 bytes; what is longer is another file.
const BYTES_MAX: u64 = 4 << 10;

/// How far a publication came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The digest of the store that is published.
    pub store: Digest,
    /// The host that it is published to.
    pub host: String,
    /// The last user whose record the host acknowledged; users are sent in the order of their ids.
    pub last_user: Option<EntityId>,
    /// How many users it acknowledged.
    pub users: u64,
    /// How many of them it knew newer features of.
    pub stale: u64,
}

/// The file that holds a store's checkpoint.
pub struct Checkpoints {
    path: PathBuf,
}

impl Checkpoint {
    /// Gives the checkpoint of a publication that has not begun.
    pub fn nothing(store: Digest, host: &Host) -> Self {
        Self { store, host: host.to_string(), last_user: None, users: 0, stale: 0 }
    }

    /// Tells whether both are of one store and one host.
    pub fn same_work(&self, other: &Self) -> bool {
        (self.store, &self.host) == (other.store, &other.host)
    }

    /// Counts a batch that the host acknowledged.
    pub fn add(&mut self, last_user: EntityId, users: u64, stale: u64) {
        self.last_user = Some(last_user);
        self.users += users;
        self.stale += stale;
    }
}

impl Checkpoints {
    /// Names the file beside a store.
    pub fn beside(store: &Path) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push(".publish.json");
        Self { path: path.into() }
    }

    /// Reads the checkpoint of a run that was cut off. What does not read is no checkpoint: everything is sent then.
    pub fn read(&self) -> Option<Checkpoint> {
        let bytes = file::read(&self.path, BYTES_MAX, Links::Follow).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps a checkpoint. A folder that cannot be written does not stop a publication, it only cannot be resumed.
    pub fn write(&self, checkpoint: &Checkpoint) {
        let failed = |source: io::Error| AtomicError { path: self.path.clone(), source };
        let written = atomic::write(&self.path, |file| {
            let json = serde_json::to_string(checkpoint).map_err(|error| failed(error.into()))?;
            file.write_all((json + "\n").as_bytes()).map_err(failed)
        });
        if let Err(error) = written {
            tracing::debug!("the next run would start from the beginning: {error}");
        }
    }

    /// Removes the checkpoint of a publication that is complete.
    pub fn remove(&self) {
        // Where it stays, the next run finds that nothing is left to send behind its last user.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_back_and_rubbish_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let checkpoints = Checkpoints::beside(&folder.path().join("features.parquet"));
        assert_eq!(checkpoints.read(), None);
        let host = "http://127.0.0.1:8080".parse().expect("an address");
        let mut checkpoint = Checkpoint::nothing(Digest::of(b"store"), &host);
        checkpoint.add("7".parse().expect("an id"), 1000, 3);
        checkpoint.add("9".parse().expect("an id"), 10, 1);
        checkpoints.write(&checkpoint);
        assert_eq!(checkpoints.read(), Some(checkpoint));
        let path = folder.path().join("features.parquet.publish.json");
        let padded = [fs::read(&path).expect("the checkpoint"), vec![b' '; 5000]].concat();
        for rubbish in [&b""[..], b"{}", b"\xff", &padded] {
            fs::write(&path, rubbish).expect("a write");
            assert_eq!(checkpoints.read(), None);
        }
        checkpoints.remove();
        assert!(!path.exists());
    }

    #[test]
    fn another_store_or_host_is_other_work() {
        let host = |text: &str| text.parse::<Host>().expect("an address");
        let checkpoint = |store: &[u8], at: &str| Checkpoint::nothing(Digest::of(store), &host(at));
        let ours = checkpoint(b"store", "http://a:1");
        assert!(checkpoint(b"store", "http://a:1/").same_work(&ours));
        assert!(!checkpoint(b"other", "http://a:1").same_work(&ours));
        assert!(!checkpoint(b"store", "http://b:1").same_work(&ours));
    }
}
