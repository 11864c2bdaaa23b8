//! What the engine counts, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of all models since the start. Relaxed: each is read on its own, none orders another.
#[derive(Debug, Default)]
pub struct EngineCounters {
    pub(super) calls: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) instances: AtomicU64,
    pub(super) deadlines: AtomicU64,
    pub(super) memory: AtomicU64,
    pub(super) traps: AtomicU64,
    pub(super) bad_outputs: AtomicU64,
    pub(super) refusals: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineFigures {
    /// Calls into guests.
    pub calls: u64,
    /// Rows of those calls.
    pub rows: u64,
    /// Instances made.
    pub instances: u64,
    /// Calls stopped at their deadline.
    pub deadlines: u64,
    /// Calls stopped for asking for too much memory.
    pub memory: u64,
    /// Calls that trapped or broke the boundary's rules.
    pub traps: u64,
    /// Answers thrown away: of wrong length, or not finite.
    pub bad_outputs: u64,
    /// Calls that the guest itself refused.
    pub refusals: u64,
}

impl EngineCounters {
    /// Gives the counters as they stand.
    pub fn figures(&self) -> EngineFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineFigures {
            calls: read(&self.calls),
            rows: read(&self.rows),
            instances: read(&self.instances),
            deadlines: read(&self.deadlines),
            memory: read(&self.memory),
            traps: read(&self.traps),
            bad_outputs: read(&self.bad_outputs),
            refusals: read(&self.refusals),
        }
    }

    /// Adds to a counter.
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
