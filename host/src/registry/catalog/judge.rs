//! Judging one file: read, verified, compiled, proven, entered.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::seal::{self, refusal};

use super::{Catalog, Judged, Refused, Version};
use crate::registry::counters::{Phase, RegistryCounters};
use crate::registry::file::{self, ReadFile, Stamp};
use crate::registry::reason::Reason;
use crate::registry::steps;

impl Catalog {
    /// Judges a file as it is now, and remembers the outcome until its stamp changes; tells whether the outcome is new.
    pub(super) fn judge(&mut self, name: &OsStr, stamp: Stamp, counters: &RegistryCounters) -> bool {
        let path = self.config.approved_dir().join(name);
        let bytes_max = self.config.module_bytes_max;
        let read = counters.timed(Phase::Read, || file::read(&path, bytes_max));
        let (digest, outcome) = match read {
            Ok(read) => (Some(read.digest), self.guarded(name, &read, counters)),
            Err(reason) => (None, Err(reason)),
        };
        let mut judged = Judged { stamp: Some(stamp), module: None };
        let refused = match outcome {
            Ok(module) => {
                judged.module = Some(module);
                None
            }
            Err(reason) => {
                if reason.code == file::UNREADABLE {
                    judged.stamp = None;
                }
                Some(Refused { name: name.to_owned(), bytes: stamp.bytes(), digest, reason })
            }
        };
        self.files.insert(name.to_owned(), judged);
        let before = self.refusals.iter().position(|refused| refused.name == name);
        let before = before.and_then(|place| self.refusals.remove(place));
        let Some(refused) = refused else { return true };
        let unreadable = |refused: &Refused| refused.reason.code == file::UNREADABLE;
        // What is tried again at every scan is told and counted once.
        let new = !(unreadable(&refused) && before.as_ref().is_some_and(unreadable));
        if new {
            let Reason { code, message } = &refused.reason;
            tracing::warn!(file = shown(name), code, "module refused: {message}");
            counters.rejection(code);
        }
        self.refusals.push_back(refused);
        if self.refusals.len() > self.config.refusals_max {
            self.refusals.pop_front();
        }
        new
    }

    /// A file that makes our own code panic is refused like any other, and the thread lives on.
    fn guarded(&mut self, name: &OsStr, read: &ReadFile, counters: &RegistryCounters) -> Result<Digest, Reason> {
        let admitted = catch_unwind(AssertUnwindSafe(|| self.admit(name, read, counters)));
        admitted.unwrap_or_else(|_| Err(Reason::new("internal_fault", "the host failed at this file; see its log")))
    }

    /// Takes a file all the way; what it returns is the module's digest.
    fn admit(&mut self, name: &OsStr, read: &ReadFile, counters: &RegistryCounters) -> Result<Digest, Reason> {
        let today = (self.config.today)();
        let verified = counters.timed(Phase::Verify, || seal::verify(&read.bytes, &self.policy, today))?;
        let (digest, card) = (verified.digest, verified.card.clone());
        self.check_owner(&card, digest)?;
        if self.known(&card, digest, name, read) {
            return Ok(digest);
        }
        let mut version = Version {
            digest,
            file: shown(name),
            file_bytes: read.bytes.len() as u64,
            file_digest: read.digest,
            ready: None,
            reason: None,
        };
        let view = card.view.digest();
        if view == self.config.view {
            let compiled = counters.timed(Phase::Compile, || steps::compile(verified, &self.engine))?;
            let warm_instances = self.config.warm_instances;
            let proven = counters.timed(Phase::Prove, || compiled.prove(warm_instances))?;
            counters.proven();
            version.ready = Some(Arc::new(proven.ready()));
            self.ledger.take(&card.model, card.version, digest);
        } else {
            let message = format!("the model reads feature view {view}, this host serves {}", self.config.view);
            version.reason = Some(Reason::new("view_mismatch", message));
        }
        tracing::info!(model = %card.model, version = %card.version, %digest, "module admitted");
        self.models.entry(card.model).or_default().versions.insert(card.version, version);
        Ok(digest)
    }

    /// Refuses a second digest under a version that another has.
    fn check_owner(&self, card: &ModelCard, digest: Digest) -> Result<(), Reason> {
        let here = self.models.get(&card.model).and_then(|model| model.versions.get(&card.version));
        let owner = self.ledger.owner(&card.model, card.version).or(here.map(|version| version.digest));
        match owner {
            Some(owner) if owner != digest => {
                let message = format!("{} is {owner} already; give the new module the next version", card.name());
                Err(Reason::new("version_taken", message))
            }
            _ => Ok(()),
        }
    }

    /// Tells whether this module is here already; if so, this is its file from now on, unless the old one still is.
    fn known(&mut self, card: &ModelCard, digest: Digest, name: &OsStr, read: &ReadFile) -> bool {
        let Some(version) = self.models.get_mut(&card.model).and_then(|model| model.versions.get_mut(&card.version))
        else {
            return false;
        };
        let elsewhere = self.files.iter().any(|(file, judged)| judged.module == Some(digest) && file != name);
        if !elsewhere {
            version.file = shown(name);
            version.file_bytes = read.bytes.len() as u64;
            version.file_digest = read.digest;
        }
        // A version that was let go for its age and whose file was written again has no claim to be compiled again.
        true
    }
}

/// A file's name, fit to be shown.
pub(super) fn shown(name: &OsStr) -> String {
    refusal::printable(&Path::new(name).to_string_lossy())
}
