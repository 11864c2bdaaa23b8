//! A compiled model and its warm instances.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Engine;
use super::bindings::ModelPre;
use super::counters::EngineCounters;
use super::error::ScoreError;
use super::instance::{Guard, Instance};

/// A model ready to be called from any number of threads.
///
/// A call takes an instance off a stack, or makes one when all are in use, and puts it back: so there are never more
/// instances than calls under way plus `warm_instances_max`. A stack, since the instance used last has its memory in
/// the cache. The lock is held for a push or a pop only; uncontended it costs some 20 ns of a call's 2 us.
pub struct CompiledModel {
    engine: Engine,
    pre: ModelPre<Guard>,
    width: usize,
    idle: Mutex<Vec<Instance>>,
}

impl CompiledModel {
    pub(super) fn new(engine: Engine, pre: ModelPre<Guard>, width: usize) -> Self {
        let idle = Mutex::new(Vec::with_capacity(engine.limits().warm_instances_max));
        Self { engine, pre, width, idle }
    }

    /// Scores whole rows of [`width`](Self::width) values each, on the calling thread and under the deadline.
    ///
    /// # Errors
    /// [`ScoreError`]: the rows are none, or the guest failed; the next call is not affected.
    pub fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreError> {
        self.score_within(rows, self.engine.limits().deadline_ms)
    }

    /// Scores rows under another deadline, in milliseconds.
    ///
    /// # Errors
    /// Those of [`score`](Self::score).
    pub fn score_within(&self, rows: &[f64], deadline_ms: u64) -> Result<Vec<f64>, ScoreError> {
        let wanted = self.rows_count(rows)?;
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let counters = self.engine.counters();
        EngineCounters::add(&counters.calls, 1);
        EngineCounters::add(&counters.rows, wanted as u64);
        let answer = self.call(rows, wanted, deadline_ms);
        if let Err(error) = &answer {
            self.count(error);
        }
        answer
    }

    /// Makes instances until `count` of them (at most `warm_instances_max`) wait for calls, each having scored `rows`
    /// once: so the pages of its memory that a call touches are mapped.
    ///
    /// # Errors
    /// [`ScoreError`]: an instance could not be made, or does not score the rows.
    pub fn warm(&self, count: usize, rows: &[f64]) -> Result<(), ScoreError> {
        let (wanted, limits) = (self.rows_count(rows)?, self.engine.limits());
        let _running = self.engine.running();
        for _ in self.idle_count()..count.min(limits.warm_instances_max) {
            let mut instance = self.instance()?;
            if wanted > 0 {
                instance.score(rows, limits.proof_deadline_ms).and_then(|scores| check(scores, wanted))?;
            }
            self.put_back(instance);
        }
        Ok(())
    }

    /// Gives how many values a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Gives how many instances wait for a call.
    pub fn idle_count(&self) -> usize {
        self.idle().len()
    }

    /// Gives the engine that compiled it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn rows_count(&self, rows: &[f64]) -> Result<usize, ScoreError> {
        if !rows.len().is_multiple_of(self.width) {
            return Err(ScoreError::RowWidth { values: rows.len(), width: self.width });
        }
        let (count, rows_max) = (rows.len() / self.width, self.engine.limits().call_rows_max);
        if count > rows_max { Err(ScoreError::TooManyRows { rows: count, rows_max }) } else { Ok(count) }
    }

    fn call(&self, rows: &[f64], wanted: usize, deadline_ms: u64) -> Result<Vec<f64>, ScoreError> {
        let _running = self.engine.running();
        let idle = self.idle().pop();
        let mut instance = idle.map_or_else(|| self.instance(), Ok)?;
        let answer = instance.score(rows, deadline_ms).and_then(|scores| check(scores, wanted));
        // A guest that has trapped or answered nonsense is not asked again; one that refuses is still whole.
        if matches!(answer, Ok(_) | Err(ScoreError::Refused(_))) {
            self.put_back(instance);
        }
        answer
    }

    fn instance(&self) -> Result<Instance, ScoreError> {
        EngineCounters::add(&self.engine.counters().instances, 1);
        Instance::new(&self.pre, self.engine.limits())
    }

    fn put_back(&self, instance: Instance) {
        let limits = self.engine.limits();
        if instance.calls() < limits.instance_calls_max {
            let mut idle = self.idle();
            if idle.len() < limits.warm_instances_max {
                idle.push(instance);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        // A push or a pop leaves nothing half done, so a poisoned stack is as good as any.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, error: &ScoreError) {
        let counters = self.engine.counters();
        let counter = match error {
            ScoreError::Deadline { .. } => &counters.deadlines,
            ScoreError::Memory { .. } => &counters.memory,
            ScoreError::OutputLength { .. } | ScoreError::OutputNotFinite { .. } => &counters.bad_outputs,
            ScoreError::Refused(_) => &counters.refusals,
            _ => &counters.traps,
        };
        EngineCounters::add(counter, 1);
    }
}

impl fmt::Debug for CompiledModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledModel").field("width", &self.width).field("idle", &self.idle_count()).finish()
    }
}

/// Checks an answer: one score for each row, each a finite number.
fn check(scores: Vec<f64>, wanted: usize) -> Result<Vec<f64>, ScoreError> {
    if scores.len() != wanted {
        return Err(ScoreError::OutputLength { got: scores.len(), wanted });
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(row) => Err(ScoreError::OutputNotFinite { row }),
        None => Ok(scores),
    }
}
