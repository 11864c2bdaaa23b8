//! Deciding whether a module file may run, in a fixed order, each refusal with its own reason.

use super::layout::Layout;
use super::refusal::Refusal;
use super::signature::{self, HashSet};
use crate::approval::Approval;
use crate::card::ModelCard;
use crate::date::Date;
use crate::digest::Digest;
use crate::trust::{EnrolledKey, Role, TrustPolicy};

/// A module file that the trust policy lets run. Only [`verify`] makes one, and it holds the very bytes that were verified.
#[derive(Debug)]
pub struct Verified<'a> {
    file: &'a [u8],
    /// The card.
    pub card: ModelCard,
    /// The module digest.
    pub digest: Digest,
    /// The approvals, in the order they were added.
    pub approvals: Vec<Approval>,
}

impl<'a> Verified<'a> {
    /// Gives the bytes that were verified, which are the ones to compile.
    pub fn file(&self) -> &'a [u8] {
        self.file
    }
}

/// Decides whether a module file may run today.
///
/// # Errors
/// [`Refusal`]: the first demand the file does not meet, in the order of the module file's specification.
pub fn verify<'a>(file: &'a [u8], policy: &TrustPolicy, today: Date) -> Result<Verified<'a>, Refusal> {
    check(file, policy, today, policy.approvals_required)
}

/// Decides whether an approver may consider a module file: all that [`verify`] demands but the count of approvals and overrides.
///
/// # Errors
/// [`Refusal`], as [`verify`].
pub fn verify_candidate<'a>(file: &'a [u8], policy: &TrustPolicy, today: Date) -> Result<Candidate<'a>, Refusal> {
    check(file, policy, today, 0).map(Candidate)
}

/// A module file that approvers may consider, and that nothing here runs.
#[derive(Debug)]
pub struct Candidate<'a>(Verified<'a>);

impl Candidate<'_> {
    /// Gives the card.
    pub fn card(&self) -> &ModelCard {
        &self.0.card
    }

    /// Gives the module digest.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Gives the approvals so far, in the order they were added.
    pub fn approvals(&self) -> &[Approval] {
        &self.0.approvals
    }
}

fn check<'a>(
    file: &'a [u8],
    policy: &TrustPolicy,
    today: Date,
    approvals_required: usize,
) -> Result<Verified<'a>, Refusal> {
    let layout = Layout::read(file)?;
    let signers = layout.sets.iter().map(|set| signer(set, policy)).collect::<Result<Vec<_>, _>>()?;
    for (place, signer) in signers.iter().enumerate() {
        let wanted = if place == 0 { Role::Job } else { Role::Approver };
        if signer.role != wanted {
            return Err(Refusal::WrongRole { key: layout.sets[place].key, found: signer.role, wanted });
        }
    }
    let approvals = approvals(&layout)?;
    if approvals.len() < approvals_required {
        return Err(Refusal::NotApproved { found: approvals.len(), required: approvals_required });
    }
    if let Some(expired) = signers.iter().find(|key| key.expires.is_some_and(|last| last < today)) {
        return Err(Refusal::KeyExpired { key: expired.public_key.id() });
    }
    if let Some(place) = approvals.iter().position(|approval| approval.expires.is_some_and(|last| last < today)) {
        return Err(Refusal::ApprovalExpired { part: place + 2 });
    }
    if let Some(revoked) = signers.iter().find(|key| key.revoked) {
        return Err(Refusal::KeyRevoked { key: revoked.public_key.id() });
    }
    let digest = layout.hashes[0];
    if policy.revoked_digests.contains(&digest) {
        return Err(Refusal::DigestRevoked);
    }
    let (card, subject) = ModelCard::from_bytes(layout.card)?;
    if subject != layout.component {
        return Err(Refusal::SubjectMismatch);
    }
    if let Some(signer) = signers.iter().find(|key| !key.may_sign(&card.model)) {
        return Err(Refusal::ModelNotAllowed { key: signer.public_key.id(), model: card.model });
    }
    // Whoever counts as an approver has set the failed gates aside in her own signed words; nothing outside the seal can.
    let overrides = approvals.iter().filter(|approval| approval.gates_override.is_some()).count();
    let failed = card.failed_gates().count();
    if failed > 0 && overrides < approvals_required {
        return Err(Refusal::GatesFailed { failed, found: overrides, required: approvals_required });
    }
    Ok(Verified { file, card, digest, approvals })
}

fn signer<'p>(set: &HashSet, policy: &'p TrustPolicy) -> Result<&'p EnrolledKey, Refusal> {
    let enrolled = policy.key(set.key).ok_or(Refusal::UnknownKey { key: set.key })?;
    if enrolled.public_key.verifies(&signature::message(&set.hashes), &set.signature) {
        Ok(enrolled)
    } else {
        Err(Refusal::BadSignature { key: set.key })
    }
}

/// Reads the approvals, each about this module, each by the key that signed it, no key twice.
fn approvals(layout: &Layout) -> Result<Vec<Approval>, Refusal> {
    let mut approvals: Vec<Approval> = Vec::new();
    for (payload, (place, set)) in layout.approvals.iter().zip(layout.sets.iter().enumerate().skip(1)) {
        let part = place + 1;
        let approval = Approval::from_bytes(payload).map_err(|cause| Refusal::ApprovalMalformed { part, cause })?;
        if approval.key != set.key {
            return Err(Refusal::ApprovalKey { part, named: approval.key, signed: set.key });
        }
        if approval.digest != layout.hashes[0] {
            return Err(Refusal::ApprovalDigest { part, named: approval.digest });
        }
        if approvals.iter().any(|earlier| earlier.key == approval.key) {
            return Err(Refusal::ApprovedTwice { key: approval.key });
        }
        approvals.push(approval);
    }
    Ok(approvals)
}
