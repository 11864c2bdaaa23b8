//! `countersign verify`: what a host would decide about modules.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use contract::approval::Approval;
use contract::card::ModelCard;
use contract::date::Date;
use contract::digest::Digest;
use contract::seal;
use contract::trust::TrustPolicy;
use serde_json::{Value, json};

use super::registry::{RegistryArgs, read_module, shown};
use super::review::show_approvals;
use crate::engine::{ModuleLimits, admit};

/// The flags of `countersign verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign verify modules/approved/credit-risk-1.wasm --modules modules
  countersign verify modules/approved/*.wasm --json --as-of 2027-01-01 --trust /etc/countersign/trust.toml

Judges the seal and the component's structure as the host does before it compiles. What only the host can tell is left to it:
whether the version is taken by another module, and whether the golden rows score to the bit. Ends with 1 if any file is refused.")]
pub struct VerifyArgs {
    /// Module files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print a JSON list with an object for each file
    #[arg(long)]
    json: bool,
    /// Judge as on this day, as YYYY-MM-DD, by which a key or an approval may have expired [default: today]
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// What became of one file.
enum Verdict {
    Verified { card: Box<ModelCard>, digest: Digest, approvals: Vec<Approval> },
    Refused { code: String, detail: String },
}

impl VerifyArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let policy = self.registry.policy()?;
        let today = self.as_of.unwrap_or_else(Date::today);
        let verdicts: Vec<_> = self.files.iter().map(|file| (file, judge(file, &policy, today))).collect();
        if self.json {
            let described: Vec<_> = verdicts.iter().map(|(file, verdict)| verdict.described(file)).collect();
            say!("{:#}", Value::from(described));
        }
        let mut refused = Vec::new();
        for (file, verdict) in &verdicts {
            match verdict {
                Verdict::Verified { card, digest, approvals } if !self.json => {
                    say!("{}: verified", shown(file));
                    say!("  {} {digest}", card.name());
                    show_approvals(approvals, Some(&policy));
                }
                Verdict::Verified { .. } => {}
                Verdict::Refused { code, detail } => {
                    refused.push(format!("{}: refused ({code}): {detail}", shown(file)));
                }
            }
        }
        match (refused.len(), verdicts.len()) {
            (0, _) => Ok(()),
            (1, 1) => bail!("{}", refused[0]),
            (count, all) => bail!("{count} of {all} refused\n{}", refused.join("\n")),
        }
    }
}

fn judge(file: &Path, policy: &TrustPolicy, today: Date) -> Verdict {
    let bytes = match read_module(file) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Refused { code: "unreadable".to_owned(), detail: format!("{error:#}") },
    };
    let verified = match seal::verify(&bytes, policy, today) {
        Ok(verified) => verified,
        Err(refusal) => return Verdict::Refused { code: refusal.code().to_owned(), detail: refusal.to_string() },
    };
    match admit(&bytes, &ModuleLimits::default()) {
        Ok(()) => Verdict::Verified {
            digest: verified.digest(),
            approvals: verified.approvals().to_vec(),
            card: Box::new(verified.card),
        },
        Err(refusal) => Verdict::Refused { code: refusal.code().to_owned(), detail: refusal.to_string() },
    }
}

impl Verdict {
    fn described(&self, file: &Path) -> Value {
        let file = file.to_string_lossy();
        match self {
            Self::Verified { card, digest, approvals } => json!({
                "file": file,
                "verified": true,
                "model": card.model,
                "version": card.version,
                "digest": digest,
                "approvals": approvals,
            }),
            Self::Refused { code, detail } => {
                json!({ "file": file, "verified": false, "code": code, "detail": detail })
            }
        }
    }
}
