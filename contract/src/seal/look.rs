//! What can be read of a file whose seal may not hold: for whoever asks what is wrong with it. Nothing of it is to be believed.

use super::layout::{component_digest, inspect, rolling_hashes};
use super::refusal::Refusal;
use super::signature::{self, HashSet};
use super::{APPROVAL_SECTION, APPROVALS_MAX, CARD_SECTION, DELIMITER_SECTION, SIGNATURE_SECTION};
use crate::digest::Digest;
use crate::section::{Section, SectionError, readable_sections};

/// A component file as far as it can be read, whatever its seal is worth.
#[derive(Debug)]
pub struct Look<'a> {
    /// The sections, up to the first that cannot be read.
    pub sections: Vec<Section<'a>>,
    /// The payloads of all cards.
    pub cards: Vec<&'a [u8]>,
    /// The payloads of all approvals.
    pub approvals: Vec<&'a [u8]>,
    /// The signed hash sets of the first `signature` section that can be read.
    pub signatures: Vec<HashSet>,
    /// The rolling hashes of the parts as they stand in the file; the first is the module digest.
    pub hashes: Vec<Digest>,
    /// The digest of the component without any section of ours.
    pub component: Digest,
    /// What the structure is refused for, where it is.
    pub refusal: Option<Refusal>,
}

impl<'a> Look<'a> {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`SectionError::Preamble`] where the file is no component at all.
    pub fn at(file: &'a [u8]) -> Result<Self, SectionError> {
        let (sections, error) = readable_sections(file);
        if error == Some(SectionError::Preamble) {
            return Err(SectionError::Preamble);
        }
        let payloads = |name| sections.iter().filter_map(|section| section.custom(name)).collect::<Vec<_>>();
        let decoded = sections.iter().find_map(|section| {
            let end = section.offset + section.raw.len();
            let start = end - section.custom(SIGNATURE_SECTION)?.len();
            signature::decode(&file[..end], start, 1 + APPROVALS_MAX).ok()
        });
        let signed = match sections.split_first() {
            Some((first, rest)) if first.custom(SIGNATURE_SECTION).is_some() => rest,
            _ => &sections[..],
        };
        let ends = |section: &Section| section.custom(DELIMITER_SECTION).is_some();
        // A last part without its delimiter has no hash yet.
        let parts: Vec<_> = signed.split_inclusive(ends).filter(|part| part.last().is_some_and(ends)).collect();
        let ours = [SIGNATURE_SECTION, CARD_SECTION, APPROVAL_SECTION, DELIMITER_SECTION];
        let component = sections.iter().filter(|section| section.name().is_none_or(|name| !ours.contains(&name)));
        Ok(Self {
            cards: payloads(CARD_SECTION),
            approvals: payloads(APPROVAL_SECTION),
            signatures: decoded.unwrap_or_default(),
            hashes: rolling_hashes(&parts),
            component: component_digest(component),
            refusal: inspect(file).err(),
            sections,
        })
    }

    /// Tells whether all hashes that a signer signed are those of the file.
    pub fn hashes_hold(&self, set: &HashSet) -> bool {
        self.hashes.get(..set.hashes.len()) == Some(&set.hashes[..])
    }
}
