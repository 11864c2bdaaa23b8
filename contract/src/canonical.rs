//! JSON in one canonical form (sorted keys, no spaces), so that a digest of a value has one meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why bytes are no canonical JSON of the wanted shape.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The bytes are no JSON, or not of this shape.
    #[error("not JSON of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The bytes are JSON, but another spelling of it: keys unsorted or doubled, spaces, other escapes or numbers.
    #[error("the JSON is not in canonical form (sorted keys, each once, no spaces)")]
    Spelling,
}

/// Writes a value in canonical form.
///
/// # Errors
/// When the value holds a map whose keys are no strings, or a type that refuses to be written.
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(value)?;
    // Sorted here and not left to the map type: a `preserve_order` feature switched on anywhere in a build would undo it.
    value.sort_all_objects();
    serde_json::to_vec(&value)
}

/// Reads a value, and demands that its bytes are the canonical ones.
///
/// # Errors
/// [`CanonicalError`], which says whether the shape or only the spelling is wrong.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: Value = serde_json::from_slice(bytes)?;
    // Reading a map drops a doubled key, so writing it again also shows those.
    if to_vec(&value)? != bytes {
        return Err(CanonicalError::Spelling);
    }
    Ok(serde_json::from_value(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let check = |text: &str, fine: bool| {
            assert_eq!(from_slice::<Value>(text.as_bytes()).is_ok(), fine, "{text}");
        };
        check(r#"{"a":1,"b":[0.1,null,"x"]}"#, true);
        check(r#"{"b":1,"a":2}"#, false);
        check(r#"{"a":1,"a":2}"#, false);
        check(r#"{"a": 1}"#, false);
        check(r#"{"a":1.00}"#, false);
        check(r#"{"a":1}x"#, false);
        check(r#"["\u0061"]"#, false);
    }

    #[test]
    fn floats_keep_every_bit() {
        for value in [0.1 + 0.2, 128.906_371_169_314_64, f64::MIN_POSITIVE, 5e-324] {
            let bytes = to_vec(&value).expect("a float is JSON");
            let back: f64 = from_slice(&bytes).expect("and reads back");
            assert_eq!(back.to_bits(), value.to_bits());
        }
    }
}
