//! The log of predictions: every one with what it was made from, in files of bounded size and number, written beside the requests
//! and never in their way.
//!
//! A prediction is offered to a queue of bounded length and written by a thread of its own. Where the queue is full or the disk
//! refuses, there is one rule: the prediction is answered all the same, and the loss is counted, logged and shown in the
//! metrics. Who may not answer what is not logged says so (`--prediction-log-required`): then the request is refused instead.
//! What is written reaches the system within a second, and the disk when a file is full and when the host stops.
//!
//! Read in this order: the queue (here), [`files`] (what is on disk), [`replay`] (`countersign replay`).

mod files;
mod replay;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use contract::date::Date;
use contract::ids::EntityId;
use contract::prediction::{LoggedModel, LoggedPrediction};
use serde_json::Value;

use crate::http::models::Live;
use files::Files;

pub use files::LogError;
pub use replay::ReplayArgs;

/// The longest wait before what was written is handed to the system.
const FLUSH: Duration = Duration::from_secs(1);
/// The time between two words about losses.
const COMPLAINT: Duration = Duration::from_secs(10);

/// A prediction to be logged.
pub struct Entry {
    /// When it was made.
    pub time: SystemTime,
    /// The request that asked for it.
    pub request_id: Arc<str>,
    /// The user, the day of the latest event, and the day the features were computed for; none of features in the request.
    pub subject: Option<(EntityId, Date, Date)>,
    /// The row, in the view's order.
    pub values: Vec<f64>,
    /// The score.
    pub probability: f64,
    /// The version that gave it.
    pub live: Arc<dyn Live>,
}

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct LogLimits {
    /// The most predictions that wait to be written.
    pub queue_max: usize,
    /// The bytes after which the next file begins.
    pub file_bytes: u64,
    /// The most files; the oldest goes first.
    pub files_max: usize,
    /// Whether a prediction that cannot be logged is refused.
    pub required: bool,
}

/// What became of predictions.
#[derive(Debug, Default)]
pub struct LogFigures {
    /// Those that were handed to the system.
    pub written: AtomicU64,
    /// Those that found the queue full.
    pub dropped: AtomicU64,
    /// Those that the disk refused.
    pub failed: AtomicU64,
}

struct Shared {
    queued: AtomicUsize,
    figures: LogFigures,
    /// Whether the disk refused the last that was to be written.
    broken: AtomicBool,
}

enum Message {
    Entries(Vec<Entry>),
    Stop,
}

/// A log that is written.
pub struct PredictionLog {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    limits: LogLimits,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// A prediction may not be answered, since it cannot be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlogged;

impl PredictionLog {
    /// Begins a new file in a folder, which is made where it is absent.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(folder: &Path, limits: LogLimits) -> Result<Arc<Self>, LogError> {
        let files = Files::open(folder, limits.file_bytes, limits.files_max)?;
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            figures: LogFigures::default(),
            broken: AtomicBool::new(false),
        });
        // A message holds one prediction at least, so that the bound on predictions is met first.
        let (queue, messages) = sync_channel(limits.queue_max);
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("prediction-log".to_owned());
        let writer = thread.spawn(move || write(&messages, files, &writing)).map_err(LogError::Thread)?;
        Ok(Arc::new(Self { queue, shared, limits, writer: Mutex::new(Some(writer)) }))
    }

    /// Takes predictions to be written.
    ///
    /// # Errors
    /// [`Unlogged`], where they cannot be and must be.
    pub fn offer(&self, entries: Vec<Entry>) -> Result<(), Unlogged> {
        let count = entries.len();
        let Shared { queued, figures, broken } = &*self.shared;
        let waiting = queued.fetch_add(count, Ordering::Relaxed);
        let taken = waiting + count <= self.limits.queue_max && self.queue.try_send(Message::Entries(entries)).is_ok();
        if !taken {
            queued.fetch_sub(count, Ordering::Relaxed);
            figures.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
        let lost = !taken || broken.load(Ordering::Relaxed);
        if lost && self.limits.required { Err(Unlogged) } else { Ok(()) }
    }

    /// Gives what became of predictions so far.
    pub fn figures(&self) -> &LogFigures {
        &self.shared.figures
    }

    /// Gives how many predictions wait to be written.
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends the file on the disk.
    pub fn stop(&self) {
        // It can only fail where the writer has ended.
        let _ = self.queue.send(Message::Stop);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the writer of the prediction log panicked");
        }
    }
}

fn write(messages: &Receiver<Message>, mut files: Files, shared: &Shared) {
    let mut complained: Option<std::time::Instant> = None;
    let mut dropped_before = 0;
    let mut line = Vec::with_capacity(1024);
    loop {
        let failed = match messages.recv_timeout(FLUSH) {
            Ok(Message::Entries(entries)) => {
                let count = entries.len();
                let mut failed = None;
                for entry in entries {
                    line.clear();
                    serde_json::to_writer(&mut line, &logged(entry)).expect("a prediction is plain data");
                    line.push(b'\n');
                    if let Err(error) = files.write(&line) {
                        shared.figures.failed.fetch_add(1, Ordering::Relaxed);
                        failed = Some(error);
                    }
                }
                shared.queued.fetch_sub(count, Ordering::Relaxed);
                // While the disk refuses, every try shows whether it still does.
                let due = if shared.broken.load(Ordering::Relaxed) { Duration::ZERO } else { FLUSH };
                failed.or_else(|| files.flush_if_due(due).err())
            }
            Err(RecvTimeoutError::Timeout) => files.flush().err(),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                if let Err(error) = files.finish() {
                    let lost = files.waiting();
                    tracing::error!(%error, lost, "the end of the prediction log was not written");
                }
                return;
            }
        };
        shared.figures.written.store(files.handed(), Ordering::Relaxed);
        shared.broken.store(failed.is_some(), Ordering::Relaxed);
        let dropped = shared.figures.dropped.load(Ordering::Relaxed);
        if (failed.is_some() || dropped > dropped_before) && complained.is_none_or(|at| at.elapsed() > COMPLAINT) {
            let error = failed.map(|error| error.to_string()).unwrap_or_default();
            tracing::error!(lost = dropped, error, "predictions are missing in the prediction log");
            complained = Some(std::time::Instant::now());
            dropped_before = dropped;
        }
    }
}

fn logged(entry: Entry) -> LoggedPrediction {
    let Entry { time, request_id, subject, values, probability, live } = entry;
    let card = live.card();
    let named = card.view.features.iter().zip(values).map(|(feature, value)| {
        let number = if let Value::Number(number) = feature.json(value) { Some(number) } else { None };
        (feature.name.to_string(), number)
    });
    LoggedPrediction {
        time: DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Micros, true),
        request_id: request_id.to_string(),
        user_id: subject.map(|(user, ..)| user),
        event_time: subject.map(|(_, event_time, _)| event_time),
        as_of: subject.map(|(.., as_of)| as_of),
        features: named.collect(),
        probability,
        decision: card.output.decide(probability).to_owned(),
        threshold: card.output.threshold.get(),
        model: LoggedModel {
            name: card.model.clone(),
            version: card.version,
            digest: live.digest(),
            role: live.role().to_string(),
        },
    }
}
