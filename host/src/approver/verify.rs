//! `countersign verify`: what a host would decide about a module.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use contract::date::Date;
use contract::seal;
use contract::seal::refusal::printable;

use super::registry::{RegistryArgs, read_module};

/// The flags of `countersign verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Module file
    file: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl VerifyArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let policy = self.registry.policy()?;
        let bytes = read_module(&self.file)?;
        match seal::verify(&bytes, &policy, Date::today()) {
            Ok(verified) => {
                println!("{}: verified", self.file.display());
                println!("  {} {}", verified.card.name(), verified.digest);
                for approval in &verified.approvals {
                    println!(
                        "  approved by {} ({}): {}",
                        printable(&approval.by),
                        approval.key,
                        printable(&approval.reason)
                    );
                }
                Ok(())
            }
            Err(refusal) => bail!("{}: refused ({}): {refusal}", self.file.display(), refusal.code()),
        }
    }
}
