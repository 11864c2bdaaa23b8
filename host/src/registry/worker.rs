//! The registry's second thread: reads, verifies, compiles and proves, one file at a time and after all requests.
//!
//! Its priority is lower than that of the threads that answer, so that a compilation takes what they leave. The registry's
//! own thread never waits for it: a rollback or a revocation is carried out while something compiles.

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};
use contract::seal::{self, Verified};
use contract::trust::TrustPolicy;

use super::counters::{Phase, RegistryCounters};
use super::file;
use super::health::{FailureLimits, Health};
use super::live::LiveModel;
use super::mail::{Mail, Message};
use super::reason::Reason;
use super::steps;
use crate::engine::Engine;

/// How much its thread yields to others, as `nice` counts: a tenth of what a request's thread gets where both want all.
const NICE: i32 = 10;

/// A piece of work.
pub(super) enum Job {
    /// To read a file and verify it.
    Examine {
        /// The file's name in the folder.
        name: OsString,
        /// The file.
        path: PathBuf,
        /// Whose signatures count.
        policy: Arc<TrustPolicy>,
    },
    /// To compile and prove a version.
    Compile {
        /// The model.
        model: ModelName,
        /// The version.
        version: ModelVersion,
        /// What to compile.
        source: Source,
    },
}

/// Where the bytes of a version come from.
pub(super) enum Source {
    /// They have just been verified.
    Verified(Box<Verified<'static>>),
    /// They are read and verified again, and must be the same module.
    File {
        /// The file.
        path: PathBuf,
        /// The module digest.
        digest: Digest,
        /// Whose signatures count.
        policy: Arc<TrustPolicy>,
    },
}

/// What became of a piece of work.
pub(super) enum Done {
    /// A file was read; it was verified, or refused with its reason.
    Examined {
        /// The file's name.
        name: OsString,
        /// The digest of its bytes, where it could be read.
        file_digest: Option<Digest>,
        /// The module, or why it is none.
        outcome: Result<Box<Verified<'static>>, Reason>,
    },
    /// A version was compiled and proven, or failed to be.
    Compiled {
        /// The model.
        model: ModelName,
        /// The version.
        version: ModelVersion,
        /// The version ready to answer, or why it is not.
        outcome: Result<Arc<LiveModel>, Reason>,
    },
}

/// What the worker is told once.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) counters: Arc<RegistryCounters>,
    pub(super) mail: Mail,
    pub(super) module_bytes_max: u64,
    pub(super) warm_instances: usize,
    pub(super) failures: FailureLimits,
    pub(super) today: fn() -> Date,
}

/// The worker's handle; its end lets the work under way finish and joins the thread.
pub(super) struct Worker {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(bench: Bench) -> io::Result<Self> {
        let (jobs, to_do) = sync_channel(1);
        let work = move || bench.work(&to_do);
        let thread = thread::Builder::new().name("registry-worker".to_owned()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands over a piece of work. The caller waits for its outcome before the next, so that there is always room.
    pub(super) fn give(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // It fails only where the thread is gone, and then no outcome is waited for either.
            let _ = jobs.try_send(job);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

impl Bench {
    fn work(&self, to_do: &Receiver<Job>) {
        yield_to_requests();
        while let Ok(job) = to_do.recv() {
            self.mail.send(Message::Done(Box::new(self.done(job))));
        }
    }

    fn done(&self, job: Job) -> Done {
        match job {
            Job::Examine { name, path, policy } => {
                let mut file_digest = None;
                let outcome = guarded(|| {
                    let read = self.counters.timed(Phase::Read, || file::read(&path, self.module_bytes_max))?;
                    file_digest = Some(read.digest);
                    self.verified(read.bytes, &policy)
                });
                Done::Examined { name, file_digest, outcome: outcome.map(Box::new) }
            }
            Job::Compile { model, version, source } => {
                let outcome = guarded(|| self.compiled(&model, version, source));
                Done::Compiled { model, version, outcome: outcome.map(Arc::new) }
            }
        }
    }

    fn verified(&self, bytes: Vec<u8>, policy: &TrustPolicy) -> Result<Verified<'static>, Reason> {
        let verified = self.counters.timed(Phase::Verify, || seal::verify(bytes, policy, (self.today)()))?;
        self.counters.timed(Phase::Verify, || steps::admit(&verified, &self.engine))?;
        Ok(verified)
    }

    fn compiled(&self, model: &ModelName, version: ModelVersion, source: Source) -> Result<LiveModel, Reason> {
        let verified = match source {
            Source::Verified(verified) => *verified,
            Source::File { path, digest, policy } => self.same(&path, digest, &policy)?,
        };
        let compiled = self.counters.timed(Phase::Compile, || steps::compile(verified, &self.engine))?;
        let proven = self.counters.timed(Phase::Prove, || compiled.prove(self.warm_instances))?;
        self.counters.proven();
        let (mail, model) = (self.mail.clone(), model.clone());
        let alarm = move |said| mail.try_send(Message::Failing { model: model.clone(), version, said });
        Ok(proven.ready(Health::new(self.failures, Box::new(alarm))))
    }

    fn same(&self, path: &Path, digest: Digest, policy: &TrustPolicy) -> Result<Verified<'static>, Reason> {
        let read = self.counters.timed(Phase::Read, || file::read(path, self.module_bytes_max))?;
        let verified = self.verified(read.bytes, policy)?;
        if verified.digest() == digest {
            Ok(verified)
        } else {
            Err(Reason::new(file::UNREADABLE, "the file holds another module by now"))
        }
    }
}

/// A file that makes our own code panic is refused like any other, and the thread lives on.
fn guarded<T>(step: impl FnOnce() -> Result<T, Reason>) -> Result<T, Reason> {
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(Reason::new("internal_fault", "the host failed at this file; see its log")))
}

/// Lowers this thread's priority; where the system does not allow it, compilations compete with requests.
fn yield_to_requests() {
    let here = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(here), NICE) {
        tracing::warn!(%error, "compilations cannot be given a lower priority");
    }
}
