//! One instance of a model: its memory, its bounds, and one call into it.

use wasmtime::{ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline};

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
///
/// The deadline counts the ticks that the guest itself meets while it runs. On a loaded machine a thread may wait longer
/// for a processor than any sensible deadline; however many ticks pass meanwhile, the guest meets one. Ending a healthy
/// guest for what others did would fail requests exactly when there are many.
pub(super) struct Guard {
    ticks_left: u64,
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_refused: bool,
}

impl Instance {
    /// Makes an instance: its memory starts as the module's image, mapped copy-on-write.
    pub(super) fn new(pre: &ModelPre<Guard>, limits: &EngineLimits) -> Result<Self, ScoreError> {
        let guard = Guard {
            ticks_left: 0,
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            memory_refused: false,
        };
        let mut store = Store::new(pre.engine(), guard);
        store.limiter(|guard| guard);
        store.epoch_deadline_callback(|mut store: StoreContextMut<'_, Guard>| Ok(store.data_mut().tick()));
        arm(&mut store, limits.proof_deadline_ms);
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
        arm(&mut self.store, deadline_ms);
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

/// Starts a deadline: the guest is to call back at each tick.
fn arm(store: &mut Store<Guard>, deadline_ms: u64) {
    // The current tick has begun already, so this is never early: the guest ends at the tick after the last one left.
    store.data_mut().ticks_left = deadline_ms;
    store.set_epoch_deadline(1);
}

impl Guard {
    fn tick(&mut self) -> UpdateDeadline {
        match self.ticks_left.checked_sub(1) {
            Some(left) => {
                self.ticks_left = left;
                UpdateDeadline::Continue(1)
            }
            None => UpdateDeadline::Interrupt,
        }
    }
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
