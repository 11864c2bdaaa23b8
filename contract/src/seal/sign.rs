//! Making and countersigning a module file.

use sha2::{Digest as _, Sha256};

use super::layout::Layout;
use super::refusal::Refusal;
use super::signature::{self, HashSet};
use super::{APPROVAL_SECTION, APPROVALS_MAX, CARD_SECTION, DELIMITER_SECTION, SIGNATURE_SECTION};
use crate::approval::{Approval, ApprovalError};
use crate::card::ModelCard;
use crate::digest::Digest;
use crate::ids::KeyId;
use crate::key::PrivateKey;
use crate::section::{COMPONENT_PREAMBLE, SectionError, custom_section, sections};

/// Why a file was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The component is none.
    #[error("this is no bare component: {0}")]
    Component(#[from] SectionError),
    /// The component already carries a section of the seal's.
    #[error("the component already carries a section `{0}`: seal the bare component")]
    Sealed(&'static str),
    /// The candidate is no module file of ours.
    #[error("this is no candidate: {0}")]
    Candidate(#[from] Refusal),
    /// The approval cannot be written.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The approval is about another module.
    #[error("the approval names {named}, the candidate is {found}")]
    Digest {
        /// The digest the approval names.
        named: Digest,
        /// The candidate's.
        found: Digest,
    },
    /// The approval names another key than the one that is to sign it.
    #[error("the approval names key {named}, but key {signer} is to sign it")]
    Key {
        /// The key the approval names.
        named: KeyId,
        /// The key that was to sign.
        signer: KeyId,
    },
    /// The module has no room for another approval.
    #[error("the module carries {APPROVALS_MAX} approvals already, the most there can be")]
    Full,
    /// The key has signed this module.
    #[error("this key has signed the module already; each approver counts once")]
    Again,
}

/// Makes a candidate: the bare component, its card, and the job's signature over both.
///
/// # Errors
/// [`SealError`] where the bytes are no bare component, or the card contradicts itself.
pub fn seal_candidate(component: &[u8], card: &ModelCard, key: &PrivateKey) -> Result<Vec<u8>, SealError> {
    for section in sections(component)? {
        let ours = [SIGNATURE_SECTION, DELIMITER_SECTION, CARD_SECTION, APPROVAL_SECTION];
        if let Some(name) = ours.into_iter().find(|name| section.custom(name).is_some()) {
            return Err(SealError::Sealed(name));
        }
    }
    let card = card.to_bytes(Digest::of(component));
    ModelCard::from_bytes(&card).map_err(Refusal::from)?;
    let mut part = component[COMPONENT_PREAMBLE.len()..].to_vec();
    part.extend(custom_section(CARD_SECTION, &card));
    delimit(&mut part, 0);
    let hashes = vec![Digest::of(&part)];
    let set = sign(hashes, key);
    Ok(assemble(&[set], &part)?)
}

/// Countersigns: appends an approval as a part of its own and signs all parts with it.
///
/// # Errors
/// [`SealError`] where the file is no candidate, or the approval is not about it.
pub fn approve(module: &[u8], approval: &Approval, key: &PrivateKey) -> Result<Vec<u8>, SealError> {
    let layout = Layout::read(module)?;
    if approval.digest != layout.hashes[0] {
        return Err(SealError::Digest { named: approval.digest, found: layout.hashes[0] });
    }
    let signer = key.public().id();
    if approval.key != signer {
        return Err(SealError::Key { named: approval.key, signer });
    }
    if layout.approvals.len() == APPROVALS_MAX {
        return Err(SealError::Full);
    }
    if layout.sets.iter().any(|set| set.key == signer) {
        return Err(SealError::Again);
    }
    let mut signed = layout.signed.to_vec();
    let part = signed.len();
    signed.extend(custom_section(APPROVAL_SECTION, &approval.to_bytes()?));
    delimit(&mut signed, part);
    let mut hashes = layout.hashes;
    hashes.push(Digest::of(&signed));
    let mut sets = layout.sets;
    sets.push(sign(hashes, key));
    Ok(assemble(&sets, &signed)?)
}

/// Ends the part that starts at `start`. The delimiter's bytes follow from the part's, so that the same inputs give the
/// same file.
fn delimit(signed: &mut Vec<u8>, start: usize) {
    let digest = Sha256::new_with_prefix(b"countersign-delimiter").chain_update(&signed[start..]).finalize();
    signed.extend(custom_section(DELIMITER_SECTION, &digest[..16]));
}

fn sign(hashes: Vec<Digest>, key: &PrivateKey) -> HashSet {
    let signature = key.sign(&signature::message(&hashes));
    HashSet { hashes, key: key.public().id(), signature }
}

/// Puts the file together, and reads it as a host will: what a host would refuse for its size or form is not handed out.
fn assemble(sets: &[HashSet], signed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let signature = custom_section(SIGNATURE_SECTION, &signature::encode(sets));
    let file = [&COMPONENT_PREAMBLE[..], &signature, signed].concat();
    Layout::read(&file)?;
    Ok(file)
}
