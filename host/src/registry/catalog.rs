//! The catalog: all files and versions as the registry's thread knows them, and the rules of what is live.
//!
//! - (name, version) belongs to the first digest proven for it.
//! - At the start the highest admitted version of a model goes live. After that a version goes live by itself only if
//!   none higher was ever live: versions never go back by themselves.
//! - What is live stays live, whatever happens to its file.
//! - Where the ledger is lost nothing goes live.

mod judge;
mod promote;
mod report;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};
use contract::trust::TrustPolicy;

use super::config::RegistryConfig;
use super::counters::RegistryCounters;
use super::file::{self, Stamp};
use super::ledger::Ledger;
use super::live::LiveModel;
use super::reason::Reason;
use crate::engine::Engine;

/// What the registry's thread owns.
pub(super) struct Catalog {
    config: RegistryConfig,
    engine: Engine,
    policy: TrustPolicy,
    /// The stamp of the policy in force.
    trust_stamp: Option<Stamp>,
    ledger: Ledger,
    /// The files that are there now, as they were judged.
    files: BTreeMap<OsString, Judged>,
    models: BTreeMap<ModelName, Model>,
    /// The files refused last, oldest first, one entry for a name.
    refusals: VecDeque<Refused>,
    /// What was last said in the log about each subject, so that a scan does not repeat it.
    complaints: BTreeMap<Subject, String>,
    scanned: bool,
}

/// What the log may complain about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Folder,
    Ledger,
    Policy,
}

/// A file that has been judged, until its stamp changes.
struct Judged {
    /// None for a file that could not be read: it is tried again at every scan.
    stamp: Option<Stamp>,
    /// The module it holds, where that was admitted.
    module: Option<Digest>,
}

/// The versions of a model that were admitted.
#[derive(Default)]
struct Model {
    versions: BTreeMap<ModelVersion, Version>,
    live: Option<ModelVersion>,
}

/// A version that was admitted.
struct Version {
    digest: Digest,
    file: String,
    file_bytes: u64,
    file_digest: Digest,
    /// None where it does not fit this host, or is too old to be kept compiled.
    ready: Option<Arc<LiveModel>>,
    /// Why it waits, where that is not for its age alone.
    reason: Option<Reason>,
}

/// A file that was refused.
struct Refused {
    name: OsString,
    bytes: u64,
    digest: Option<Digest>,
    reason: Reason,
}

impl Catalog {
    pub(super) fn new(
        config: RegistryConfig,
        engine: Engine,
        policy: TrustPolicy,
        trust_stamp: Option<Stamp>,
        ledger: Ledger,
    ) -> Self {
        Self {
            config,
            engine,
            policy,
            trust_stamp,
            ledger,
            files: BTreeMap::new(),
            models: BTreeMap::new(),
            refusals: VecDeque::new(),
            complaints: BTreeMap::new(),
            scanned: false,
        }
    }

    /// Gives what the registry was told.
    pub(super) fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// Looks at the folder once: judges what is new or changed, then decides what is live.
    ///
    /// `go_on` is asked before each file, so that a shutdown does not wait for a whole folder; `publish` is called
    /// whenever something that people see has changed.
    pub(super) fn scan(
        &mut self,
        counters: &RegistryCounters,
        go_on: impl Fn() -> bool,
        mut publish: impl FnMut(&Self),
    ) {
        counters.scan();
        self.reload_policy();
        let approved = self.config.approved_dir();
        let listing = match file::list(&approved, self.config.files_max) {
            Ok(listing) => listing,
            Err(cause) => {
                // Nothing is known of the files then: all stays as it is.
                let complaint = format!("approved modules folder cannot be read: {cause}");
                self.complain(Subject::Folder, complaint.clone(), &complaint);
                return;
            }
        };
        match listing.passed_over {
            0 => self.settled(Subject::Folder),
            count => {
                let complaint = format!("{count} module files are passed over: the folder holds too many");
                self.complain(Subject::Folder, complaint.clone(), &complaint);
            }
        }
        let there: BTreeMap<_, _> = listing.files.into_iter().collect();
        let before = self.files.len();
        self.files.retain(|name, _| there.contains_key(name));
        // Nor does a refusal outlive its file: its name may be all that there ever was of a model.
        self.refusals.retain(|refused| there.contains_key(&refused.name));
        let mut changed = self.files.len() != before;
        for (name, stamp) in there {
            if !go_on() {
                return;
            }
            if self.files.get(&name).is_some_and(|judged| judged.stamp == Some(stamp)) {
                continue;
            }
            if !self.judge(&name, stamp, counters) {
                continue;
            }
            changed = true;
            // At the start all files are judged first, lest each version goes live in turn.
            if self.scanned {
                self.promote_all(counters);
                publish(self);
            }
        }
        let start = !self.scanned;
        changed |= self.promote_all(counters);
        match self.ledger.save() {
            Ok(()) => self.settled(Subject::Ledger),
            Err(cause) => self.ledger_failed(&cause),
        }
        if start && let Some(withheld) = self.withheld() {
            tracing::error!("{withheld}");
        }
        self.scanned = true;
        if changed || start {
            publish(self);
        }
    }

    /// Tells whether all files that were there at the start have been judged.
    pub(super) fn is_ready(&self) -> bool {
        self.scanned
    }

    /// Tells why nothing goes live, where that is no file's fault.
    pub(super) fn withheld(&self) -> Option<String> {
        let path = self.ledger.lost()?.display();
        Some(format!(
            "the ledger {path} is lost, so that no version goes live: restore it from a backup and restart, or start once \
             with --new-ledger, and the highest version that is there goes live"
        ))
    }

    /// Gives the model that was live before any other.
    pub(super) fn first_live(&self) -> Option<&ModelName> {
        self.ledger.first_live()
    }

    /// Gives the live version of each model.
    pub(super) fn live(&self) -> BTreeMap<ModelName, Arc<LiveModel>> {
        let live = |model: &Model| model.versions.get(&model.live?)?.ready.clone();
        self.models.iter().filter_map(|(name, model)| Some((name.clone(), live(model)?))).collect()
    }

    /// Reads the trust policy again where it has changed, and has the refused files judged again under the new one. A
    /// policy that cannot be read changes nothing, and is tried again at the next scan.
    fn reload_policy(&mut self) {
        // Taken before the reading: a change that comes between the two is seen at the next scan.
        let stamp = file::stamp(&self.config.trust_path).ok();
        if stamp == self.trust_stamp {
            self.settled(Subject::Policy);
            return;
        }
        match TrustPolicy::load(&self.config.trust_path) {
            Ok(policy) => {
                tracing::info!(keys = policy.keys.len(), "the trust policy was read again");
                self.settled(Subject::Policy);
                self.trust_stamp = stamp;
                self.policy = policy;
                self.files.retain(|_, judged| judged.module.is_some());
            }
            Err(error) => {
                let error = one_line(&error.to_string());
                let complaint = format!("the trust policy cannot be read; the one before stays in force: {error}");
                self.complain(Subject::Policy, error, &complaint);
            }
        }
    }

    /// Says once for each kind of failure that the ledger cannot be written.
    fn ledger_failed(&mut self, cause: &io::Error) {
        // The kind, since the text names a temporary file, which is another at every attempt.
        let complaint = format!("the ledger cannot be written: {cause}; no version goes live until it can");
        self.complain(Subject::Ledger, cause.kind().to_string(), &complaint);
    }

    /// Says in the log what is wrong with a subject, once for each `what`.
    fn complain(&mut self, subject: Subject, what: String, complaint: &str) {
        if self.complaints.get(&subject) != Some(&what) {
            tracing::warn!("{complaint}");
            self.complaints.insert(subject, what);
        }
    }

    /// Forgets what was wrong with a subject, so that it would be said again.
    fn settled(&mut self, subject: Subject) {
        self.complaints.remove(&subject);
    }
}

/// Gives a text that may have many lines as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineLimits;
    use crate::registry::fixtures::House;

    #[test]
    fn an_unreadable_file_is_tried_at_every_scan_and_told_once() {
        let house = House::new();
        let config = house.config();
        let engine = Engine::new(EngineLimits::default()).expect("the limits are fine");
        let policy = TrustPolicy::load(&config.trust_path).expect("a policy");
        let ledger = Ledger::open(&config.data_dir, false).expect("a new one");
        let stamp = file::stamp(&config.trust_path).expect("any stamp will do");
        let mut catalog = Catalog::new(config, engine, policy, None, ledger);
        let counters = RegistryCounters::default();
        let name = OsString::from("credit-risk-1.wasm");
        assert!(catalog.judge(&name, stamp, &counters), "there is no such file to read");
        assert!(!catalog.judge(&name, stamp, &counters));
        assert!(catalog.files[&name].stamp.is_none(), "no stamp spares it the next scan");
        assert_eq!(counters.figures().rejections["unreadable"], 1);
        house.place_version(1);
        assert!(catalog.judge(&name, stamp, &counters));
        assert_eq!((catalog.refusals.len(), catalog.files[&name].stamp), (0, Some(stamp)));
    }

    #[test]
    fn a_broken_policy_is_one_line() {
        assert_eq!(one_line("line 1\n  | keys = 3\n  | ^"), "line 1 | keys = 3 | ^");
    }
}
