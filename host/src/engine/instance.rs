//! One instance of a model: its memory, its bounds, and one call into it.

use wasmtime::{ResourceLimiter, Store, Trap};

use super::bindings::{Model, ModelPre};
use super::error::ScoreError;
use super::limits::EngineLimits;

/// An instance with the store it lives in.
pub(super) struct Instance {
    store: Store<Guard>,
    model: Model,
    calls: u32,
}

/// The store's own bounds. It remembers that it refused memory, since all that comes back is a trap.
pub(super) struct Guard {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_refused: bool,
}

impl Instance {
    /// Makes an instance: its memory starts as the module's image, mapped copy-on-write.
    pub(super) fn new(pre: &ModelPre<Guard>, limits: &EngineLimits) -> Result<Self, ScoreError> {
        let guard = Guard {
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            memory_refused: false,
        };
        let mut store = Store::new(pre.engine(), guard);
        store.limiter(|guard| guard);
        store.epoch_deadline_trap();
        store.set_epoch_deadline(ticks(limits.proof_deadline_ms));
        match pre.instantiate(&mut store) {
            Ok(model) => Ok(Self { store, model, calls: 0 }),
            Err(_) if store.data().memory_refused => Err(ScoreError::Memory { bytes_max: limits.memory_bytes_max }),
            Err(error) => Err(ScoreError::Instance(format!("{error:#}"))),
        }
    }

    /// Calls the guest. After an error other than a refusal the instance's state is unknown: drop it.
    pub(super) fn score(&mut self, rows: &[f64], deadline_ms: u64) -> Result<Vec<f64>, ScoreError> {
        self.calls += 1;
        // The whole call is under it: lowering the rows, scoring, and freeing the answer run guest code.
        self.store.set_epoch_deadline(ticks(deadline_ms));
        match self.model.countersign_model_scorer().call_score(&mut self.store, rows) {
            Ok(Ok(scores)) => Ok(scores),
            Ok(Err(refusal)) => Err(ScoreError::Refused(refusal.into())),
            Err(error) => Err(self.failure(&error, deadline_ms)),
        }
    }

    /// Gives how many calls it has served.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    fn failure(&self, error: &wasmtime::Error, deadline_ms: u64) -> ScoreError {
        let guard = self.store.data();
        if guard.memory_refused {
            return ScoreError::Memory { bytes_max: guard.memory_bytes_max };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => ScoreError::Deadline { deadline_ms },
            Some(trap) => ScoreError::Trap(trap.to_string()),
            None => ScoreError::Boundary(format!("{error:#}")),
        }
    }
}

/// Gives a deadline in ticks. The current tick has begun already, hence one more: never early.
fn ticks(deadline_ms: u64) -> u64 {
    deadline_ms + 1
}

impl ResourceLimiter for Guard {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired <= self.memory_bytes_max {
            return Ok(true);
        }
        // An error traps at once. Answering -1 would leave it to the guest what its caller gets to see.
        self.memory_refused = true;
        Err(wasmtime::Error::msg("the memory bound is reached"))
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements_max)
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }

    fn instances(&self) -> usize {
        4
    }
}
