//! Files of the operator's that a running host reads again when they change: tokens, certificates.

use std::path::PathBuf;
use std::time::Duration;

use contract::file::{self, Links};

/// The time between two looks: a lost token is of no use a second after it has been removed.
const LOOK: Duration = Duration::from_millis(300);
/// The most bytes looked at of each; larger files are refused by whoever reads them.
const BYTES_MAX: u64 = 2 << 20;

/// Calls `read` whenever the content of the files has changed, until the task is ended.
pub async fn follow(paths: Vec<PathBuf>, read: impl Fn()) {
    // Their content is compared and not their time, which a copy may carry over. A few kilobytes on a local disk: reading them
    // takes less than handing it to another thread.
    let look = || paths.iter().map(|path| file::read(path, BYTES_MAX, Links::Follow).ok()).collect::<Vec<_>>();
    let (mut taken, mut before) = (Vec::new(), Vec::new());
    loop {
        // It counts at the second look that finds it, since at the first it may be half written.
        let now = look();
        if now != taken && now == before {
            read();
            taken.clone_from(&now);
        }
        before = now;
        tokio::time::sleep(LOOK).await;
    }
}
