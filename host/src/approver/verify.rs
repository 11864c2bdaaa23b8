//! `countersign verify`: what a host would decide about a module.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use contract::date::Date;
use contract::seal;

use super::registry::{RegistryArgs, read_module, shown};
use super::review::show_approvals;

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
                say!("{}: verified", shown(&self.file));
                say!("  {} {}", verified.card.name(), verified.digest());
                show_approvals(verified.approvals(), Some(&policy));
                Ok(())
            }
            Err(refusal) => bail!("{}: refused ({}): {refusal}", shown(&self.file), refusal.code()),
        }
    }
}
