//! The events of the folders. Where they do not arrive, the clock alone finds what is new.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use contract::file::folder;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::config::RegistryConfig;
use super::mail::Mail;

/// The folders that are watched.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// The folders as they were when their watching began: a folder that goes and comes back is another one.
    watched: BTreeMap<PathBuf, (u64, u64)>,
}

impl Watch {
    /// Watches nothing yet; events ask for a look by `mail`.
    pub(super) fn new(mail: &Mail) -> Self {
        let mail = mail.clone();
        let handler = move |event: notify::Result<Event>| {
            // Our own reading must not wake us; an error may mean lost events, and does.
            let reading = event.is_ok_and(
                |event| matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)),
            );
            if !reading {
                mail.look();
            }
        };
        let watcher = notify::recommended_watcher(handler).map_err(|error| failed(&error)).ok();
        Self { watcher, watched: BTreeMap::new() }
    }

    /// Watches the modules' folder and the trust policy's, anew where one has been replaced.
    pub(super) fn renew(&mut self, config: &RegistryConfig) {
        for path in [config.approved_dir().as_path(), folder(&config.trust_path)] {
            self.renew_one(path);
        }
    }

    fn renew_one(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let now = path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
        if self.watched.get(path).copied() == now {
            return;
        }
        if self.watched.remove(path).is_some() {
            // It fails where the system has forgotten the folder already.
            let _ = watcher.unwatch(path);
        }
        let Some(now) = now else { return };
        if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
            failed(&error);
        }
        // Whether or not it worked: it is tried again for another folder only, lest the log fills.
        self.watched.insert(path.to_owned(), now);
    }
}

fn failed(error: &notify::Error) {
    tracing::warn!(%error, "no file events; new modules are found by polling");
}
