//! What the worker is given next, and what its outcomes change.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};
use contract::seal::Verified;

use super::{Catalog, Code, InHand, Judged, Refused, Version, shown};
use crate::registry::file::{self, Stamp};
use crate::registry::live::LiveModel;
use crate::registry::reason::Reason;
use crate::registry::traffic::OrderRefused;
use crate::registry::worker::{Done, Job, Source};

impl Catalog {
    /// Gives the worker's next piece of work, if it has none in hand and there is any: what answers requests comes before
    /// new files, and those before standbys. At the start all files are verified first, lest each version goes live in
    /// turn.
    pub(in crate::registry) fn next_job(&mut self) -> Option<Job> {
        if self.in_hand.is_some() {
            return None;
        }
        if self.starting.is_empty()
            && let Some((model, version)) = self.wanted_in_service()
        {
            return Some(self.compile(model, version));
        }
        if let Some((name, stamp, not_before)) = self.next_due()
            && not_before.is_none_or(|not_before| not_before <= Instant::now())
        {
            let name = name.clone();
            self.in_hand = Some(InHand::File(stamp));
            let path = self.config.approved_dir().join(&name);
            return Some(Job::Examine { name, path, policy: Arc::clone(&self.policy) });
        }
        let (model, version) = self.ready.then(|| self.wanted_standby())??;
        Some(self.compile(model, version))
    }

    /// Gives how long it takes until there may be work again without anything happening.
    pub(in crate::registry) fn rest(&self) -> Duration {
        let due = self.next_due().filter(|_| self.in_hand.is_none());
        let wait = due.map(|(_, _, not_before)| not_before.map_or(Duration::ZERO, |at| at - Instant::now().min(at)));
        wait.unwrap_or(self.config.poll_interval).min(self.config.poll_interval)
    }

    fn compile(&mut self, model: ModelName, version: ModelVersion) -> Job {
        let entry = self.models.get_mut(&model).and_then(|model| model.versions.get_mut(&version));
        let entry = entry.expect("only versions that are here are wanted");
        let source = match std::mem::replace(&mut entry.code, Code::InHand) {
            Code::Verified(verified) => Source::Verified(verified),
            _ => Source::File {
                path: self.config.approved_dir().join(&entry.file),
                digest: entry.standing.digest,
                policy: Arc::clone(&self.policy),
            },
        };
        self.in_hand = Some(InHand::Version);
        Job::Compile { model, version, source }
    }

    /// Takes an outcome.
    pub(in crate::registry) fn done(&mut self, done: Done) {
        let in_hand = self.in_hand.take();
        match done {
            Done::Examined { name, file_digest, outcome } => {
                let Some(InHand::File(stamp)) = in_hand else { return };
                self.examined(name, stamp, file_digest, outcome);
            }
            Done::Compiled { model, version, outcome } => self.compiled(&model, version, outcome),
        }
    }

    fn examined(
        &mut self,
        name: OsString,
        stamp: Stamp,
        file_digest: Option<Digest>,
        outcome: Result<Box<Verified<'static>>, Reason>,
    ) {
        self.starting.remove(&name);
        // Unless it has changed again since.
        if self.due.get(&name) == Some(&stamp) {
            self.due.remove(&name);
        }
        let entered = outcome.and_then(|verified| {
            let file_digest = file_digest.expect("what was verified was read");
            self.enter(&name, stamp, file_digest, *verified)
        });
        match entered {
            Ok(module) => {
                let judged = Judged { stamp: Some(stamp), module: Some(module), refused: 0, not_before: None };
                self.files.insert(name.clone(), judged);
                self.refusals.retain(|refused| refused.name != name);
                self.changed = true;
            }
            Err(reason) => self.refuse(name, stamp.bytes(), Some(stamp), file_digest, reason),
        }
    }

    /// Enters a verified module; gives its digest.
    fn enter(
        &mut self,
        name: &OsString,
        stamp: Stamp,
        file_digest: Digest,
        verified: Verified<'static>,
    ) -> Result<Digest, Reason> {
        // The policy may have changed since the worker was given the file.
        verified.standing.holds(&self.policy)?;
        let card = &verified.card;
        let digest = verified.digest();
        self.check_owner(card, digest)?;
        let here = self.models.get_mut(&card.model).and_then(|model| model.versions.get_mut(&card.version));
        if let Some(version) = here {
            // This is its file from now on, unless the old one still is and still holds. Further approvals may have come with it.
            let elsewhere = self.files.iter().any(|(file, judged)| judged.module == Some(digest) && file != name);
            let outlawed = version.barred.as_ref().is_some_and(|reason| reason.code != VIEW_MISMATCH);
            if outlawed || !elsewhere {
                (version.file, version.file_bytes, version.file_digest) = (name.clone(), stamp.bytes(), file_digest);
                version.standing = verified.standing;
                version.barred.take_if(|_| outlawed);
            }
            return Ok(digest);
        }
        let view = card.view.digest();
        let barred = (view != self.config.view).then(|| {
            let message = format!("the model reads feature view {view}, this host serves {}", self.config.view);
            Reason::new(VIEW_MISMATCH, message)
        });
        tracing::info!(model = %card.model, version = %card.version, %digest, "module verified");
        let (model, number) = (card.model.clone(), card.version);
        let version = Version {
            standing: verified.standing.clone(),
            file: name.clone(),
            file_bytes: stamp.bytes(),
            file_digest,
            code: if barred.is_some() { Code::Cold } else { Code::Verified(Box::new(verified)) },
            barred,
            remark: None,
        };
        self.models.entry(model).or_default().versions.insert(number, version);
        Ok(digest)
    }

    /// Refuses a second digest under a version that another has.
    fn check_owner(&self, card: &ModelCard, digest: Digest) -> Result<(), Reason> {
        let here = self.models.get(&card.model).and_then(|model| model.versions.get(&card.version));
        let owner = self.ledger.owner(&card.model, card.version).or(here.map(|version| version.standing.digest));
        match owner {
            Some(owner) if owner != digest => {
                let message = format!("{} is {owner} already; give the new module the next version", card.name());
                Err(Reason::new("version_taken", message))
            }
            _ => Ok(()),
        }
    }

    fn compiled(&mut self, name: &ModelName, number: ModelVersion, outcome: Result<Arc<LiveModel>, Reason>) {
        self.changed = true;
        let Some(model) = self.models.get_mut(name) else { return };
        let Some(version) = model.versions.get_mut(&number) else { return };
        match outcome {
            Ok(_) if version.barred.is_some() => version.code = Code::Cold,
            Ok(ready) => {
                tracing::info!(model = %name, version = %number, "module proven");
                self.ledger.take(name, number, ready.digest());
                version.code = Code::Ready(ready);
            }
            Err(reason) => {
                let Some(version) = model.versions.remove(&number) else { return };
                // An order that waited for it learns why it is not carried out.
                if let Some(pending) = model.pending.take_if(|pending| pending.versions().contains(&number)) {
                    let refused = OrderRefused::Unusable { version: number, reason: reason.clone() };
                    self.answers.push((pending.reply, Err(refused)));
                }
                let digest = version.standing.digest;
                let files: Vec<_> = self.files.iter().filter(|(_, judged)| judged.module == Some(digest)).collect();
                let files: Vec<_> = files.into_iter().map(|(name, judged)| (name.clone(), judged.stamp)).collect();
                for (file, stamp) in files {
                    self.refuse(file, version.file_bytes, stamp, Some(version.file_digest), reason.clone());
                }
            }
        }
    }

    /// Remembers that a file was refused, until its stamp changes.
    fn refuse(&mut self, name: OsString, bytes: u64, stamp: Option<Stamp>, digest: Option<Digest>, reason: Reason) {
        let unreadable = |reason: &Reason| reason.code == file::UNREADABLE;
        let times = self.files.get(&name).map_or(0, |judged| judged.refused).saturating_add(1);
        let judged = Judged {
            // What the system says may change without any change of the file: it is tried again at every look.
            stamp: stamp.filter(|_| !unreadable(&reason)),
            module: None,
            refused: times,
            not_before: Some(Instant::now() + Self::patience(times)),
        };
        self.files.insert(name.clone(), judged);
        let before = self.refusals.iter().position(|refused| refused.name == name);
        let before = before.and_then(|place| self.refusals.remove(place));
        // What is tried again at every look is told and counted once.
        if !(unreadable(&reason) && before.is_some_and(|before| unreadable(&before.reason))) {
            let Reason { code, message } = &reason;
            tracing::warn!(file = shown(&name), code, "module refused: {message}");
            self.counters.rejection(code);
            self.changed = true;
        }
        self.refusals.push_back(Refused { name, bytes, digest, reason });
        if self.refusals.len() > self.config.refusals_max {
            self.refusals.pop_front();
        }
    }
}

/// The code of a version that another host may serve.
pub(super) const VIEW_MISMATCH: &str = "view_mismatch";
