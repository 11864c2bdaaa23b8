//! Larger runs, on threads of their own: a long one must not hold a worker that others wait for.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::error::ScoreError;
use super::model::CompiledModel;

/// The rows of one call of a run. Rows in a call share its fixed cost, which 64 have made disappear; more would only
/// bring the deadline nearer.
pub const CHUNK_ROWS: usize = 64;

/// Why a run was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// All threads are busy and the queue is full.
    #[error("{queue_max} batches wait already; try again later")]
    QueueFull {
        /// How many wait.
        queue_max: usize,
    },
    /// There are more rows than a run takes.
    #[error("{rows} rows are too many, a batch takes {rows_max}")]
    TooManyRows {
        /// How many rows there are.
        rows: usize,
        /// How many a run takes.
        rows_max: usize,
    },
    /// The threads are gone.
    #[error("the batch threads have ended")]
    Stopped,
}

type Job = Box<dyn FnOnce() + Send>;

/// A few threads behind a bounded queue; its end finishes what is queued and joins them.
pub struct BatchPool {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    queue_max: usize,
    rows_max: usize,
}

impl BatchPool {
    /// Starts `threads_count` threads, before which at most `queue_max` runs of at most `rows_max` rows wait.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(threads_count: usize, queue_max: usize, rows_max: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |number: usize| {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name(format!("batch-{number}")).spawn(move || work(&jobs))
        };
        let threads = (0..threads_count.max(1)).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads, queue_max, rows_max })
    }

    /// Queues a run; `reply` gets its scores on a batch thread, all of them or the first error.
    ///
    /// # Errors
    /// [`BatchError`]: the run was not taken, and `reply` is dropped uncalled.
    pub fn score(
        &self,
        model: Arc<CompiledModel>,
        rows: Vec<f64>,
        reply: impl FnOnce(Result<Vec<f64>, ScoreError>) + Send + 'static,
    ) -> Result<(), BatchError> {
        let count = rows.len() / model.width();
        if count > self.rows_max {
            return Err(BatchError::TooManyRows { rows: count, rows_max: self.rows_max });
        }
        self.run(move || reply(score_chunks(&model, &rows)))
    }

    /// Queues any other work of a batch.
    ///
    /// # Errors
    /// [`BatchError`]: it was not taken, and is dropped.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<(), BatchError> {
        let queue = self.queue.as_ref().ok_or(BatchError::Stopped)?;
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => BatchError::QueueFull { queue_max: self.queue_max },
            TrySendError::Disconnected(_) => BatchError::Stopped,
        })
    }
}

impl Drop for BatchPool {
    fn drop(&mut self) {
        // Closing the queue ends the threads once it is empty.
        drop(self.queue.take());
        let here = thread::current().id();
        for thread in self.threads.drain(..) {
            // The last owner may be a reply that runs on one of them.
            if thread.thread().id() != here {
                let _ = thread.join();
            }
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is let go before the job runs, so that another thread takes the next one.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // A panic in a reply must not cost the pool a thread; it has been reported by then.
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}

/// Scores a run a chunk at a time, each under its own deadline.
fn score_chunks(model: &CompiledModel, rows: &[f64]) -> Result<Vec<f64>, ScoreError> {
    let width = model.width();
    if !rows.len().is_multiple_of(width) {
        return Err(ScoreError::RowWidth { values: rows.len(), width });
    }
    let mut scores = Vec::with_capacity(rows.len() / width);
    for (chunk, rows) in rows.chunks(CHUNK_ROWS * width).enumerate() {
        let first = chunk * CHUNK_ROWS;
        match model.score(rows) {
            Ok(answer) => scores.extend(answer),
            Err(ScoreError::OutputNotFinite { row }) => return Err(ScoreError::OutputNotFinite { row: first + row }),
            Err(error) => return Err(error),
        }
    }
    Ok(scores)
}
