//! The registry's thread: wakes on events of the folder, and by the clock where they do not arrive.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::catalog::Catalog;
use super::{Shared, Snapshot};

/// How long to wait after an event for those that belong to it: a copied file comes in many writes.
const SETTLE: Duration = Duration::from_millis(20);

/// Starts the thread.
pub(super) fn start(mut catalog: Catalog, shared: Arc<Shared>, woken: Receiver<()>) -> io::Result<JoinHandle<()>> {
    let work = move || {
        // Before the first look, so that nothing falls between the two.
        let _watcher = watcher(&catalog, &shared);
        let stopped = || shared.stop.load(Ordering::Acquire);
        while !stopped() {
            catalog.scan(&shared.counters, || !stopped(), |catalog| publish(catalog, &shared));
            match woken.recv_timeout(catalog.config().poll_interval) {
                Ok(()) if !stopped() => thread::sleep(SETTLE),
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while woken.try_recv().is_ok() {}
        }
    };
    thread::Builder::new().name("registry".to_owned()).spawn(work)
}

/// Puts the catalog's state where requests see it, all at once.
fn publish(catalog: &Catalog, shared: &Shared) {
    let (models, unnamed) = catalog.report();
    let snapshot = Snapshot {
        ready: catalog.is_ready(),
        withheld: catalog.withheld(),
        first_live: catalog.first_live().cloned(),
        live: catalog.live(),
        models,
        unnamed,
    };
    shared.snapshot.store(Arc::new(snapshot));
}

/// Asks for the events of the modules' folder and of the trust policy's. Without them the clock alone does.
fn watcher(catalog: &Catalog, shared: &Arc<Shared>) -> Option<RecommendedWatcher> {
    let wake = shared.wake.clone();
    let handler = move |event: notify::Result<Event>| {
        // Our own reading must not wake us; an error may mean lost events, and does.
        let reading = event.is_ok_and(
            |event| matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)),
        );
        if !reading {
            let _ = wake.try_send(());
        }
    };
    let failed = |error: notify::Error| tracing::warn!(%error, "no file events; new modules are found by polling");
    let mut watcher = notify::recommended_watcher(handler).map_err(failed).ok()?;
    let config = catalog.config();
    let trust_dir = match config.trust_path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    for folder in [config.approved_dir().as_path(), trust_dir] {
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            failed(error);
        }
    }
    Some(watcher)
}
