//! Why a module file is refused.

use crate::approval::{ApprovalError, TEXT_CHARS_MAX};
use crate::card::CardError;
use crate::digest::Digest;
use crate::ids::{KeyId, ModelName};
use crate::section::SectionError;
use crate::trust::Role;

/// Why a module file is refused; each reason has a stable code.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file is larger than the bound.
    #[error("the file has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// The size refused.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The file is no sequence of a component's sections.
    #[error(transparent)]
    Framing(#[from] SectionError),
    /// The file carries no signature.
    #[error("the component carries no signature: it was not made by the feature job, or its seal was taken off")]
    Unsigned,
    /// The `signature` section does not stand first and alone.
    #[error("a `signature` section stands at byte {offset}: it must stand first, and once")]
    SignatureMisplaced {
        /// Where it stands.
        offset: usize,
    },
    /// The `signature` section's payload is not of its form.
    #[error("the `signature` section is malformed")]
    SignatureMalformed,
    /// There are not as many parts as signatures.
    #[error("{signatures} signatures, but {parts} parts: a part was cut off, added or taken away")]
    PartCount {
        /// Signed hash sets in the `signature` section.
        signatures: usize,
        /// Parts that end in a delimiter.
        parts: usize,
    },
    /// Sections follow the last delimiter.
    #[error("sections follow the last delimiter, at byte {offset}")]
    AfterLastDelimiter {
        /// Where the first of them starts.
        offset: usize,
    },
    /// A delimiter does not have 16 bytes.
    #[error("the delimiter of part {part} has not 16 bytes")]
    Delimiter {
        /// The part, from 1.
        part: usize,
    },
    /// The card does not stand once, last in part 1.
    #[error("section `model-card` must stand once, last in part 1")]
    CardMisplaced,
    /// A later part is not one approval.
    #[error("part {part} is not exactly one `model-approval` section")]
    ApprovalMisplaced {
        /// The part, from 1.
        part: usize,
    },
    /// A signer signed other parts than all up to its own.
    #[error("the signer of part {part} signed {found} parts, and must sign all {required} up to its own")]
    HashCount {
        /// The part, from 1.
        part: usize,
        /// Hashes that were signed.
        found: usize,
        /// Hashes to sign.
        required: usize,
    },
    /// The hashes in the seal are not those of the file.
    #[error("part {part} is not what was signed: the file has been changed")]
    Tampered {
        /// The first part whose hash differs, from 1.
        part: usize,
    },
    /// A signature's key is not enrolled.
    #[error("key {key} is not in the trust policy")]
    UnknownKey {
        /// The key.
        key: KeyId,
    },
    /// A signature does not verify.
    #[error("the signature of key {key} does not verify")]
    BadSignature {
        /// The key.
        key: KeyId,
    },
    /// A key signed what its role does not allow.
    #[error("key {key} has the role {found:?}, and signed as {wanted:?}")]
    WrongRole {
        /// The key.
        key: KeyId,
        /// Its role in the policy.
        found: Role,
        /// The role it takes.
        wanted: Role,
    },
    /// An approval is not of its form.
    #[error("the approval in part {part} is refused: {cause}")]
    ApprovalMalformed {
        /// The part, from 1.
        part: usize,
        /// What is wrong.
        cause: ApprovalError,
    },
    /// An approval names another key than the one that signed it.
    #[error("the approval in part {part} names key {named}, but key {signed} signed it")]
    ApprovalKey {
        /// The part, from 1.
        part: usize,
        /// The key the approval names.
        named: KeyId,
        /// The key that signed.
        signed: KeyId,
    },
    /// An approval is about another module.
    #[error("the approval in part {part} is about {named}, another module")]
    ApprovalDigest {
        /// The part, from 1.
        part: usize,
        /// The digest it names.
        named: Digest,
    },
    /// One approver signed twice.
    #[error("key {key} approved twice; each approver counts once")]
    ApprovedTwice {
        /// The key.
        key: KeyId,
    },
    /// Not enough approvers have signed.
    #[error("{found} of {required} approvals: the module waits for an approver's `countersign approve`")]
    NotApproved {
        /// Approvals in the file.
        found: usize,
        /// Approvals the policy demands.
        required: usize,
    },
    /// Gates were not passed, and not enough approvers set that aside.
    #[error(
        "{failed} of its gates not passed, and {found} of {required} approvals set that aside: approve it with `--override`, or \
         train a better one"
    )]
    GatesFailed {
        /// Gates not passed.
        failed: usize,
        /// Approvals that carry an override.
        found: usize,
        /// Overrides that it takes: as many as approvals.
        required: usize,
    },
    /// A key has expired.
    #[error("key {key} has expired")]
    KeyExpired {
        /// The key.
        key: KeyId,
    },
    /// An approval has expired.
    #[error("the approval in part {part} has expired")]
    ApprovalExpired {
        /// The part, from 1.
        part: usize,
    },
    /// A key has been revoked.
    #[error("key {key} has been revoked")]
    KeyRevoked {
        /// The key.
        key: KeyId,
    },
    /// The module has been revoked.
    #[error("the module has been revoked by its digest")]
    DigestRevoked,
    /// The card is none.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A key signed a module of a model that it may not sign.
    #[error("key {key} may not sign modules of `{model}`: the trust policy names other models for it")]
    ModelNotAllowed {
        /// The key.
        key: KeyId,
        /// The model.
        model: ModelName,
    },
    /// The card is about another component.
    #[error("the card is about another component than the file holds")]
    SubjectMismatch,
}

impl Refusal {
    /// Gives the reason's stable code, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Framing(SectionError::Preamble) => "not_a_component",
            Self::Framing(SectionError::Truncated { .. }) => "truncated",
            Self::Framing(SectionError::NotShortest { .. }) => "leb_not_shortest",
            Self::Framing(_) => "malformed",
            Self::Unsigned => "unsigned",
            Self::SignatureMisplaced { .. } => "signature_misplaced",
            Self::SignatureMalformed => "signature_malformed",
            Self::PartCount { .. } => "part_count",
            Self::AfterLastDelimiter { .. } => "after_last_delimiter",
            Self::Delimiter { .. } => "delimiter_malformed",
            Self::CardMisplaced => "card_misplaced",
            Self::ApprovalMisplaced { .. } => "approval_misplaced",
            Self::HashCount { .. } => "hash_count",
            Self::Tampered { .. } => "tampered",
            Self::UnknownKey { .. } => "unknown_key",
            Self::BadSignature { .. } => "bad_signature",
            Self::WrongRole { .. } => "wrong_role",
            Self::ApprovalMalformed { .. } => "approval_malformed",
            Self::ApprovalKey { .. } => "approval_key_mismatch",
            Self::ApprovalDigest { .. } => "approval_digest_mismatch",
            Self::ApprovedTwice { .. } => "approved_twice",
            Self::NotApproved { .. } => "not_approved",
            Self::GatesFailed { .. } => "gates_failed",
            Self::KeyExpired { .. } => "key_expired",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::DigestRevoked => "digest_revoked",
            Self::Card(_) => "card_malformed",
            Self::SubjectMismatch => "subject_mismatch",
            Self::ModelNotAllowed { .. } => "model_not_allowed",
        }
    }
}

/// Gives a text from a card or an approval as a person may see it: control and formatting characters escaped, bounded.
pub fn printable(text: &str) -> String {
    // Beside controls, the marks that reorder or hide text: a name must not pass for another.
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let shown = text.chars().take(TEXT_CHARS_MAX);
    shown.flat_map(|c| if hides(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_shown_cannot_move_the_cursor() {
        assert_eq!(super::printable("Ada\u{1b}[2J \u{202e}x\n"), "Ada\\u{1b}[2J \\u{202e}x\\u{a}");
        assert_eq!(super::printable("A\u{61c}d\u{ad}a\u{e0041}"), "A\\u{61c}d\\u{ad}a\\u{e0041}");
        assert_eq!(super::printable("Zoë 李"), "Zoë 李");
    }
}
