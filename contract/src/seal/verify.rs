//! Deciding whether a module file may run, in a fixed order, each refusal with its own reason.

use std::borrow::Cow;

use super::layout::Layout;
use super::refusal::Refusal;
use super::signature::{self, HashSet};
use super::standing::Standing;
use crate::approval::Approval;
use crate::card::ModelCard;
use crate::date::Date;
use crate::digest::Digest;
use crate::trust::TrustPolicy;

/// A module file that the trust policy lets run. Only [`verify`] makes one, and it holds the very bytes that were verified.
#[derive(Debug)]
pub struct Verified<'a> {
    file: Cow<'a, [u8]>,
    /// The card.
    pub card: ModelCard,
    /// Who vouches for it.
    pub standing: Standing,
}

impl Verified<'_> {
    /// Gives the bytes that were verified, which are the ones to compile.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// Gives the module digest.
    pub fn digest(&self) -> Digest {
        self.standing.digest
    }

    /// Gives the approvals, in the order they were added.
    pub fn approvals(&self) -> &[Approval] {
        &self.standing.approvals
    }
}

/// Decides whether a module file may run today. Bytes that are given away are kept; bytes that are lent are borrowed.
///
/// # Errors
/// [`Refusal`]: the first demand the file does not meet, in the order of the module file's specification.
pub fn verify<'a>(file: impl Into<Cow<'a, [u8]>>, policy: &TrustPolicy, today: Date) -> Result<Verified<'a>, Refusal> {
    check(file.into(), policy, today, policy.approvals_required)
}

/// Decides whether an approver may consider a module file: all that [`verify`] demands but the count of approvals and overrides.
///
/// # Errors
/// [`Refusal`], as [`verify`].
pub fn verify_candidate<'a>(file: &'a [u8], policy: &TrustPolicy, today: Date) -> Result<Candidate<'a>, Refusal> {
    check(file.into(), policy, today, 0).map(Candidate)
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
        self.0.digest()
    }

    /// Gives the approvals so far, in the order they were added.
    pub fn approvals(&self) -> &[Approval] {
        self.0.approvals()
    }
}

fn check<'a>(
    file: Cow<'a, [u8]>,
    policy: &TrustPolicy,
    today: Date,
    approvals_required: usize,
) -> Result<Verified<'a>, Refusal> {
    let layout = Layout::read(&file)?;
    layout.sets.iter().try_for_each(|set| authentic(set, policy))?;
    let mut standing = Standing::new(layout.hashes[0], layout.sets.iter().map(|set| set.key).collect());
    standing.roles(policy)?;
    standing.approvals = approvals(&layout)?;
    standing.counts(policy, approvals_required, Some(today))?;
    let (card, subject) = ModelCard::from_bytes(layout.card)?;
    if subject != layout.component {
        return Err(Refusal::SubjectMismatch);
    }
    standing.model = Some(card.model.clone());
    standing.models(policy)?;
    standing.failed_gates = card.failed_gates().count();
    standing.gates(approvals_required)?;
    Ok(Verified { file, card, standing })
}

/// Every signature must be by an enrolled key and be right, whatever else the file says.
fn authentic(set: &HashSet, policy: &TrustPolicy) -> Result<(), Refusal> {
    let enrolled = policy.key(set.key).ok_or(Refusal::UnknownKey { key: set.key })?;
    let right = enrolled.public_key.verifies(&signature::message(&set.hashes), &set.signature);
    if right { Ok(()) } else { Err(Refusal::BadSignature { key: set.key }) }
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
