//! An approval: what a human signed when countersigning a candidate.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::date::Date;
use crate::digest::Digest;
use crate::ids::KeyId;

/// The most characters of a name, a reason or a time.
pub const TEXT_CHARS_MAX: usize = 2000;
/// The most bytes of an approval.
const APPROVAL_BYTES_MAX: usize = 64 << 10;

/// What an approver says of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The candidate's module digest.
    pub digest: Digest,
    /// What was decided.
    pub decision: Decision,
    /// The approver's key.
    pub key: KeyId,
    /// The approver's name, as a person says it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, as the approver's clock had it; said, never trusted.
    pub time: String,
    /// Why failed gates were set aside, where they were.
    #[serde(rename = "override")]
    pub gates_override: Option<String>,
    /// Whether it was given without the report that the card names; written only where it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_report: bool,
    /// The last day the approval holds, where there is one.
    pub expires: Option<Date>,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The candidate may go live.
    Approve,
}

/// Why bytes are no approval.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The approval is larger than any real one.
    #[error("the approval has {0} bytes, at most {APPROVAL_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The bytes are no canonical JSON of an approval.
    #[error("the approval is none: {0}")]
    Form(#[from] CanonicalError),
    /// A text is empty or too long.
    #[error("an approval's {what} has 1 to {TEXT_CHARS_MAX} characters")]
    Text {
        /// Which text.
        what: &'static str,
    },
}

impl Approval {
    /// Writes the approval in canonical form.
    ///
    /// # Errors
    /// [`ApprovalError::Text`] where a text is empty or too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ApprovalError> {
        self.check()?;
        Ok(canonical::to_vec(self).expect("an approval is plain data"))
    }

    /// Reads an approval.
    ///
    /// # Errors
    /// [`ApprovalError`], which says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ApprovalError> {
        if bytes.len() > APPROVAL_BYTES_MAX {
            return Err(ApprovalError::TooLarge(bytes.len()));
        }
        let approval: Self = canonical::from_slice(bytes)?;
        approval.check()?;
        Ok(approval)
    }

    fn check(&self) -> Result<(), ApprovalError> {
        let texts = [("approver's name", Some(&self.by)), ("reason", Some(&self.reason)), ("time", Some(&self.time))];
        for (what, text) in texts.into_iter().chain([("override", self.gates_override.as_ref())]) {
            if text.is_some_and(|text| text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX) {
                return Err(ApprovalError::Text { what });
            }
        }
        Ok(())
    }
}
