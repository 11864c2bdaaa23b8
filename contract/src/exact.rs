//! Floats that must survive every reader bit for bit: golden rows, scores and thresholds in a card.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A float written as the 16 hexadecimal digits of its IEEE 754 bits; equal only where the bits are.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExactF64(f64);

/// A text is not 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an exact float is the 16 lower-case hexadecimal digits of its bits")]
pub struct ExactError;

impl ExactF64 {
    /// Takes a float.
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// Gives the float.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for ExactF64 {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for ExactF64 {}

impl TryFrom<String> for ExactF64 {
    type Error = ExactError;
    fn try_from(text: String) -> Result<Self, ExactError> {
        let spelled = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(&text, 16) {
            Ok(bits) if spelled => Ok(Self(f64::from_bits(bits))),
            _ => Err(ExactError),
        }
    }
}

impl From<ExactF64> for String {
    fn from(value: ExactF64) -> String {
        format!("{:016x}", value.0.to_bits())
    }
}

impl fmt::Debug for ExactF64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_survives() {
        for value in [0.0, -0.0, 0.1, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::from_bits(1)] {
            let text = String::from(ExactF64::new(value));
            assert_eq!(ExactF64::try_from(text), Ok(ExactF64::new(value)));
        }
        assert_ne!(ExactF64::new(0.0), ExactF64::new(-0.0));
        for bad in ["", "0", "+000000000000000", "00000000000000000", "3FF0000000000000"] {
            assert_eq!(ExactF64::try_from(bad.to_owned()), Err(ExactError), "{bad:?}");
        }
    }
}
