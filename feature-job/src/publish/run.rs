//! One publication: where it starts, and the batches from there on.

use contract::record::FeatureRecord;
use contract::view::FeatureView;

use super::PublishError;
use super::checkpoint::{Checkpoint, Checkpoints};
use super::client::{Client, HostError};
use super::records::Records;

/// What a publication works with.
pub struct Run {
    /// The host's side.
    pub client: Client,
    /// Where it is kept how far a publication came.
    pub checkpoints: Checkpoints,
    /// The records to send.
    pub records: Records,
    /// How many there are.
    pub users: u64,
    /// How many a request carries.
    pub batch_records: usize,
}

/// How far a publication came.
pub struct Done {
    checkpoint: Checkpoint,
    /// The newest record that the host took: whether it still has it tells whether it lost data.
    last: Option<FeatureRecord>,
}

/// How the sending ended.
pub enum Ending {
    /// The host took everything.
    Sent {
        /// How many users.
        users: u64,
        /// How many of them it knew newer features of.
        stale: u64,
    },
    /// The host was gone for a while, and came back without what it had taken.
    Lost,
}

impl Done {
    /// Gives how many users are done.
    pub fn users(&self) -> u64 {
        self.checkpoint.users
    }
}

impl Run {
    /// The start of a publication that sends everything.
    pub fn nothing(&self) -> Done {
        Done { checkpoint: Checkpoint::nothing(self.records.digest(), self.client.host()), last: None }
    }

    /// The start behind what an earlier run of this store sent to this host, if the host still has that.
    ///
    /// # Errors
    /// [`PublishError`], where the host is gone.
    pub fn resumed(&self) -> Result<Done, PublishError> {
        let nothing = self.nothing();
        let Some(checkpoint) = self.checkpoints.read().filter(|found| found.same_work(&nothing.checkpoint)) else {
            return Ok(nothing);
        };
        let users = checkpoint.users;
        let its_last = |record: &Result<FeatureRecord, _>| match record {
            Ok(record) => Some(record.entity) == checkpoint.last_user,
            Err(_) => true,
        };
        let last = self.records.each().find(its_last).transpose()?;
        let done = Done { checkpoint, last };
        if self.still_served(&done)? {
            tracing::info!(users, "an earlier run was cut off, going on behind what it sent");
            Ok(done)
        } else {
            tracing::warn!(users, "the host does not have what an earlier run sent, sending everything again");
            Ok(nothing)
        }
    }

    /// Sends what is behind the start, a batch at a time; `progress` is told how many users are done, and how many there are.
    ///
    /// # Errors
    /// [`PublishError`]; what was taken until then stays in the checkpoint.
    pub fn send_behind(&self, mut done: Done, mut progress: impl FnMut(u64, u64)) -> Result<Ending, PublishError> {
        let start = done.checkpoint.last_user;
        let mut records = self.records.each().filter(|record| match record {
            Ok(record) => Some(record.entity) > start,
            Err(_) => true,
        });
        loop {
            progress(done.checkpoint.users, self.users);
            let mut batch = records.by_ref().take(self.batch_records).collect::<Result<Vec<_>, _>>()?;
            let sent = batch.len() as u64;
            let body = body(&batch);
            let Some(last) = batch.pop() else {
                let Checkpoint { users, stale, .. } = done.checkpoint;
                return Ok(Ending::Sent { users, stale });
            };
            let taken = self.client.send(&body, sent).map_err(|source| self.failed(&done, source))?;
            if taken.attempts > 1 && !self.still_served(&done)? {
                return Ok(Ending::Lost);
            }
            done.checkpoint.add(last.entity, sent, taken.stale);
            done.last = Some(last);
            self.checkpoints.write(&done.checkpoint);
        }
    }

    /// Whether the host still has the newest record that it took; nothing taken is nothing lost.
    fn still_served(&self, done: &Done) -> Result<bool, PublishError> {
        match &done.last {
            Some(last) => self.client.serves(last).map_err(|source| self.failed(done, source)),
            None => Ok(done.checkpoint.users == 0),
        }
    }

    fn failed(&self, done: &Done, source: HostError) -> PublishError {
        PublishError::Host { taken: done.checkpoint.users, users: self.users, source }
    }
}

fn body(batch: &[FeatureRecord]) -> String {
    let view = FeatureView::credit_risk();
    batch.iter().map(|record| record.to_json(view) + "\n").collect()
}
