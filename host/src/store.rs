//! The online store: the latest feature record of every user, on disk. Only this module names sled.
//!
//! # Invariants
//! - A batch is written whole or not at all, and [`Store::put_batch`] returns after it has reached the disk.
//! - Newer wins by (event time, as-of), an equal pair overwrites, an older one is counted as stale and changes nothing.
//! - What is read back is what was written: every value carries a checksum over itself and its key.

mod value;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;

pub use value::ValueFault;

/// The tree that holds the records; sled's default tree stays empty.
const TREE: &str = "latest-features";
/// Bytes of pages sled keeps in memory: about a million records. sled's own default is 1 GiB.
const CACHE_BYTES_MAX: u64 = 256 << 20;

/// The latest feature record of every user.
pub struct Store {
    database: sled::Db,
    records: sled::Tree,
    /// The view that records are written and read for.
    view: Digest,
    /// Held from the comparison to the write, so that two batches with the same user cannot both win.
    writer: Mutex<()>,
    /// How many records there are; sled would walk the whole tree to tell.
    count: AtomicU64,
    /// Whether every write reached the disk so far.
    writable: AtomicBool,
}

/// How long a taken lock is waited for; a running host holds it for longer than that.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long between two looks at it.
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// Why the store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store in {0} is in use by another host: stop that one, or give another folder with --data")]
    Locked(PathBuf),
    /// The folder holds no store this host can open.
    #[error("cannot open the store in {dir}: check that the folder can be written and holds nothing else")]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What sled says.
        source: sled::Error,
    },
    /// A read or a write failed.
    #[error("the store cannot be used")]
    Fault(#[from] sled::Error),
    /// A value is not what was written.
    #[error("the stored record of user {entity} is damaged ({fault}): publish the features again")]
    Corrupt {
        /// Whose record it is.
        entity: EntityId,
        /// What is wrong with it.
        fault: ValueFault,
    },
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOutcome {
    /// Records that were the newest of their user when their turn came.
    pub accepted: u64,
    /// Records older than the one their user already had.
    pub stale: u64,
}

/// What decides which of two records of a user is the newer.
type Age = (Date, Date);

impl Store {
    /// Opens the store in a folder, or makes it there, for records of one view.
    ///
    /// # Errors
    /// [`StoreError::Locked`] or [`StoreError::Open`], with the folder.
    pub fn open(dir: &Path, view: Digest) -> Result<Self, StoreError> {
        let refused = |source: sled::Error| match source {
            // sled has no kind of its own for a lock that is taken.
            sled::Error::Io(cause) if cause.to_string().contains("could not acquire lock") => {
                StoreError::Locked(dir.to_owned())
            }
            source => StoreError::Open { dir: dir.to_owned(), source },
        };
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES_MAX)
            // Every batch is flushed before it is acknowledged, so that there is nothing to flush by the clock.
            .flush_every_ms(None);
        let deadline = Instant::now() + LOCK_WAIT;
        let database = loop {
            match config.open().map_err(refused) {
                // Its holder may be on its way out: a host that was just stopped, or a child process between fork and exec.
                Err(StoreError::Locked(_)) if Instant::now() < deadline => std::thread::sleep(LOCK_RETRY),
                opened => break opened?,
            }
        };
        let records = database.open_tree(TREE).map_err(refused)?;
        let count = AtomicU64::new(records.len() as u64);
        Ok(Self { database, records, view, writer: Mutex::new(()), count, writable: AtomicBool::new(true) })
    }

    /// Gives a user's record, or none if there is none. It may follow another view than the store's: compare.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the value is damaged, [`StoreError::Fault`] if it cannot be read.
    pub fn get(&self, entity: EntityId) -> Result<Option<FeatureRecord>, StoreError> {
        match self.records.get(value::key(entity))? {
            None => Ok(None),
            Some(bytes) => {
                value::decode(entity, &bytes).map(Some).map_err(|fault| StoreError::Corrupt { entity, fault })
            }
        }
    }

    /// Writes a batch; when this returns, it is on the disk.
    ///
    /// A damaged record, or one of another view, gives way to any new one: it cannot be served.
    ///
    /// # Errors
    /// [`StoreError::Fault`]; nothing of the batch is acknowledged then.
    pub fn put_batch(&self, batch: &[FeatureRecord]) -> Result<PutOutcome, StoreError> {
        // A batch that is stale throughout is flushed as well: the newer record it gave way to may be another writer's that is
        // not on the disk yet.
        self.write(|| self.apply(batch))
    }

    /// Removes a user's record; when this returns, that is on the disk. Tells whether there was one.
    ///
    /// The bytes themselves are overwritten as the store writes its files anew.
    ///
    /// # Errors
    /// [`StoreError::Fault`]; then it may or may not be gone after a restart.
    pub fn remove(&self, entity: EntityId) -> Result<bool, StoreError> {
        self.write(|| {
            let removed = self.records.remove(value::key(entity)).map_err(|cause| self.unwritten(cause))?.is_some();
            self.count.fetch_sub(u64::from(removed), Ordering::Relaxed);
            Ok(removed)
        })
    }

    /// Gives how many users have a record.
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells whether no user has a record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether every write reached the disk so far; after one that did not, none is taken any more.
    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Gives the bytes the store takes on the disk.
    ///
    /// # Errors
    /// [`StoreError::Fault`] if the files cannot be looked at.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(self.database.size_on_disk()?)
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// [`StoreError::Fault`] if that fails.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.database.flush().map_err(|cause| self.unwritten(cause))?;
        Ok(())
    }

    /// Changes records and brings the change to the disk.
    fn write<T>(&self, change: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let changed = {
            // The lock guards no data that a panic could leave half changed.
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            change()?
        };
        // Outside the lock, so that writers share a flush.
        self.flush()?;
        Ok(changed)
    }

    /// Notes that a write did not reach the disk: sled takes no more then, until it is opened again.
    fn unwritten(&self, cause: sled::Error) -> StoreError {
        if self.writable.swap(false, Ordering::Relaxed) {
            tracing::error!(
                "the store takes no more records until the host is started again: see first that its disk has room"
            );
        }
        cause.into()
    }

    fn apply(&self, batch: &[FeatureRecord]) -> Result<PutOutcome, StoreError> {
        let mut outcome = PutOutcome { accepted: 0, stale: 0 };
        let mut newest: HashMap<EntityId, Age> = HashMap::with_capacity(batch.len());
        let mut writes = sled::Batch::default();
        let mut added = 0;
        for record in batch {
            let age = (record.event_time, record.as_of);
            let earlier = match newest.get(&record.entity) {
                Some(&earlier) => Some(earlier),
                None => {
                    let stored = self.records.get(value::key(record.entity))?;
                    added += u64::from(stored.is_none());
                    stored.and_then(|bytes| self.age(record.entity, &bytes))
                }
            };
            if let Some(earlier) = earlier.filter(|&earlier| earlier > age) {
                outcome.stale += 1;
                newest.insert(record.entity, earlier);
            } else {
                outcome.accepted += 1;
                newest.insert(record.entity, age);
                writes.insert(&value::key(record.entity), value::encode(record));
            }
        }
        self.records.apply_batch(writes).map_err(|cause| self.unwritten(cause))?;
        self.count.fetch_add(added, Ordering::Relaxed);
        Ok(outcome)
    }

    /// Gives the age of a stored record, or none if any new one may replace it.
    fn age(&self, entity: EntityId, bytes: &[u8]) -> Option<Age> {
        match value::decode(entity, bytes) {
            Ok(stored) => (stored.view == self.view).then_some((stored.event_time, stored.as_of)),
            Err(fault) => {
                tracing::warn!(%entity, %fault, "a damaged record is replaced");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
