//! `countersign export-oms`: a module's signature in the form of OpenSSF Model Signing, beside the module.

mod bundle;
mod key;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use contract::date::Date;
use contract::{file, seal};

use self::key::EcdsaKey;
use super::registry::{RegistryArgs, read_module, shown};

/// The flags of `countersign export-oms`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign export-oms modules/approved/credit-risk-1.wasm --key oms.pem --make-key --modules modules
  model_signing verify key modules/approved/credit-risk-1.wasm \\
      --signature modules/approved/credit-risk-1.wasm.sig --public_key oms.pub

It signs only a module that a host with this trust policy would run. The signature is over the whole file: export it anew after a
further approval. Hosts do not read it. The key signs with ECDSA on P-256; one of `openssl ecparam -name prime256v1 -genkey` will
do as well, and `openssl ec -pubout` gives its public half.")]
pub struct ExportOmsArgs {
    /// Module file
    file: PathBuf,
    /// The ECDSA P-256 private key, in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Make the key first: --key must not exist, and its public half goes beside it as .pub
    #[arg(long)]
    make_key: bool,
    /// File to write the signature to [default: the module's name and .sig]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ExportOmsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let policy = self.registry.policy()?;
        let module = read_module(&self.file)?;
        // Whoever trusts this signature alone must not be handed what our own hosts would refuse.
        if let Err(refusal) = seal::verify(&module, &policy, Date::today()) {
            bail!("{} is not exported ({}): {refusal}", shown(&self.file), refusal.code());
        }
        let name = self.file.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("the name of {} is not UTF-8", shown(&self.file)))?;
        let key = if self.make_key { make_key(&self.key)? } else { EcdsaKey::load(&self.key)? };
        let bundle = bundle::signed(name, &module, &key)?;
        let out = self.out.unwrap_or_else(|| with_suffix(&self.file, ".sig"));
        file::replace(&out, &bundle).with_context(|| format!("cannot write {}", shown(&out)))?;
        say!("wrote {}: {name} signed by the key of hint {}", shown(&out), key.hint()?);
        Ok(())
    }
}

fn make_key(path: &Path) -> anyhow::Result<EcdsaKey> {
    let public = path.with_extension("pub");
    let key = EcdsaKey::generate()?;
    key.save_new(path)?;
    if let Err(error) = file::create(&public, key.public_pem()?.as_bytes()) {
        // A key without its public half would only stand in the way of the next attempt.
        let _ = std::fs::remove_file(path);
        return Err(error).with_context(|| format!("cannot write {}", shown(&public)));
    }
    say!("wrote {}: private key, keep it secret; {}: its public half", shown(path), shown(&public));
    Ok(key)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
