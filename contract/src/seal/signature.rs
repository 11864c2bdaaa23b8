//! The payload of the `signature` section.
//!
//! | bytes | what |
//! | --- | --- |
//! | 01 01 01 | version, content type, hash function (SHA-256) |
//! | count | signed hash sets; then for each: |
//! | length | of the set, then: count of hashes, 32 bytes each, count of signatures; then for each: |
//! | length | of the signature, then: length 12 and key id, 01 (Ed25519), length 64 and signature |

use wasm_encoder::Encode as _;

use super::refusal::Refusal;
use crate::digest::Digest;
use crate::ids::KeyId;
use crate::section::{Reader, SectionError};

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

/// Decodes the payload that ends a stretch of a file and starts at `start`.
///
/// # Errors
/// [`Refusal`] unless it is exactly of the form above, with one signature in each set and every number in its shortest form.
pub(super) fn decode(bytes: &[u8], start: usize, sets_max: usize) -> Result<Vec<HashSet>, Refusal> {
    let mut reader = Reader { bytes, at: start };
    if take(&mut reader, 3)? != HEADER {
        return Err(Refusal::SignatureMalformed);
    }
    let count = count(&mut reader, sets_max)?;
    let sets = (0..count).map(|_| decode_set(sized(&mut reader)?, sets_max)).collect::<Result<Vec<_>, _>>()?;
    done(&reader)?;
    Ok(sets)
}

fn decode_set(mut reader: Reader, hashes_max: usize) -> Result<HashSet, Refusal> {
    let count = count(&mut reader, hashes_max)?;
    let hashes = (0..count).map(|_| fixed(&mut reader).map(Digest::new)).collect::<Result<Vec<_>, _>>()?;
    if number(&mut reader)? != 1 {
        return Err(Refusal::SignatureMalformed);
    }
    let mut inner = sized(&mut reader)?;
    let key = KeyId::new(whole(sized(&mut inner)?)?);
    if fixed(&mut inner)? != [ED25519] {
        return Err(Refusal::SignatureMalformed);
    }
    let signature = whole(sized(&mut inner)?)?;
    done(&inner)?;
    done(&reader)?;
    Ok(HashSet { hashes, key, signature })
}

fn number(reader: &mut Reader) -> Result<usize, Refusal> {
    match reader.number() {
        Ok(Some(number)) => Ok(number as usize),
        // Told apart, since here alone another spelling would leave every hash as it is.
        Err(long @ SectionError::NotShortest { .. }) => Err(long.into()),
        _ => Err(Refusal::SignatureMalformed),
    }
}

/// Reads how many there are, before anything is kept for them.
fn count(reader: &mut Reader, most: usize) -> Result<usize, Refusal> {
    number(reader).and_then(|count| if count > most { Err(Refusal::SignatureMalformed) } else { Ok(count) })
}

fn take<'a>(reader: &mut Reader<'a>, length: usize) -> Result<&'a [u8], Refusal> {
    reader.take(length).ok_or(Refusal::SignatureMalformed)
}

fn fixed<const N: usize>(reader: &mut Reader) -> Result<[u8; N], Refusal> {
    take(reader, N)?.try_into().map_err(|_| Refusal::SignatureMalformed)
}

/// Gives a reader of the bytes whose length stands next; its places are those of the file.
fn sized<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Refusal> {
    let length = number(reader)?;
    let at = reader.at;
    take(reader, length)?;
    Ok(Reader { bytes: &reader.bytes[..reader.at], at })
}

fn whole<const N: usize>(mut reader: Reader) -> Result<[u8; N], Refusal> {
    let bytes = fixed(&mut reader)?;
    done(&reader)?;
    Ok(bytes)
}

fn done(reader: &Reader) -> Result<(), Refusal> {
    if reader.at == reader.bytes.len() { Ok(()) } else { Err(Refusal::SignatureMalformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(payload: &[u8], sets_max: usize) -> Option<Vec<HashSet>> {
        decode(payload, 0, sets_max).ok()
    }

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
        assert_eq!(decoded(&payload, 17), Some(sets()));
        assert_eq!(decoded(&payload, 1), None, "more sets than allowed");
        for end in 0..payload.len() {
            assert_eq!(decoded(&payload[..end], 17), None, "cut at {end}");
        }
        assert_eq!(decoded(&[&payload[..], &[0]].concat(), 17), None, "a byte too many");
    }

    #[test]
    fn a_changed_byte_never_decodes_to_the_same() {
        let payload = encode(&sets());
        for place in 0..payload.len() {
            let mut changed = payload.clone();
            changed[place] ^= 1;
            assert_ne!(decoded(&changed, 17), Some(sets()), "byte {place}");
        }
    }

    #[test]
    fn a_longer_spelling_is_told_with_its_place() {
        let payload = encode(&sets());
        let at = 3;
        let longer = [&payload[..at], &[payload[at] | 0x80, 0], &payload[at + 1..]].concat();
        let refused = decode(&longer, 0, 17).map_err(|refusal| (refusal.code(), refusal.to_string()));
        assert_eq!(refused, Err(("leb_not_shortest", "the number at byte 3 is not in its shortest form".to_owned())));
    }
}
