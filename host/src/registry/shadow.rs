//! A shadow: a version that scores what the live one scored, off the request path, so that the two can be compared.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use contract::ids::ModelVersion;
use serde::Serialize;
use utoipa::ToSchema;

use super::live::LiveModel;
use crate::engine::BatchPool;

/// A version that listens. What it answers nobody is told.
pub(super) struct Shadow {
    model: Arc<LiveModel>,
    pool: Arc<BatchPool>,
    counted: Arc<Counted>,
}

/// What came of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShadowFigures {
    /// The version that listens.
    #[schema(value_type = u64)]
    pub version: ModelVersion,
    /// Rows scored by both.
    pub compared: u64,
    /// Rows that it did not score, since its threads could not keep up.
    pub dropped: u64,
    /// Rows that it failed on.
    pub failed: u64,
    /// Rows on which the two decide differently, each by its own threshold.
    pub decisions_differ: u64,
    /// The mean distance of the two scores; null before the first.
    pub mean_difference: Option<f64>,
    /// The largest distance of the two scores; null before the first.
    pub max_difference: Option<f64>,
}

#[derive(Default)]
struct Counted {
    dropped: AtomicU64,
    failed: AtomicU64,
    compared: Mutex<Compared>,
}

#[derive(Default)]
struct Compared {
    rows: u64,
    decisions_differ: u64,
    sum: f64,
    max: f64,
}

impl Shadow {
    pub(super) fn new(model: Arc<LiveModel>, pool: Arc<BatchPool>) -> Self {
        Self { model, pool, counted: Arc::default() }
    }

    /// Gives the version.
    pub(super) fn model(&self) -> &Arc<LiveModel> {
        &self.model
    }

    /// Has a row scored that `live` gave a score. It never waits: where the threads cannot keep up, the row is dropped.
    pub(super) fn offer(&self, live: &LiveModel, row: &[f64], score: f64) {
        let declined = |model: &LiveModel, score: f64| score >= model.card().output.threshold.get();
        let (model, counted) = (Arc::clone(&self.model), Arc::clone(&self.counted));
        let live_declined = declined(live, score);
        let reply = move |answer: Result<Vec<f64>, _>| {
            model.count(&answer);
            match answer.as_deref() {
                Ok(&[other]) => counted.compare(score, other, live_declined != declined(&model, other)),
                _ => drop(counted.failed.fetch_add(1, Ordering::Relaxed)),
            }
        };
        if self.pool.score(Arc::clone(self.model.compiled()), row.to_vec(), reply).is_err() {
            self.counted.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives what came of it so far.
    pub(super) fn figures(&self) -> ShadowFigures {
        let compared = self.counted.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let some = |figure: f64| (compared.rows > 0).then_some(figure);
        ShadowFigures {
            version: self.model.version(),
            compared: compared.rows,
            dropped: self.counted.dropped.load(Ordering::Relaxed),
            failed: self.counted.failed.load(Ordering::Relaxed),
            decisions_differ: compared.decisions_differ,
            mean_difference: some(compared.sum / compared.rows.max(1) as f64),
            max_difference: some(compared.max),
        }
    }
}

impl Counted {
    fn compare(&self, score: f64, other: f64, differs: bool) {
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let distance = (score - other).abs();
        compared.rows += 1;
        compared.decisions_differ += u64::from(differs);
        compared.sum += distance;
        compared.max = compared.max.max(distance);
    }
}
