//! `countersign keys`: whose word counts, shown and changed in the trust policy.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use contract::date::Date;
use contract::digest::Digest;
use contract::ids::ModelName;
use contract::key::{PrivateKey, PublicKey};
use contract::seal;
use contract::seal::refusal::printable;
use contract::trust::{Changed, EXPIRY_WARNING_DAYS, EnrolledKey, NewKey, Role, enrol, expire, revoke, revoke_digest};
use serde_json::{Value, json};

use super::registry::{RegistryArgs, read_module, shown};

/// The flags of `countersign keys`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign keys list --modules modules
  countersign keys show ada.pem                     (prints the public key to send to the operator)
  countersign keys add d75a9801..511a --role approver --name 'Ada Lovelace' --trust /etc/countersign/trust.toml
  countersign keys revoke 'Ada Lovelace' --reason 'laptop stolen' --modules modules

A KEY that is enrolled is named by its id, the start of it, or its holder's whole name. A running host obeys a change within a
second: what a revoked key or digest carried is taken down; an expiry takes nothing down before the host starts again.")]
pub struct KeysArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the enrolled keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Enrol a public key
    Add(AddArgs),
    /// Set the last day a key may be used
    Expire {
        /// Enrolled key
        key: String,
        /// The last day, as YYYY-MM-DD
        #[arg(long, value_name = "DATE")]
        on: Date,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Revoke a key: nothing it signed counts any more
    Revoke {
        /// Enrolled key
        key: String,
        /// Why, for whoever reads the policy
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Revoke one module, whoever signed it
    RevokeDigest {
        /// The module's digest, `sha256:...`, or its file
        module: String,
        /// Why, for whoever reads the policy
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Print the public half of a key file
    Show {
        /// Private or public key file
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Public key: 64 hexadecimal digits, or a file that holds them or PEM
    #[arg(value_name = "PUBLIC_KEY")]
    public_key: String,
    /// What the key may sign: `job` signs candidates, `approver` countersigns them
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Whose key it is
    #[arg(long)]
    name: String,
    /// The last day it may be used, as YYYY-MM-DD [default: it does not end]
    #[arg(long, value_name = "DATE")]
    expires: Option<Date>,
    /// The models whose modules it may sign, with commas between [default: any]
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    models: Vec<ModelName>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// A role as a flag has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    Job,
    Approver,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Job => Self::Job,
            RoleArg::Approver => Self::Approver,
        }
    }
}

impl KeysArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::List { json, registry } => list(json, &registry),
            Verb::Add(args) => args.run(),
            Verb::Expire { key, on, registry } => {
                let id = expire(&registry.trust_path(), &key, on)?;
                say!("key {id} may be used up to {on}");
                if on < Date::today() {
                    say!(
                        "note: what serves by it goes on serving until the host starts again; `keys revoke` takes it down at once"
                    );
                }
                Ok(())
            }
            Verb::Revoke { key, reason, registry } => {
                let (id, changed) = revoke(&registry.trust_path(), &key, reason.as_deref())?;
                say!("key {id} {}", if changed == Changed::Now { "is revoked" } else { "was revoked before" });
                Ok(())
            }
            Verb::RevokeDigest { module, reason, registry } => {
                let digest = digest_of(&module)?;
                let changed = revoke_digest(&registry.trust_path(), digest, reason.as_deref())?;
                say!("module {digest} {}", if changed == Changed::Now { "is revoked" } else { "was revoked before" });
                Ok(())
            }
            Verb::Show { file } => {
                let key = PrivateKey::load(&file).map(|key| key.public()).or_else(|_| PublicKey::load(&file))?;
                say!("id          {}", key.id());
                say!("public key  {}", String::from(key));
                Ok(())
            }
        }
    }
}

impl AddArgs {
    fn run(self) -> anyhow::Result<()> {
        let public_key = match PublicKey::try_from(self.public_key.clone()) {
            Ok(key) => key,
            Err(error) => PublicKey::load(self.public_key.as_ref())
                .with_context(|| format!("{} is no key ({error})", printable(&self.public_key)))?,
        };
        let (path, role) = (self.registry.trust_path(), self.role.into());
        let key = NewKey { name: self.name, role, public_key, expires: self.expires, models: self.models };
        self.registry.make_folder()?;
        enrol(&path, &key)?;
        say!("enrolled key {} of {} in {} with the role {role}", public_key.id(), printable(&key.name), shown(&path));
        Ok(())
    }
}

/// Gives the digest that a text names: its own, or that of the module in the file.
fn digest_of(module: &str) -> anyhow::Result<Digest> {
    if let Ok(digest) = module.parse() {
        return Ok(digest);
    }
    if module.starts_with("sha256:") {
        bail!("{} is no digest: it is `sha256:` and 64 hexadecimal digits", printable(module));
    }
    Ok(seal::inspect(&read_module(module.as_ref())?)?.digest)
}

fn list(json: bool, registry: &RegistryArgs) -> anyhow::Result<()> {
    let (policy, today) = (registry.policy()?, Date::today());
    if json {
        let keys: Vec<_> = policy.keys.iter().map(|key| described(key, today)).collect();
        let (required, digests) = (policy.approvals_required, &policy.revoked_digests);
        say!("{:#}", json!({ "approvals_required": required, "keys": keys, "revoked_digests": digests }));
        return Ok(());
    }
    say!("{} of the approvers must have signed a module", policy.approvals_required);
    if policy.keys.is_empty() {
        say!("no key is enrolled, so nothing runs: `countersign keygen` makes one");
    }
    for key in &policy.keys {
        let models = key.models.as_ref().map(|models| {
            let models: Vec<_> = models.iter().map(ToString::to_string).collect();
            format!(", {} only", models.join(" and "))
        });
        let (id, role) = (key.public_key.id(), key.role.to_string());
        let (name, state, models) = (printable(&key.name), state(key, today), models.unwrap_or_default());
        say!("{id}  {role:<8}  {name}{models}{state}");
    }
    for digest in &policy.revoked_digests {
        say!("revoked     {digest}");
    }
    Ok(())
}

fn described(key: &EnrolledKey, today: Date) -> Value {
    json!({
        "id": key.public_key.id(),
        "name": key.name,
        "role": key.role,
        "public_key": key.public_key,
        "expires": key.expires,
        "expired": key.expires.is_some_and(|last_day| last_day < today),
        "revoked": key.revoked,
        "models": key.models,
    })
}

/// Gives what there is to say of whether a key may be used.
fn state(key: &EnrolledKey, today: Date) -> String {
    match key.expires {
        _ if key.revoked => "  REVOKED".to_owned(),
        Some(last_day) if last_day < today => format!("  EXPIRED on {last_day}"),
        Some(last_day) if last_day.days() - today.days() <= EXPIRY_WARNING_DAYS => {
            format!("  EXPIRES SOON, after {last_day}")
        }
        Some(last_day) => format!("  until {last_day}"),
        None => String::new(),
    }
}
