//! Many rows at once: scored on threads of their own, so that a long run holds up no worker that others wait for.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::Span;

use super::identity::RequestId;
use super::models::{Live, ScoreFault};
use super::problem::Problem;
use super::{App, spans};
use crate::engine::{BatchPool, CHUNK_ROWS};
use crate::prediction_log::Entry;

/// The threads that batches run on, and a place for each batch that may wait for them.
pub struct Batches {
    pool: BatchPool,
    places: Arc<Semaphore>,
}

impl Batches {
    /// Starts as many threads as there are processors, before which `waiting_max` batches wait.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(waiting_max: usize) -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // Every batch has a place before it is queued, so that the queue is never full.
        let pool = BatchPool::new(threads, waiting_max, CHUNK_ROWS)?;
        Ok(Self { pool, places: Arc::new(Semaphore::new(waiting_max)) })
    }

    /// Takes a place, where there is one at once.
    ///
    /// # Errors
    /// [`Problem::BatchesBusy`].
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Problem::BatchesBusy)
    }

    /// Tells whether there is one, for who would do much before it is needed.
    ///
    /// # Errors
    /// [`Problem::BatchesBusy`].
    pub fn check_room(&self) -> Result<(), Problem> {
        if self.places.available_permits() > 0 { Ok(()) } else { Err(Problem::BatchesBusy) }
    }

    /// Waits for a place, in the order of asking.
    ///
    /// # Errors
    /// [`Problem::BatchesBusy`], where the host is stopping.
    pub async fn wait_for_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| Problem::BatchesBusy)
    }

    /// Does work on a batch thread; its place is free again when it is done.
    ///
    /// # Errors
    /// [`Problem::BatchesBusy`] where the threads are gone, [`Problem::Internal`] where the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let span = Span::current();
        let job = move || {
            let done = span.in_scope(work);
            drop(place);
            // Whoever asked may have gone.
            let _ = reply.send(done);
        };
        self.pool.run(job).map_err(|_| Problem::BatchesBusy)?;
        answer.await.map_err(|_| Problem::Internal)
    }
}

/// Scores rows a chunk at a time, each under its own deadline; all of them or the first fault.
///
/// # Errors
/// [`ScoreFault`]; see [`Live::score`].
pub fn score_all(live: &dyn Live, rows: &[f64], width: usize) -> Result<Vec<f64>, ScoreFault> {
    let mut scores = Vec::with_capacity(rows.len() / width);
    for chunk in rows.chunks(CHUNK_ROWS * width) {
        scores.extend(checked(live, chunk, width)?);
    }
    Ok(scores)
}

/// Scores a few rows, and sees to it that each has a score.
///
/// # Errors
/// [`ScoreFault`]; see [`Live::score`].
pub fn checked(live: &dyn Live, rows: &[f64], width: usize) -> Result<Vec<f64>, ScoreFault> {
    let scores = spans::guest(live).in_scope(|| live.score(rows))?;
    let (wanted, found) = (rows.len() / width, scores.len());
    match scores.iter().find(|score| !score.is_finite()) {
        None if wanted == found => Ok(scores),
        None => Err(ScoreFault { code: "output", detail: format!("{wanted} rows got {found} scores") }),
        Some(score) => Err(ScoreFault { code: "output", detail: format!("a row got the score {score}") }),
    }
}

/// Logs scores of features that came in a request.
///
/// # Errors
/// [`Problem::Unlogged`], where they cannot be logged and must be.
pub fn log_rows(app: &App, id: &RequestId, live: &Arc<dyn Live>, rows: &[f64], scores: &[f64]) -> Result<(), Problem> {
    app.keep(|time| {
        let rows = rows.chunks_exact(app.view.width());
        rows.zip(scores).map(move |(row, &probability)| Entry {
            time,
            request_id: Arc::clone(&id.0),
            subject: None,
            values: row.to_vec(),
            probability,
            live: Arc::clone(live),
        })
    })
}
