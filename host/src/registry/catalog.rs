//! The catalog: all files and versions as the registry's thread knows them, and the rules of what is live.
//!
//! - (name, version) belongs to the first digest proven for it.
//! - A version goes live by itself only if none higher was ever live, and no other is pinned: versions never go back by
//!   themselves. What an operator set holds, also after a restart.
//! - What the trust policy no longer lets run, and what fails too often, is taken out; the one before it answers again.
//! - What is live stays live, whatever happens to its file.
//! - Where the ledger is lost nothing goes live.
//!
//! Nothing here waits for a file to be read or compiled: [`folder`] finds what is to be done, [`work`] hands it to the worker
//! a piece at a time and takes its outcome, [`settle`] decides what is live by [`choose`], [`orders`] does what operators
//! ask for, [`trust`] judges again, and [`report`] tells people.

mod choose;
mod folder;
mod orders;
mod report;
mod settle;
mod trust;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};
use contract::seal::refusal::printable;
use contract::seal::{Standing, Verified};
use contract::trust::TrustPolicy;

use self::orders::Pending;
use super::config::RegistryConfig;
use super::counters::RegistryCounters;
use super::file::Stamp;
use super::ledger::Ledger;
use super::live::LiveModel;
use super::mail::Reply;
use super::reason::Reason;
use super::shadow::Shadow;
use super::traffic::OrderRefused;
use crate::engine::BatchPool;

/// What the registry's thread owns.
pub(super) struct Catalog {
    config: RegistryConfig,
    counters: Arc<RegistryCounters>,
    policy: Arc<TrustPolicy>,
    /// The stamp of the policy in force.
    trust_stamp: Option<Stamp>,
    ledger: Ledger,
    /// The files that are there now, as they were judged.
    files: BTreeMap<OsString, Judged>,
    /// The files that are to be judged, as they were seen.
    due: BTreeMap<OsString, Stamp>,
    models: BTreeMap<ModelName, Model>,
    /// The files refused last, oldest first, one entry for a name.
    refusals: VecDeque<Refused>,
    /// What was last said in the log about each subject, so that a look does not repeat it.
    complaints: BTreeMap<Subject, Complaint>,
    /// What the worker has in hand.
    in_hand: Option<InHand>,
    /// The threads that score for shadows; made when the first is asked for.
    shadows: Option<Arc<BatchPool>>,
    /// Whether the folder has been listed.
    listed: bool,
    /// The files that were there at the start and have not been judged yet.
    starting: BTreeSet<OsString>,
    /// Whether all that was there at the start has been judged, and what goes live of it is.
    ready: bool,
    /// Whether people would see something else than was published last.
    changed: bool,
    /// Answers that wait until what they say has been published.
    answers: Vec<(Reply, Result<(), OrderRefused>)>,
}

/// What the worker has in hand.
enum InHand {
    /// A file as it was seen.
    File(Stamp),
    /// A version.
    Version,
}

/// What the log may complain about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Folder,
    Ledger,
    Policy,
    PolicyExposed,
    Expiry(ModelName),
}

/// What was said.
struct Complaint {
    /// What tells a new complaint from one that was said already.
    kind: String,
    said: String,
}

/// A file that has been judged, until its stamp changes.
struct Judged {
    /// None for a file that could not be read: it is tried again at every look.
    stamp: Option<Stamp>,
    /// The module it holds, where that was verified.
    module: Option<Digest>,
    /// How often in a row it was refused.
    refused: u32,
    /// When it may be tried again at the earliest.
    not_before: Option<Instant>,
}

/// The versions of a model that were verified.
#[derive(Default)]
struct Model {
    versions: BTreeMap<ModelVersion, Version>,
    live: Option<ModelVersion>,
    /// Why nothing is live, where something was.
    unavailable: Option<Reason>,
    shadow: Option<Arc<Shadow>>,
    pending: Option<Pending>,
}

/// A version that was verified.
struct Version {
    standing: Standing,
    file: OsString,
    file_bytes: u64,
    file_digest: Digest,
    code: Code,
    /// Why it may not serve, where it may not.
    barred: Option<Reason>,
    /// What else is to be said of it.
    remark: Option<Reason>,
}

/// How far a version's code is.
enum Code {
    /// Only its file has it.
    Cold,
    /// It was verified and waits to be compiled.
    Verified(Box<Verified<'static>>),
    /// The worker has it.
    InHand,
    /// It is compiled and proven.
    Ready(Arc<LiveModel>),
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
        counters: Arc<RegistryCounters>,
        policy: TrustPolicy,
        trust_stamp: Option<Stamp>,
        ledger: Ledger,
    ) -> Self {
        Self {
            config,
            counters,
            policy: Arc::new(policy),
            trust_stamp,
            ledger,
            files: BTreeMap::new(),
            due: BTreeMap::new(),
            models: BTreeMap::new(),
            refusals: VecDeque::new(),
            complaints: BTreeMap::new(),
            in_hand: None,
            shadows: None,
            listed: false,
            starting: BTreeSet::new(),
            ready: false,
            changed: false,
            answers: Vec::new(),
        }
    }

    /// Gives what the registry was told.
    pub(super) fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// Tells whether people would see something new, once.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Sends the answers to orders; what they say has been published by now.
    pub(super) fn send_answers(&mut self) {
        for (reply, answer) in self.answers.drain(..) {
            // Whoever asked may have left; the order holds all the same.
            let _ = reply.send(answer);
        }
    }

    /// Says in the log what is wrong with a subject, once for each `kind`.
    fn complain(&mut self, subject: Subject, kind: impl Into<String>, said: impl Into<String>) {
        let complaint = Complaint { kind: kind.into(), said: said.into() };
        if self.complaints.get(&subject).is_none_or(|before| before.kind != complaint.kind) {
            tracing::warn!("{}", complaint.said);
            self.complaints.insert(subject, complaint);
            self.changed = true;
        }
    }

    /// Forgets what was wrong with a subject, so that it would be said again.
    fn settled(&mut self, subject: &Subject) {
        self.changed |= self.complaints.remove(subject).is_some();
    }
}

impl Version {
    /// Gives the version ready to answer, where it is compiled.
    fn ready(&self) -> Option<&Arc<LiveModel>> {
        if let Code::Ready(ready) = &self.code { Some(ready) } else { None }
    }
}

/// A file's name, fit to be shown.
fn shown(name: &OsStr) -> String {
    printable(&Path::new(name).to_string_lossy())
}
