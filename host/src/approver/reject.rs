//! `countersign reject`: a candidate turned down, on the record.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use contract::approval::TEXT_CHARS_MAX;
use contract::digest::Digest;
use contract::file::{self, Links, ReadError};
use contract::{canonical, seal};
use serde::{Deserialize, Serialize};

use super::registry::{RegistryArgs, read_module, shown};

/// The most bytes of a record that are read: its texts at their bounds, escaped.
const RECORD_BYTES_MAX: u64 = 64 << 10;

/// The flags of `countersign reject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign reject modules/candidates/credit-risk-2.wasm --by 'Ada Lovelace' --reason 'recall fell'

Writes FILE.rejected.json beside the candidate; `approve` then refuses it until that file is removed.")]
pub struct RejectArgs {
    /// Candidate file
    file: PathBuf,
    /// Who turns it down
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// What stands beside a candidate that was turned down.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rejection {
    pub(super) digest: Digest,
    pub(super) by: String,
    pub(super) reason: String,
    time: String,
}

impl RejectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        for (flag, text) in [("--by", &self.by), ("--reason", &self.reason)] {
            if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
                bail!("{flag} takes 1 to {TEXT_CHARS_MAX} characters: say who turns the candidate down, and why");
            }
        }
        let bytes = read_module(&self.file)?;
        let found = seal::inspect(&bytes)?;
        let rejection = Rejection { digest: found.digest, by: self.by, reason: self.reason, time: now() };
        let record = record_path(&self.file);
        file::create(&record, &canonical::to_vec(&rejection)?)
            .with_context(|| format!("cannot write {}; was the candidate turned down before?", shown(&record)))?;
        say!("{} is turned down; the record is {}", found.card.name(), shown(&record));
        let approved = self.registry.approved().join(format!("{}.wasm", found.card.name()));
        if read_module(&approved)
            .is_ok_and(|bytes| seal::inspect(&bytes).is_ok_and(|other| other.digest == found.digest))
        {
            say!(
                "note: it is approved already, and this takes nothing down: remove {} and restart the host",
                shown(&approved)
            );
        }
        Ok(())
    }
}

/// Gives the record that stands beside a candidate, where it was turned down.
pub(super) fn rejection(candidate: &Path) -> anyhow::Result<Option<Rejection>> {
    let record = record_path(candidate);
    match file::read(&record, RECORD_BYTES_MAX, Links::Refuse) {
        Err(ReadError::System(absent)) if absent.kind() == ErrorKind::NotFound => Ok(None),
        read => {
            let said =
                || format!("cannot read {}: remove it if the candidate is to be considered again", shown(&record));
            let bytes = read.with_context(said)?;
            serde_json::from_slice(&bytes).map(Some).with_context(said)
        }
    }
}

fn record_path(candidate: &Path) -> PathBuf {
    let mut name = OsString::from(candidate);
    name.push(".rejected.json");
    name.into()
}

/// Gives the time as this machine has it, for people to read.
pub(super) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
