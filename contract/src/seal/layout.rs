//! The structure of a module file: parts, card, approvals and hashes, before anything is believed.

use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use super::signature::{self, HashSet};
use super::{APPROVAL_SECTION, APPROVALS_MAX, CARD_SECTION, DELIMITER_SECTION, MODULE_BYTES_MAX, SIGNATURE_SECTION};
use crate::approval::Approval;
use crate::card::ModelCard;
use crate::digest::Digest;
use crate::section::{COMPONENT_PREAMBLE, Section, sections};

/// A module file taken apart; its hashes are those of the file, whatever its signatures are worth.
pub(super) struct Layout<'a> {
    /// What the `signature` section says.
    pub(super) sets: Vec<HashSet>,
    /// The bytes after the `signature` section.
    pub(super) signed: &'a [u8],
    /// The digest of the bare component.
    pub(super) component: Digest,
    /// The card's payload.
    pub(super) card: &'a [u8],
    /// The approvals' payloads.
    pub(super) approvals: Vec<&'a [u8]>,
    /// The rolling hashes; the first is the module digest.
    pub(super) hashes: Vec<Digest>,
}

impl<'a> Layout<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, Refusal> {
        let bytes = file.len() as u64;
        if bytes > MODULE_BYTES_MAX {
            return Err(Refusal::TooLarge { bytes, bytes_max: MODULE_BYTES_MAX });
        }
        let all = sections(file)?;
        let (first, rest) = all.split_first().ok_or(Refusal::Unsigned)?;
        if let Some(stray) = rest.iter().find(|section| section.custom(SIGNATURE_SECTION).is_some()) {
            return Err(Refusal::SignatureMisplaced { offset: stray.offset });
        }
        let payload = first.custom(SIGNATURE_SECTION).ok_or(Refusal::Unsigned)?;
        let end = first.offset + first.raw.len();
        let sets = signature::decode(&file[..end], end - payload.len(), 1 + APPROVALS_MAX)?;
        let parts = parts(rest, sets.len())?;
        if sets.len() != parts.len() || parts.is_empty() {
            return Err(Refusal::PartCount { signatures: sets.len(), parts: parts.len() });
        }
        let (component, card) = first_part(parts[0])?;
        let later = parts.iter().enumerate().skip(1);
        let approvals = later.map(|(place, part)| approval(part, place + 1)).collect::<Result<Vec<_>, _>>()?;
        let hashes = rolling_hashes(&parts);
        for (place, set) in sets.iter().enumerate() {
            let (found, required) = (set.hashes.len(), place + 1);
            if found != required {
                return Err(Refusal::HashCount { part: place + 1, found, required });
            }
            if let Some(wrong) = set.hashes.iter().zip(&hashes).position(|(signed, found)| signed != found) {
                return Err(Refusal::Tampered { part: wrong + 1 });
            }
        }
        let signed = rest.first().map_or(&[][..], |section| &file[section.offset..]);
        Ok(Self { sets, signed, component, card, approvals, hashes })
    }
}

/// Splits sections after their delimiters.
fn parts<'s, 'a>(rest: &'s [Section<'a>], signatures: usize) -> Result<Vec<&'s [Section<'a>]>, Refusal> {
    let parts: Vec<_> = rest.split_inclusive(|section| section.custom(DELIMITER_SECTION).is_some()).collect();
    for (place, part) in parts.iter().enumerate() {
        let last = part.last().expect("a split part holds a section");
        match last.custom(DELIMITER_SECTION) {
            Some(payload) if payload.len() == 16 => {}
            Some(_) => return Err(Refusal::Delimiter { part: place + 1 }),
            None if place == 0 => return Err(Refusal::PartCount { signatures, parts: 0 }),
            None => return Err(Refusal::AfterLastDelimiter { offset: part[0].offset }),
        }
    }
    Ok(parts)
}

/// Gives the digest of a bare component of these sections.
pub(super) fn component_digest<'s, 'a: 's>(sections: impl Iterator<Item = &'s Section<'a>>) -> Digest {
    let mut hasher = Sha256::new_with_prefix(COMPONENT_PREAMBLE);
    sections.for_each(|section| hasher.update(section.raw));
    Digest::new(hasher.finalize().into())
}

/// Gives the digest of the bare component, and the card's payload.
fn first_part<'a>(part: &[Section<'a>]) -> Result<(Digest, &'a [u8]), Refusal> {
    let [component @ .., card, _delimiter] = part else { return Err(Refusal::CardMisplaced) };
    let ours = |section: &Section| [CARD_SECTION, APPROVAL_SECTION].iter().any(|name| section.custom(name).is_some());
    if component.iter().any(ours) {
        return Err(Refusal::CardMisplaced);
    }
    let payload = card.custom(CARD_SECTION).ok_or(Refusal::CardMisplaced)?;
    Ok((component_digest(component.iter()), payload))
}

fn approval<'a>(part: &[Section<'a>], number: usize) -> Result<&'a [u8], Refusal> {
    match part {
        [approval, _delimiter] => approval.custom(APPROVAL_SECTION),
        _ => None,
    }
    .ok_or(Refusal::ApprovalMisplaced { part: number })
}

/// Gives the rolling hashes, one for each part.
pub(super) fn rolling_hashes(parts: &[&[Section]]) -> Vec<Digest> {
    let mut hasher = Sha256::new();
    let roll = |part: &&[Section]| {
        part.iter().for_each(|section| hasher.update(section.raw));
        Digest::new(hasher.clone().finalize().into())
    };
    parts.iter().map(roll).collect()
}

/// What a module file says of itself. Nothing of it is to be believed before [`super::verify()`] has.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The card.
    pub card: ModelCard,
    /// The module digest.
    pub digest: Digest,
    /// The approvals, in the order they were added.
    pub approvals: Vec<Approval>,
    /// Who signed, the job first.
    pub signatures: Vec<HashSet>,
}

/// Reads what a module file says of itself, with its structure and hashes checked but no signature.
///
/// # Errors
/// [`Refusal`], for all that can be told without a trust policy.
pub fn inspect(file: &[u8]) -> Result<Inspected, Refusal> {
    let layout = Layout::read(file)?;
    let (card, subject) = ModelCard::from_bytes(layout.card)?;
    if subject != layout.component {
        return Err(Refusal::SubjectMismatch);
    }
    let numbered = layout.approvals.iter().enumerate();
    let read = |(place, payload): (usize, &&[u8])| {
        Approval::from_bytes(payload).map_err(|cause| Refusal::ApprovalMalformed { part: place + 2, cause })
    };
    let approvals = numbered.map(read).collect::<Result<_, _>>()?;
    Ok(Inspected { card, digest: layout.hashes[0], approvals, signatures: layout.sets })
}
