//! What the registry's thread is told, by whom it may be, through one bounded channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use contract::ids::{ModelName, ModelVersion};
use tokio::sync::oneshot;

use super::traffic::{Order, OrderRefused};
use super::worker::Done;

/// The most messages that wait. Looks are one at most and outcomes too; orders past it are told that the host is busy.
const MESSAGES_MAX: usize = 64;

/// A message.
pub(super) enum Message {
    /// Something may have changed in a folder.
    Look,
    /// The worker has done what it was given.
    Done(Box<Done>),
    /// An operator wants something.
    Order {
        /// Of which model.
        model: ModelName,
        /// What.
        order: Order,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A version fails too often.
    Failing {
        /// Whose version.
        model: ModelName,
        /// The version.
        version: ModelVersion,
        /// What is wrong, in a sentence.
        said: String,
    },
    /// It is time to end.
    Stop,
}

/// Where the answer to an order goes.
pub(super) type Reply = oneshot::Sender<Result<(), OrderRefused>>;

/// The sending end.
#[derive(Clone)]
pub(super) struct Mail {
    sender: SyncSender<Message>,
    /// Whether a look is due: a second one before it would find nothing new.
    look_due: Arc<AtomicBool>,
}

/// The receiving end.
pub(super) struct Letterbox {
    receiver: Receiver<Message>,
    look_due: Arc<AtomicBool>,
}

/// Makes both ends.
pub(super) fn mail() -> (Mail, Letterbox) {
    let (sender, receiver) = sync_channel(MESSAGES_MAX);
    let look_due = Arc::new(AtomicBool::new(false));
    (Mail { sender, look_due: Arc::clone(&look_due) }, Letterbox { receiver, look_due })
}

impl Mail {
    /// Asks for a look at the folders.
    pub(super) fn look(&self) {
        if !self.look_due.swap(true, Ordering::AcqRel) && !self.try_send(Message::Look) {
            self.look_due.store(false, Ordering::Release);
        }
    }

    /// Sends if there is room; tells whether there was.
    pub(super) fn try_send(&self, message: Message) -> bool {
        self.sender.try_send(message).is_ok()
    }

    /// Sends, and waits for room.
    pub(super) fn send(&self, message: Message) {
        // It fails only where the registry's thread has ended, and nobody cares any more.
        let _ = self.sender.send(message);
    }
}

impl Letterbox {
    /// Waits for the next message; none where nothing came in time.
    pub(super) fn next(&self, wait: Duration) -> Option<Message> {
        match self.receiver.recv_timeout(wait) {
            Ok(message) => {
                if matches!(message, Message::Look) {
                    // Before the look, so that what happens during it asks for another.
                    self.look_due.store(false, Ordering::Release);
                }
                Some(message)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
        }
    }
}
