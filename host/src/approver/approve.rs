//! `countersign approve`: a human's signature on a candidate, and the file the host waits for.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use contract::approval::{Approval, Decision};
use contract::date::Date;
use contract::digest::Digest;
use contract::key::PrivateKey;
use contract::seal::refusal::printable;
use contract::{file, seal};

use super::compare::{Beside, HostArgs};
use super::registry::{RegistryArgs, read_module, shown};
use super::reject::{now, rejection};
use super::report::Report;
use super::{gates, review};

/// The flags of `countersign approve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign approve modules/candidates/credit-risk-1.wasm --key ada.pem --by 'Ada Lovelace' \\
      --reason 'beats version 0 on unseen users' --modules modules

It signs the very bytes it shows, once they are confirmed: answer `yes`, or give --yes in a script, best with --expect-digest.
A candidate that did not pass its gates takes --override with a reason, which is signed as well and without which no host runs
it. The report must lie beside the candidate, and be the one that its card names; that it was missing (--without-report) is
signed too. Where the policy asks for several approvers, each runs the same command in turn.")]
pub struct ApproveArgs {
    /// Candidate file
    file: PathBuf,
    /// The approver's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Why the gates that were not passed do not matter; refused where all passed
    #[arg(long = "override", value_name = "REASON")]
    gates_override: Option<String>,
    /// Approve although the report is not beside the candidate
    #[arg(long)]
    without_report: bool,
    /// Last day the approval holds, as YYYY-MM-DD [default: it does not end]
    #[arg(long, value_name = "DATE")]
    expires: Option<Date>,
    /// Sign without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    host: HostArgs,
    /// Refuse any candidate but the one of this digest, `sha256:...`
    #[arg(long, value_name = "DIGEST")]
    expect_digest: Option<Digest>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ApproveArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let policy = self.registry.policy()?;
        let key = PrivateKey::load(&self.key)?;
        let bytes = read_module(&self.file)?;
        let today = Date::today();
        let candidate = seal::verify_candidate(&bytes, &policy, today).map_err(|refusal| {
            anyhow::anyhow!("{} cannot be approved ({}): {refusal}", shown(&self.file), refusal.code())
        })?;
        let digest = candidate.digest();
        if let Some(expected) = self.expect_digest.filter(|expected| *expected != digest) {
            bail!("{} is {digest}, not the expected {expected}: review it again", shown(&self.file));
        }
        if let Some(rejected) = rejection(&self.file)?.filter(|rejected| rejected.digest == digest) {
            let (by, reason) = (printable(&rejected.by), printable(&rejected.reason));
            bail!(
                "{} was turned down by {by}: {reason}; remove its .rejected.json to consider it again",
                shown(&self.file)
            );
        }
        let card = candidate.card();
        let report = Report::find(&self.file, card, &self.registry);
        report.demand(self.without_report)?;
        let gates_override = gates::overriding(card, self.gates_override)?;
        let beside = Beside::find(card, &self.registry, Some(&policy), &self.host)?;
        review::show(card, digest, candidate.approvals(), Some(&policy), &beside);
        report.show();
        if !self.yes {
            confirm(&format!(
                "Sign {} ({digest}) as {} with key {}?",
                card.name(),
                printable(&self.by),
                key.public().id()
            ))?;
        }

        let approved = self.registry.approved();
        fs::create_dir_all(&approved).with_context(|| format!("cannot make the folder {}", shown(&approved)))?;
        // Two approvers at once must not overwrite each other's part.
        let _lock = file::lock(&approved, ".lock").with_context(|| format!("cannot lock {}", shown(&approved)))?;
        let out = approved.join(format!("{}.wasm", card.name()));
        // A further approver's part goes onto what the earlier ones signed.
        let base = match earlier(&out, digest)? {
            Some(approved) => approved,
            None => bytes.clone(),
        };
        let approval = Approval {
            digest,
            decision: Decision::Approve,
            key: key.public().id(),
            by: self.by,
            reason: self.reason,
            time: now(),
            gates_override,
            without_report: !matches!(report, Report::Holds(_)),
            expires: self.expires,
        };
        let signed = seal::approve(&base, &approval, &key)?;
        // Judged as the host will, before the host sees it: the key may not be an approver's.
        let approvals = seal::verify_candidate(&signed, &policy, today)
            .map_err(|refusal| anyhow::anyhow!("this approval would not count ({}): {refusal}", refusal.code()))?
            .approvals()
            .len();
        let written = if out.exists() { file::replace(&out, &signed) } else { file::create(&out, &signed) };
        written.with_context(|| format!("cannot write {}", shown(&out)))?;
        say!("\napproved: {} carries {approvals} of {} approvals", shown(&out), policy.approvals_required);
        Ok(())
    }
}

/// Asks whoever runs the command; only a `yes` goes on.
fn confirm(question: &str) -> anyhow::Result<()> {
    let mut out = io::stdout();
    let _ = write!(out, "\n{question} [yes/no] ");
    let _ = out.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    if !io::stdin().is_terminal() {
        let _ = writeln!(out);
    }
    match answer.trim() {
        "yes" | "y" | "Yes" | "YES" | "Y" => Ok(()),
        _ if read == 0 => bail!("not approved: nobody answered; answer `yes`, or give --yes in a script"),
        _ => bail!("not approved: the answer was not `yes`"),
    }
}

/// Gives the file that is to take a further approval, if this very module is already in approved/.
fn earlier(out: &Path, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
    if !out.exists() {
        return Ok(None);
    }
    let bytes = read_module(out)?;
    match seal::inspect(&bytes) {
        Ok(found) if found.digest == digest => Ok(Some(bytes)),
        Ok(found) => bail!("{} is taken by another module, {}: train under a new version", shown(out), found.digest),
        Err(refusal) => bail!("{} is in the way and no module of ours ({refusal}): remove it first", shown(out)),
    }
}
