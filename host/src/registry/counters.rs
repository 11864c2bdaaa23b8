//! What the registry counts, for the metrics page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct RegistryCounters {
    scans: AtomicU64,
    swaps: AtomicU64,
    proven: AtomicU64,
    withdrawals: AtomicU64,
    phases_ns: [AtomicU64; 4],
    /// By reason code. The codes are literals of the program, so there is an end to them.
    rejections: Mutex<BTreeMap<&'static str, u64>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryFigures {
    /// Looks at the folder.
    pub scans: u64,
    /// Changes of a live version, the first one included.
    pub swaps: u64,
    /// Versions that were compiled and proven.
    pub proven: u64,
    /// Versions taken out of service since they failed.
    pub withdrawals: u64,
    /// Time spent so far reading files.
    pub read: Duration,
    /// Time spent so far verifying seals.
    pub verify: Duration,
    /// Time spent so far admitting and compiling.
    pub compile: Duration,
    /// Time spent so far on golden vectors and warming up.
    pub prove: Duration,
    /// Files refused, by reason code.
    pub rejections: BTreeMap<&'static str, u64>,
}

/// A step of judging a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Read,
    Verify,
    Compile,
    Prove,
}

impl RegistryCounters {
    /// Gives the counters as they stand.
    pub fn figures(&self) -> RegistryFigures {
        let phase = |phase: Phase| Duration::from_nanos(self.phases_ns[phase as usize].load(Ordering::Relaxed));
        RegistryFigures {
            scans: self.scans.load(Ordering::Relaxed),
            swaps: self.swaps.load(Ordering::Relaxed),
            proven: self.proven.load(Ordering::Relaxed),
            withdrawals: self.withdrawals.load(Ordering::Relaxed),
            read: phase(Phase::Read),
            verify: phase(Phase::Verify),
            compile: phase(Phase::Compile),
            prove: phase(Phase::Prove),
            rejections: self.rejections.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Does a step and counts its time.
    pub(super) fn timed<T>(&self, phase: Phase, step: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = step();
        let ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.phases_ns[phase as usize].fetch_add(ns, Ordering::Relaxed);
        done
    }

    pub(super) fn scan(&self) {
        self.scans.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn swap(&self) {
        self.swaps.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn proven(&self) {
        self.proven.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn withdrawal(&self) {
        self.withdrawals.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rejection(&self, code: &'static str) {
        *self.rejections.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }
}
