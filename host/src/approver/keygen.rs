//! `countersign keygen`: a new key, private for its holder, public in the trust policy.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use contract::key::PrivateKey;
use contract::seal::refusal::printable;
use contract::trust::{NewKey, Role, enrol};

use super::keys::RoleArg;
use super::registry::{RegistryArgs, shown};

/// The flags of `countersign keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign keygen --role approver --name 'Ada Lovelace' --out ada.pem --modules modules

The file holds an Ed25519 private key in PKCS#8 PEM, readable by its owner only. Keep it off the serving machine. Where the
trust policy lies on another machine, make the key with --no-enrol, and send its public half to the operator, for `keys add`.")]
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
    /// Make the key only, and print its public half for `countersign keys add`
    #[arg(long)]
    no_enrol: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl KeygenArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let role = Role::from(self.role);
        let stem = || self.out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).context("--out names no file")?;
        if !self.no_enrol {
            self.registry.make_folder()?;
        }
        let key = PrivateKey::generate()?;
        key.save_new(&self.out)?;
        let public_key = key.public();
        if self.no_enrol {
            say!("wrote {}: private key {}, keep it secret", shown(&self.out), public_key.id());
            say!("the operator enrols it with:");
            let (key, name) = (String::from(public_key), printable(&name));
            say!("  countersign keys add {key} --role {role} --name '{name}' --trust TRUST_POLICY");
            return Ok(());
        }
        let policy = self.registry.trust_path();
        if let Err(error) = enrol(&policy, &NewKey::new(&name, role, public_key)) {
            // A key that nobody trusts would only stand in the way of the next attempt.
            let _ = fs::remove_file(&self.out);
            return Err(error.into());
        }
        say!("wrote {}: private key {}, keep it secret", shown(&self.out), public_key.id());
        say!("enrolled its public key in {} with the role {role}", shown(&policy));
        Ok(())
    }
}
