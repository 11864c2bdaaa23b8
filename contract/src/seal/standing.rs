//! Who vouches for a module, and whether that is enough under a policy.

use super::refusal::Refusal;
use crate::approval::Approval;
use crate::date::Date;
use crate::digest::Digest;
use crate::ids::{KeyId, ModelName};
use crate::trust::{EnrolledKey, Role, TrustPolicy};

/// Who vouches for a verified module: enough to judge it again when the policy changes, without its file.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The module digest.
    pub digest: Digest,
    /// The keys that signed, the job's first.
    pub signers: Vec<KeyId>,
    /// The approvals, in the order they were added.
    pub approvals: Vec<Approval>,
    /// The model, once the card has been read.
    pub(super) model: Option<ModelName>,
    /// How many of its gates were not passed.
    pub(super) failed_gates: usize,
}

impl Standing {
    /// Begins with whose signatures are right.
    pub(super) fn new(digest: Digest, signers: Vec<KeyId>) -> Self {
        Self { digest, signers, approvals: Vec::new(), model: None, failed_gates: 0 }
    }

    /// Decides whether a module that has been admitted may still run under a policy, which may be another than then. What
    /// has merely expired since does not count: time alone takes down nothing that serves.
    ///
    /// # Errors
    /// [`Refusal`]: the first demand of the policy that is not met.
    pub fn holds(&self, policy: &TrustPolicy) -> Result<(), Refusal> {
        self.roles(policy)?;
        self.counts(policy, policy.approvals_required, None)?;
        self.models(policy)?;
        self.gates(policy.approvals_required)
    }

    /// Gives the last day on which all its keys and approvals count, where there is one.
    pub fn expires(&self, policy: &TrustPolicy) -> Option<Date> {
        let keys = self.signers.iter().filter_map(|&signer| policy.key(signer)?.expires);
        keys.chain(self.approvals.iter().filter_map(|approval| approval.expires)).min()
    }

    /// The first key must be a job's, all others approvers'.
    pub(super) fn roles(&self, policy: &TrustPolicy) -> Result<(), Refusal> {
        for (place, &signer) in self.signers.iter().enumerate() {
            let found = enrolled(policy, signer)?.role;
            let wanted = if place == 0 { Role::Job } else { Role::Approver };
            if found != wanted {
                return Err(Refusal::WrongRole { key: signer, found, wanted });
            }
        }
        Ok(())
    }

    /// There must be enough approvals, and nothing expired by `today` or revoked.
    pub(super) fn counts(
        &self,
        policy: &TrustPolicy,
        approvals_required: usize,
        today: Option<Date>,
    ) -> Result<(), Refusal> {
        if self.approvals.len() < approvals_required {
            return Err(Refusal::NotApproved { found: self.approvals.len(), required: approvals_required });
        }
        let past = |last: Option<Date>| last.zip(today).is_some_and(|(last, today)| last < today);
        for &key in &self.signers {
            if past(enrolled(policy, key)?.expires) {
                return Err(Refusal::KeyExpired { key });
            }
        }
        if let Some(place) = self.approvals.iter().position(|approval| past(approval.expires)) {
            return Err(Refusal::ApprovalExpired { part: place + 2 });
        }
        for &key in &self.signers {
            if enrolled(policy, key)?.revoked {
                return Err(Refusal::KeyRevoked { key });
            }
        }
        if policy.revoked_digests.contains(&self.digest) { Err(Refusal::DigestRevoked) } else { Ok(()) }
    }

    /// Every key must be enrolled for the model.
    pub(super) fn models(&self, policy: &TrustPolicy) -> Result<(), Refusal> {
        let Some(model) = &self.model else { return Ok(()) };
        for &key in &self.signers {
            if !enrolled(policy, key)?.may_sign(model) {
                return Err(Refusal::ModelNotAllowed { key, model: model.clone() });
            }
        }
        Ok(())
    }

    /// Whoever counts as an approver has set the failed gates aside in her own signed words; nothing outside the seal can.
    pub(super) fn gates(&self, approvals_required: usize) -> Result<(), Refusal> {
        let overrides = self.approvals.iter().filter(|approval| approval.gates_override.is_some()).count();
        let failed = self.failed_gates;
        if failed > 0 && overrides < approvals_required {
            return Err(Refusal::GatesFailed { failed, found: overrides, required: approvals_required });
        }
        Ok(())
    }
}

fn enrolled(policy: &TrustPolicy, key: KeyId) -> Result<&EnrolledKey, Refusal> {
    policy.key(key).ok_or(Refusal::UnknownKey { key })
}
