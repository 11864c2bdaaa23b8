//! `countersign keygen`: a new key, private for its holder, public in the trust policy.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use contract::key::PrivateKey;
use contract::trust::{Role, enrol};

use super::registry::{RegistryArgs, shown};

/// The flags of `countersign keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign keygen --role approver --name 'Ada Lovelace' --out ada.pem --modules modules

The file holds an Ed25519 private key in PKCS#8 PEM, readable by its owner only. Keep it off the serving machine.")]
pub struct KeygenArgs {
    /// What the key may sign: `job` signs candidates, `approver` countersigns them
    #[arg(long, value_enum)]
    role: RoleArg,
    /// File to write the private key to; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Whose key it is, as the trust policy will say [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    Job,
    Approver,
}

impl KeygenArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let role = match self.role {
            RoleArg::Job => Role::Job,
            RoleArg::Approver => Role::Approver,
        };
        let stem = || self.out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).context("--out names no file")?;
        let policy = self.registry.trust_path();
        if self.registry.trust.is_none() {
            let modules = &self.registry.modules;
            fs::create_dir_all(modules).with_context(|| format!("cannot make the folder {}", modules.display()))?;
        }
        let key = PrivateKey::generate()?;
        key.save_new(&self.out)?;
        if let Err(error) = enrol(&policy, &name, role, key.public()) {
            // A key that nobody trusts would only stand in the way of the next attempt.
            let _ = fs::remove_file(&self.out);
            return Err(error.into());
        }
        let public = key.public();
        say!("wrote {}: private key {}, keep it secret", shown(&self.out), public.id());
        say!("enrolled its public key in {} with the role {role:?}", shown(&policy));
        Ok(())
    }
}
