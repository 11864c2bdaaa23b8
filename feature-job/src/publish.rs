//! Sends every user's latest features to a host, in bounded batches, and goes on where an earlier run was cut off.
//!
//! Sending twice changes nothing, since an equal record overwrites itself. So whatever is in doubt is sent again: a batch
//! without an answer, what followed the last checkpoint, and everything where a host turns out to have lost its data.

mod checkpoint;
mod client;
mod host;
mod records;
mod run;

use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::date::Date;
use contract::ids::EntityId;
use contract::token::Token;

use crate::offline::OfflineError;

use checkpoint::Checkpoints;
use client::Client;
pub use client::HostError;
pub use host::Host;
use records::Records;
use run::{Ending, Run};

/// How many records a request carries unless told otherwise: some 250 KB, well within the host's bound on a body.
pub const BATCH_RECORDS_DEFAULT: usize = 1000;
/// The most records a request may carry, so that a body stays within any host's bound.
pub const BATCH_RECORDS_MAX: usize = 10_000;
/// How long a host that is not there is waited for unless told otherwise: longer than one takes to restart.
pub const PATIENCE_DEFAULT: Duration = Duration::from_secs(60);
/// How often a host may lose what it acknowledged before it is given up: it would lose it again.
const LOSSES_MAX: u32 = 3;

/// How to publish.
#[derive(Debug, Clone)]
pub struct Options {
    /// The token shown to the host, if there is one.
    pub token: Option<Token>,
    /// How many records a request carries.
    pub batch_records: usize,
    /// How long one batch is tried before the host counts as gone.
    pub patience: Duration,
    /// Whether to send everything, whatever an earlier run did.
    pub restart: bool,
}

/// What the host took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many users were sent, those of a run that was cut off among them.
    pub users: u64,
    /// How many of them the host knew newer features of.
    pub stale: u64,
    /// How many of them a run that was cut off had sent.
    pub resumed: u64,
    /// The day the features were computed for.
    pub as_of: Date,
    /// The first of the users; none of an empty store.
    pub first: Option<EntityId>,
}

/// Why a publication stopped.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The batch size is out of its bounds.
    #[error("a batch has 1 to {BATCH_RECORDS_MAX} records, not {0}")]
    Batch(usize),
    /// The offline store cannot be read.
    #[error(transparent)]
    Store(#[from] OfflineError),
    /// The offline store counts ages otherwise than they are served.
    #[error(
        "{0} counts ages from each loan's own day, and hosts serve them as of a day: compute the features without `--ages event`"
    )]
    Ages(PathBuf),
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
    /// The host lost what it had taken, again and again.
    #[error("{0} lost what it had taken {LOSSES_MAX} times: look at its log and its data folder")]
    Forgetful(Host),
}

/// Publishes the latest features of every user; `progress` is told how many are done, and how many there are.
///
/// # Errors
/// [`PublishError`]; the batches before it stay with the host, and the next run goes on behind them.
pub fn publish(
    store: &Path,
    host: &Host,
    options: &Options,
    mut progress: impl FnMut(u64, u64),
) -> Result<Summary, PublishError> {
    if !(1..=BATCH_RECORDS_MAX).contains(&options.batch_records) {
        return Err(PublishError::Batch(options.batch_records));
    }
    let records = Records::open(store)?;
    let (users, first) = look_through(&records)?;
    let client = Client::new(host.clone(), options.token.clone(), options.patience);
    let checkpoints = Checkpoints::beside(store);
    let run = Run { client, checkpoints, records, users, batch_records: options.batch_records };

    let mut done = if options.restart { run.nothing() } else { run.resumed()? };
    for _ in 0..LOSSES_MAX {
        let resumed = done.users();
        match run.send_behind(done, &mut progress)? {
            Ending::Sent { users, stale } => {
                run.checkpoints.remove();
                return Ok(Summary { users, stale, resumed, as_of: run.records.as_of(), first });
            }
            Ending::Lost => tracing::warn!("the host lost what it had taken, sending everything again"),
        }
        done = run.nothing();
    }
    Err(PublishError::Forgetful(host.clone()))
}

/// Looks at every record before the first is sent, so that a damaged store is not published by half. Gives how many there are,
/// and whose is the first.
fn look_through(records: &Records) -> Result<(u64, Option<EntityId>), PublishError> {
    let (mut users, mut first) = (0, None);
    for record in records.each() {
        first.get_or_insert(record?.entity);
        users += 1;
    }
    Ok((users, first))
}
