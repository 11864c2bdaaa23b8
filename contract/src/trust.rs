//! The trust policy: whose signatures the operator believes. A local file of the host, never part of the registry's drops.
//!
//! # Shape
//! ```toml
//! approvals_required = 1
//! revoked_digests = []
//!
//! [[keys]]
//! name = "nightly job"
//! role = "job"
//! public_key = "d75a9801.."
//! expires = "2027-12-31"
//! revoked = false
//! models = ["credit-risk"]
//! ```
//! The last three may be left out: a key then does not end, is not revoked, and signs modules of any model.

mod edit;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::digest::Digest;
use crate::file::{self, Links, ReadError};
use crate::ids::{KeyId, ModelName};
use crate::key::PublicKey;

pub use edit::{Changed, NewKey, enrol, expire, revoke, revoke_digest};

/// The most bytes of a policy that are read.
const POLICY_BYTES_MAX: u64 = 1 << 20;
/// The most characters of a key holder's name.
pub const HOLDER_CHARS_MAX: usize = 128;
/// The fewest digits that stand for a key's id.
const ID_DIGITS_MIN: usize = 4;
/// How many days ahead it is worth a word that a key or an approval expires.
pub const EXPIRY_WARNING_DAYS: i32 = 30;
/// What a new policy says before its first key.
const NEW_POLICY: &str = include_str!("../../modules/trust.toml");

/// Whose signatures are believed, and how many it takes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustPolicy {
    /// How many approvers must have signed a module.
    #[serde(default = "one")]
    pub approvals_required: usize,
    /// Modules that are refused whoever signed them.
    #[serde(default)]
    pub revoked_digests: Vec<Digest>,
    /// The enrolled keys.
    #[serde(default)]
    pub keys: Vec<EnrolledKey>,
}

/// A key the operator believes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// Whose it is, in words.
    pub name: String,
    /// What it may sign; one key has one role.
    pub role: Role,
    /// The key.
    pub public_key: PublicKey,
    /// The last day it may be used, where there is one.
    #[serde(default)]
    pub expires: Option<Date>,
    /// Whether it has been revoked.
    #[serde(default)]
    pub revoked: bool,
    /// The models whose modules it may sign; any, where this is not said.
    #[serde(default)]
    pub models: Option<Vec<ModelName>>,
}

impl EnrolledKey {
    /// Tells whether it may sign modules of a model.
    pub fn may_sign(&self, model: &ModelName) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(model))
    }
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Candidates.
    Job,
    /// Approvals.
    Approver,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Job => "job",
            Self::Approver => "approver",
        })
    }
}

/// Why a policy was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file could not be read.
    #[error("trust policy {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file could not be written.
    #[error("trust policy {path} was not changed: {cause}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is no policy.
    #[error("trust policy {path}: {cause}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: PolicyError,
    },
}

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is no TOML, or not of this shape.
    #[error("not a trust policy: {0}")]
    Shape(#[from] toml::de::Error),
    /// The text cannot be edited.
    #[error("not a trust policy: {0}")]
    Edit(#[from] toml_edit::TomlError),
    /// What is to be changed is written in another form of TOML than can be changed in place.
    #[error("`{0}` is not written in the usual form, so it cannot be changed here: change the file by hand")]
    Form(&'static str),
    /// No key is enrolled under this id or name.
    #[error("no key of the id or name `{0}` is enrolled: `countersign keys list` shows them")]
    UnknownKey(String),
    /// More than one key goes by this.
    #[error("{count} keys go by `{wanted}`: name one by more of its id")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// How many keys go by it.
        count: usize,
    },
    /// No approval is demanded.
    #[error("approvals_required is 0: a module needs at least one approval")]
    NoApproval,
    /// A key is enrolled twice.
    #[error("key {0} is enrolled twice; one key has one role")]
    Twice(KeyId),
    /// A key is enrolled for no model.
    #[error("key {0} has an empty list of models: name some, leave `models` out for any, or set `revoked = true`")]
    NoModel(KeyId),
    /// A holder's name is empty, too long, or holds control characters.
    #[error("a key's name has 1 to {HOLDER_CHARS_MAX} characters and no control characters")]
    Holder,
    /// A reason is empty, too long, or holds control characters.
    #[error("a reason in the policy has 1 to {HOLDER_CHARS_MAX} characters and no control characters")]
    Reason,
}

fn one() -> usize {
    1
}

impl TrustPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`TrustError`], with the file and what is wrong.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        read(path)?.parse().map_err(|cause| TrustError::Policy { path: path.to_owned(), cause })
    }

    /// Gives the enrolled key that goes by an id, the start of one, or a holder's whole name.
    ///
    /// # Errors
    /// [`PolicyError::UnknownKey`], or [`PolicyError::Ambiguous`] where several do.
    pub fn find(&self, wanted: &str) -> Result<&EnrolledKey, PolicyError> {
        let start =
            |key: &&EnrolledKey| wanted.len() >= ID_DIGITS_MIN && key.public_key.id().to_string().starts_with(wanted);
        let found: Vec<_> = self.keys.iter().filter(|key| key.name == wanted || start(key)).collect();
        match found[..] {
            [] => Err(PolicyError::UnknownKey(wanted.to_owned())),
            [key] => Ok(key),
            _ => Err(PolicyError::Ambiguous { wanted: wanted.to_owned(), count: found.len() }),
        }
    }

    /// Gives the enrolled key of this id.
    pub fn key(&self, id: KeyId) -> Option<&EnrolledKey> {
        self.keys.iter().find(|key| key.public_key.id() == id)
    }
}

impl FromStr for TrustPolicy {
    type Err = PolicyError;
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)?;
        if policy.approvals_required == 0 {
            return Err(PolicyError::NoApproval);
        }
        for (place, key) in policy.keys.iter().enumerate() {
            check_holder(&key.name)?;
            if key.models.as_ref().is_some_and(Vec::is_empty) {
                return Err(PolicyError::NoModel(key.public_key.id()));
            }
            if policy.keys[..place].iter().any(|earlier| earlier.public_key == key.public_key) {
                return Err(PolicyError::Twice(key.public_key.id()));
            }
        }
        Ok(policy)
    }
}

fn read(path: &Path) -> Result<String, TrustError> {
    let failed = |cause| TrustError::Read { path: path.to_owned(), cause };
    let bytes = file::read(path, POLICY_BYTES_MAX, Links::Follow).map_err(|error| match error {
        ReadError::System(cause) => failed(cause),
        other => failed(io::Error::other(other)),
    })?;
    String::from_utf8(bytes).map_err(|_| failed(io::Error::other("it is not UTF-8")))
}

/// Tells whether a text may name who holds a key or a token: some characters, not too many, and none that a terminal obeys.
pub fn names_holder(name: &str) -> bool {
    (1..=HOLDER_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

fn check_holder(name: &str) -> Result<(), PolicyError> {
    if names_holder(name) { Ok(()) } else { Err(PolicyError::Holder) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    fn public(seed: u8) -> PublicKey {
        PrivateKey::from_seed([seed; 32]).public()
    }

    #[test]
    fn the_shipped_policy_names_no_key() {
        let policy: TrustPolicy = NEW_POLICY.parse().expect("the shipped policy");
        assert_eq!((policy.keys.len(), policy.approvals_required), (0, 1));
    }

    #[test]
    fn a_key_signs_the_models_it_is_enrolled_for() {
        let key = String::from(public(1));
        let may_sign = |models: &str, model: &str| {
            let text = format!("[[keys]]\nname = \"a\"\nrole = \"job\"\npublic_key = \"{key}\"\n{models}");
            text.parse::<TrustPolicy>().map(|policy| policy.keys[0].may_sign(&model.parse().expect("a name")))
        };
        let two = "models = [\"credit-risk\", \"fraud\"]";
        assert!(matches!(may_sign("", "any"), Ok(true)));
        assert!(matches!((may_sign(two, "credit-risk"), may_sign(two, "fraud")), (Ok(true), Ok(true))));
        assert!(matches!(may_sign(two, "credit"), Ok(false)));
        assert!(matches!(may_sign("models = []", "any"), Err(PolicyError::NoModel(_))));
        assert!(matches!(may_sign("models = [\"Not a name\"]", "any"), Err(PolicyError::Shape(_))));
        assert!(matches!(may_sign("models = \"fraud\"", "fraud"), Err(PolicyError::Shape(_))));
    }

    #[test]
    fn bad_policies_are_refused() {
        let check = |text: &str| assert!(text.parse::<TrustPolicy>().is_err(), "{text}");
        check("approvals_required = 0");
        check("approvals = 1");
        check("keys = 3");
        check("[[keys]]\nname = \"a\"\nrole = \"boss\"\npublic_key = \"00\"");
        let key = String::from(public(1));
        check(&format!("[[keys]]\nname = \"\"\nrole = \"job\"\npublic_key = \"{key}\""));
        check(&format!("[[keys]]\nname = \"a\"\nrole = \"job\"\npublic_key = \"{key}\"\nexpire = \"2020-01-01\""));
    }
}
