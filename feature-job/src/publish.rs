//! Sends every user's latest features to a host, in bounded batches.

mod client;

use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::{Ages, FeatureView};

use crate::offline::Table;

pub use client::{Host, HostError};

/// How many records a request carries unless told otherwise: some 250 KB, well within the host's bound on a body.
pub const BATCH_RECORDS_DEFAULT: usize = 1000;
/// The most records a request may carry, so that a body stays within any host's bound.
pub const BATCH_RECORDS_MAX: usize = 10_000;

/// What the host took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many users were sent.
    pub users: u64,
    /// How many of them the host knew newer features of.
    pub stale: u64,
}

/// Why a publication stopped.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The batch size is out of its bounds.
    #[error("a batch has 1 to {BATCH_RECORDS_MAX} records, not {0}")]
    Batch(usize),
    /// The offline store holds a value that may not be served.
    #[error("user {id}: {said}; compute the features anew")]
    Record {
        /// The user.
        id: i64,
        /// What is wrong.
        said: String,
    },
    /// The host did not take a batch.
    #[error("after {taken} of {users} users: {source}; what was taken stays; {}", .source.advice())]
    Host {
        /// How many users it took before.
        taken: u64,
        /// How many there are.
        users: u64,
        /// What it said.
        source: HostError,
    },
}

/// Publishes the latest features of every user; `progress` is told how many are done.
///
/// # Errors
/// [`PublishError`]; the batches before it stay with the host, and sending them again changes nothing.
pub fn publish(
    table: &Table,
    host: &Host,
    batch_records: usize,
    mut progress: impl FnMut(u64),
) -> Result<Summary, PublishError> {
    if !(1..=BATCH_RECORDS_MAX).contains(&batch_records) {
        return Err(PublishError::Batch(batch_records));
    }
    let records = records(table)?;
    let mut summary = Summary { users: 0, stale: 0 };
    let agent = client::agent();
    for batch in records.chunks(batch_records) {
        let failed = |source| PublishError::Host { taken: summary.users, users: records.len() as u64, source };
        let answer = client::send(&agent, host, &body(batch), batch.len() as u64).map_err(failed)?;
        summary.users += batch.len() as u64;
        summary.stale += answer.stale;
        progress(summary.users);
    }
    Ok(summary)
}

/// Gives the record of every user's most recent loan, ages as the view serves them.
///
/// # Errors
/// [`PublishError::Record`], where a value lies outside the view.
pub fn records(table: &Table) -> Result<Vec<FeatureRecord>, PublishError> {
    let view = FeatureView::credit_risk();
    let digest = view.digest();
    let rows = table.rows(Ages::AsOf);
    let record = |row: usize| record(table, row, &rows[row * view.width()..][..view.width()], view, digest);
    table.latest().into_iter().map(record).collect()
}

fn record(
    table: &Table,
    row: usize,
    values: &[f64],
    view: &FeatureView,
    digest: Digest,
) -> Result<FeatureRecord, PublishError> {
    let id = table.ids[row];
    let refused = |said: String| PublishError::Record { id, said };
    for (feature, &value) in view.features.iter().zip(values) {
        feature.check(value).map_err(|error| refused(error.to_string()))?;
    }
    let entity = u64::try_from(id).ok().and_then(|id| EntityId::try_from(id).ok());
    let event_time = contract::date::Date::from_days(table.event_days[row]);
    Ok(FeatureRecord {
        entity: entity.ok_or_else(|| refused("the id is negative".to_owned()))?,
        event_time: event_time.ok_or_else(|| refused("the loan's day is out of the calendar".to_owned()))?,
        as_of: table.as_of,
        view: digest,
        values: values.to_vec(),
    })
}

fn body(batch: &[FeatureRecord]) -> String {
    let view = FeatureView::credit_risk();
    batch.iter().map(|record| record.to_json(view) + "\n").collect()
}
