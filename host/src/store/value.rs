//! How a record is written in the store.
//!
//! The key is the entity's id as 8 bytes, big endian, so that sled's order is the ids' order. The value, little endian
//! and with fixed widths, as bincode writes it:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | format, 1 |
//! | 4 | event time, in days since 1970-01-01 |
//! | 4 | as-of, likewise |
//! | 32 | digest of the feature view |
//! | 8 | count of values |
//! | 8 each | the values in the view's order, NaN where missing |
//! | 4 | CRC-32 (IEEE) of the key and of all the bytes above |
//!
//! The checksum covers the key, so that a value that turns up under another user is noticed too.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::FEATURES_MAX;

const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// The most bytes a value may have, the checksum left out; it keeps a damaged count from asking for memory.
const BYTES_MAX: usize = 49 + 8 * FEATURES_MAX;

const LAYOUT: Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>> =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<BYTES_MAX>();

/// The fields before the checksum.
type Fields = (u8, i32, i32, [u8; 32], Vec<f64>);

/// Why stored bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// The bytes end before the checksum does.
    #[error("it has only {0} bytes")]
    Short(usize),
    /// The bytes are not those that were written for this user.
    #[error("its checksum does not match")]
    Checksum,
    /// The bytes were written by a version this one does not know.
    #[error("its format {0} is not known to this version")]
    Format(u8),
    /// The bytes are whole, and yet no record.
    #[error("its fields are no record")]
    Fields,
}

/// Gives the key of an entity.
pub fn key(entity: EntityId) -> [u8; 8] {
    entity.get().to_be_bytes()
}

/// Writes a record's value.
pub fn encode(record: &FeatureRecord) -> Vec<u8> {
    let FeatureRecord { event_time, as_of, view, values, .. } = record;
    let fields = (FORMAT, event_time.days(), as_of.days(), view.as_bytes(), values);
    let mut bytes = bincode::encode_to_vec(fields, LAYOUT).expect("a record is plain data");
    bytes.extend(checksum(record.entity, &bytes).to_le_bytes());
    bytes
}

/// Reads the value that stands under an entity's key.
pub fn decode(entity: EntityId, bytes: &[u8]) -> Result<FeatureRecord, ValueFault> {
    let (fields, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(ValueFault::Short(bytes.len()))?;
    if checksum(entity, fields) != u32::from_le_bytes(*sum) {
        return Err(ValueFault::Checksum);
    }
    match fields.first() {
        Some(&FORMAT) => {}
        Some(&format) => return Err(ValueFault::Format(format)),
        None => return Err(ValueFault::Short(bytes.len())),
    }
    let ((_, event_days, as_of_days, view, values), read): (Fields, usize) =
        bincode::decode_from_slice(fields, LAYOUT).map_err(|_| ValueFault::Fields)?;
    match (Date::from_days(event_days), Date::from_days(as_of_days)) {
        (Some(event_time), Some(as_of)) if read == fields.len() => {
            Ok(FeatureRecord { entity, event_time, as_of, view: Digest::new(view), values })
        }
        _ => Err(ValueFault::Fields),
    }
}

fn checksum(entity: EntityId, fields: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key(entity));
    hasher.update(fields);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> FeatureRecord {
        FeatureRecord {
            entity: "5008804".parse().expect("an id"),
            event_time: "2020-12-30".parse().expect("a day"),
            as_of: "2021-12-27".parse().expect("a day"),
            view: Digest::of(b"a view"),
            values: vec![15.0, 128.906_371_169_314_64, f64::NAN, -0.0],
        }
    }

    #[test]
    fn the_layout_is_the_table() {
        let bytes = encode(&record());
        assert_eq!(bytes.len(), 1 + 4 + 4 + 32 + 8 + 8 * 4 + 4);
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[1..5], 18_626_i32.to_le_bytes());
        assert_eq!(bytes[9..41], *Digest::of(b"a view").as_bytes());
        assert_eq!(bytes[41..49], 4_u64.to_le_bytes());
        assert_eq!(bytes[57..65], 128.906_371_169_314_64_f64.to_le_bytes());
    }

    #[test]
    fn every_bit_comes_back() {
        let back = decode(record().entity, &encode(&record())).expect("our own bytes");
        let bits = |record: &FeatureRecord| record.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&record()));
        assert_eq!((back.event_time, back.as_of, back.view), (record().event_time, record().as_of, record().view));
    }

    #[test]
    fn the_widest_row_fits_the_bound() {
        let widest = FeatureRecord { values: vec![0.5; FEATURES_MAX], ..record() };
        assert_eq!(decode(widest.entity, &encode(&widest)), Ok(widest));
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let bytes = encode(&record());
        for place in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[place / 8] ^= 1 << (place % 8);
            assert!(decode(record().entity, &changed).is_err(), "bit {place}");
        }
        for length in 0..bytes.len() {
            assert!(decode(record().entity, &bytes[..length]).is_err(), "{length} bytes");
        }
        let other = "5008805".parse().expect("an id");
        assert_eq!(decode(other, &bytes), Err(ValueFault::Checksum));
    }

    #[test]
    fn another_format_and_a_false_count_are_refused() {
        let check = |place: usize, byte: u8, fault: ValueFault| {
            let mut fields = encode(&record());
            fields.truncate(fields.len() - CHECKSUM_BYTES);
            fields[place] = byte;
            fields.extend(checksum(record().entity, &fields).to_le_bytes());
            assert_eq!(decode(record().entity, &fields), Err(fault), "byte {place}");
        };
        check(0, 2, ValueFault::Format(2));
        check(41, 3, ValueFault::Fields);
        check(41, 5, ValueFault::Fields);
        check(48, 0x7f, ValueFault::Fields);
        check(4, 0x7f, ValueFault::Fields);
    }
}
