//! The payload of the `signature` section.
//!
//! | bytes | what |
//! | --- | --- |
//! | 01 01 01 | version, content type, hash function (SHA-256) |
//! | count | signed hash sets; then for each: |
//! | length | of the set, then: count of hashes, 32 bytes each, count of signatures; then for each: |
//! | length | of the signature, then: length 12 and key id, 01 (Ed25519), length 64 and signature |

use wasm_encoder::Encode as _;

use crate::digest::Digest;
use crate::ids::KeyId;
use crate::section::Reader;

const HEADER: [u8; 3] = [1, 1, 1];
const DOMAIN: &[u8] = b"wasmsig";
const ED25519: u8 = 1;

/// Hashes that were signed together, and the signature over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashSet {
    /// The rolling hashes, up to the last part the signer saw.
    pub hashes: Vec<Digest>,
    /// Who signed.
    pub key: KeyId,
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

/// Gives the message that is signed for a set of hashes.
pub(super) fn message(hashes: &[Digest]) -> Vec<u8> {
    let mut message = [DOMAIN, &HEADER].concat();
    for hash in hashes {
        message.extend_from_slice(hash.as_bytes());
    }
    message
}

/// Encodes the payload.
pub(super) fn encode(sets: &[HashSet]) -> Vec<u8> {
    let mut payload = HEADER.to_vec();
    sets.len().encode(&mut payload);
    for set in sets {
        let mut inner = Vec::new();
        set.hashes.len().encode(&mut inner);
        for hash in &set.hashes {
            inner.extend_from_slice(hash.as_bytes());
        }
        inner.push(1);
        let mut signature = Vec::new();
        set.key.as_bytes()[..].encode(&mut signature);
        signature.push(ED25519);
        set.signature[..].encode(&mut signature);
        signature[..].encode(&mut inner);
        inner[..].encode(&mut payload);
    }
    payload
}

/// Decodes a payload; none unless it is exactly of the form above, with one signature in each set.
pub(super) fn decode(payload: &[u8], sets_max: usize) -> Option<Vec<HashSet>> {
    let mut reader = Reader { bytes: payload, at: 0 };
    if reader.take(3)? != HEADER {
        return None;
    }
    let count = number(&mut reader)?;
    if count > sets_max {
        return None;
    }
    let sets = (0..count).map(|_| decode_set(sized(&mut reader)?, sets_max)).collect::<Option<Vec<_>>>()?;
    done(&reader).then_some(sets)
}

fn decode_set(bytes: &[u8], hashes_max: usize) -> Option<HashSet> {
    let mut reader = Reader { bytes, at: 0 };
    let count = number(&mut reader)?;
    if count > hashes_max {
        return None;
    }
    let hash = |reader: &mut Reader| Some(Digest::new(reader.take(32)?.try_into().ok()?));
    let hashes = (0..count).map(|_| hash(&mut reader)).collect::<Option<Vec<_>>>()?;
    if number(&mut reader)? != 1 {
        return None;
    }
    let mut inner = Reader { bytes: sized(&mut reader)?, at: 0 };
    let key = KeyId::new(sized(&mut inner)?.try_into().ok()?);
    let algorithm = inner.byte()?;
    let signature = sized(&mut inner)?.try_into().ok()?;
    (algorithm == ED25519 && done(&inner) && done(&reader)).then_some(HashSet { hashes, key, signature })
}

fn number(reader: &mut Reader) -> Option<usize> {
    reader.number().ok().flatten().map(|number| number as usize)
}

fn sized<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = number(reader)?;
    reader.take(length)
}

fn done(reader: &Reader) -> bool {
    reader.at == reader.bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Vec<HashSet> {
        let set = |hashes: u8, fill: u8| HashSet {
            hashes: (0..hashes).map(|n| Digest::of(&[n])).collect(),
            key: KeyId::new([fill; 12]),
            signature: [fill; 64],
        };
        vec![set(1, 1), set(2, 2)]
    }

    #[test]
    fn a_payload_round_trips_and_nothing_else_does() {
        let payload = encode(&sets());
        assert_eq!(decode(&payload, 17), Some(sets()));
        assert_eq!(decode(&payload, 1), None, "more sets than allowed");
        for end in 0..payload.len() {
            assert_eq!(decode(&payload[..end], 17), None, "cut at {end}");
        }
        assert_eq!(decode(&[&payload[..], &[0]].concat(), 17), None, "a byte too many");
    }

    #[test]
    fn a_changed_byte_never_decodes_to_the_same() {
        let payload = encode(&sets());
        for place in 0..payload.len() {
            let mut changed = payload.clone();
            changed[place] ^= 1;
            assert_ne!(decode(&changed, 17), Some(sets()), "byte {place}");
        }
    }
}
