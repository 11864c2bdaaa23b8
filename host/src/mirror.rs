//! Modules from an object store: a local copy of its `approved/`, which the registry then watches like any other folder.
//!
//! A thread of its own lists the store from time to time. Only what the listing shows as new or changed is fetched, bounded,
//! hashed and written whole under its name; what has gone from the store goes from the copy. An index beside the copies says
//! which object each was and what its bytes hash to, so that after a restart nothing is fetched that is there and intact.
//! A store that cannot be reached changes nothing: the copies stay, and it is asked again ever more seldom.
//!
//! Nothing here is trusted: the registry verifies the copies as it verifies files that anybody dropped.

mod figures;
mod index;
mod place;
mod sync;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use self::figures::MirrorFigures;
pub use self::place::{Place, PlaceError};
use self::sync::Sync;

/// The longest wait between two looks at a store that fails.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest that a start waits for the first look: with copies from before, a host need not wait for its store.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// The bounds of what is copied.
#[derive(Debug, Clone)]
pub struct MirrorLimits {
    /// The most bytes of an object that is fetched.
    pub object_bytes_max: u64,
    /// The most bytes of all copies.
    pub bytes_max: u64,
    /// The most objects that are copied.
    pub objects_max: usize,
    /// The most objects that one look goes through, wanted or not.
    pub listed_max: usize,
}

impl Default for MirrorLimits {
    fn default() -> Self {
        Self {
            object_bytes_max: contract::seal::MODULE_BYTES_MAX,
            bytes_max: 16 << 30,
            objects_max: 16_384,
            listed_max: 65_536,
        }
    }
}

/// A running mirror. Its end stops and joins the thread; a copy under way is dropped.
pub struct Mirror {
    figures: Arc<MirrorFigures>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Gives the folder of a data folder that holds the copies, in its `approved/`.
    pub fn folder(data: &Path) -> PathBuf {
        data.join("mirror")
    }

    /// Starts copying to [`folder`](Self::folder), and returns when the store has been looked at once or has failed to answer.
    ///
    /// # Errors
    /// The folder cannot be made, its index cannot be read, or no thread can be started.
    pub async fn start(place: &Place, data: &Path, poll: Duration, limits: MirrorLimits) -> io::Result<Self> {
        let figures = Arc::<MirrorFigures>::default();
        let sync = Sync::open(place, Self::folder(data), limits, Arc::clone(&figures))?;
        let (stop, stopped) = oneshot::channel();
        let (looked, first) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = copy(sync, poll, looked) => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("mirror".to_owned()).spawn(work)?;
        let place = place.to_string();
        match tokio::time::timeout(FIRST_LOOK, first).await {
            Ok(Ok(true)) => tracing::info!(%place, objects = figures.objects(), "the object store is mirrored"),
            _ => tracing::warn!(%place, objects = figures.objects(), "starting with the local copies of modules"),
        }
        Ok(Self { figures, stop: Some(stop), thread: Some(thread) })
    }

    /// Gives what it has counted.
    pub fn figures(&self) -> Arc<MirrorFigures> {
        Arc::clone(&self.figures)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

/// Looks again and again; tells after the first time whether it went well.
async fn copy(mut sync: Sync, poll: Duration, looked: oneshot::Sender<bool>) {
    let mut looked = Some(looked);
    let mut failed = 0;
    loop {
        let well = sync.look().await;
        if let Some(looked) = looked.take() {
            // Who started it may have stopped waiting.
            let _ = looked.send(well);
        }
        failed = if well { 0 } else { failed + 1 };
        tokio::time::sleep(wait(poll, failed)).await;
    }
}

/// Gives how long the next look is put off after so many failures in a row.
fn wait(poll: Duration, failed: u32) -> Duration {
    poll.saturating_mul(1 << failed.min(16)).min(WAIT_MAX.max(poll))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_is_asked_ever_more_seldom() {
        let seconds = |poll, failed| wait(Duration::from_secs(poll), failed).as_secs();
        assert_eq!([0, 1, 2, 3, 6, u32::MAX].map(|failed| seconds(10, failed)), [10, 20, 40, 60, 60, 60]);
        assert_eq!(seconds(3600, 5), 3600, "never more often than asked for");
    }
}
