//! What the mirror says of itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What was counted since the start, and what is wrong at present.
#[derive(Debug, Default)]
pub struct MirrorFigures {
    looked: AtomicU64,
    objects: AtomicU64,
    fetched: AtomicU64,
    failures: AtomicU64,
    complaint: Mutex<Option<String>>,
}

impl MirrorFigures {
    /// Gives when the store was last listed whole, in seconds since 1970; 0 where it never was.
    pub fn looked(&self) -> u64 {
        self.looked.load(Ordering::Relaxed)
    }

    /// Gives how many objects have a local copy.
    pub fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }

    /// Gives how many objects were fetched.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Gives how many looks failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Gives what is wrong at present, a sentence.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn hold(&self, objects: usize) {
        self.objects.store(objects as u64, Ordering::Relaxed);
    }

    pub(super) fn fetch(&self) {
        self.fetched.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn succeed(&self, complaint: Option<String>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.looked.store(now.as_secs(), Ordering::Relaxed);
        self.complain(complaint);
    }

    pub(super) fn fail(&self, complaint: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.complain(Some(complaint));
    }

    fn complain(&self, complaint: Option<String>) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = complaint;
    }
}
