//! Names and numbers that cross a boundary, each parsed once at the edge and trusted from there on.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The most characters a model's or a feature's name may have; it ends up in file names and metric labels.
pub const NAME_CHARS_MAX: usize = 64;

/// Why a text is no name, version or id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A name is empty or longer than [`NAME_CHARS_MAX`].
    #[error("a name has 1 to {NAME_CHARS_MAX} characters, this one has {0}")]
    Length(usize),
    /// A name holds a character outside its alphabet.
    #[error("`{0}` is no name: use lower-case letters, digits and `{1}`, and start with a letter")]
    Alphabet(String, char),
    /// A version is not a counter from 1.
    #[error("`{0}` is no version: use a whole number from 1")]
    Version(String),
    /// A user id is not a whole number.
    #[error("`{0}` is no user id: use a whole number from 0 to 9223372036854775807, without sign or leading zero")]
    Entity(String),
    /// A key id is not 24 hexadecimal digits.
    #[error("`{0}` is no key id: use the 24 hexadecimal digits that keygen prints")]
    Key(String),
}

fn check_name(text: &str, joiner: char) -> Result<(), IdError> {
    if text.is_empty() || text.len() > NAME_CHARS_MAX {
        return Err(IdError::Length(text.chars().count()));
    }
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    if starts && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joiner) {
        Ok(())
    } else {
        Err(IdError::Alphabet(text.escape_default().to_string(), joiner))
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $joiner:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Gives the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check_name(text, $joiner)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a model, such as `credit-risk`: lower-case letters, digits and hyphens, from a letter on.
    ModelName,
    '-'
);
name_type!(
    /// The name of a feature, such as `nb_previous_loans`: lower-case letters, digits and underscores, from a letter on.
    FeatureName,
    '_'
);
name_type!(
    /// The name of a column of the loan file, such as `loan_amount`; it is spelled as a feature's name is.
    ColumnName,
    '_'
);

/// A whole number as data has it. JSON knows no whole numbers: some clients write `8.0`, which is 8, and which says so exactly up
/// to 2^53.
struct Whole(u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Visit)
    }
}

struct Visit;

impl Visitor<'_> for Visit {
    type Value = Whole;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
        Ok(Whole(number))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Whole, E> {
        u64::try_from(number).map(Whole).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
        let whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        if whole { Ok(Whole(number as u64)) } else { Err(E::invalid_value(de::Unexpected::Float(number), &self)) }
    }
}

/// The version of a model: a counter from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Whole", into = "u64")]
pub struct ModelVersion(u64);

impl ModelVersion {
    /// The version every model starts with.
    pub const FIRST: Self = Self(1);

    /// Gives the counter.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Gives the version after this one; none after the last that exactly fits a JSON number.
    pub fn next(self) -> Option<Self> {
        Self::try_from(self.0 + 1).ok()
    }
}

impl TryFrom<Whole> for ModelVersion {
    type Error = IdError;
    fn try_from(number: Whole) -> Result<Self, IdError> {
        Self::try_from(number.0)
    }
}

impl TryFrom<u64> for ModelVersion {
    type Error = IdError;
    fn try_from(counter: u64) -> Result<Self, IdError> {
        // Past 2^53 a JSON reader in another language would round it.
        if (1..=1 << 53).contains(&counter) { Ok(Self(counter)) } else { Err(IdError::Version(counter.to_string())) }
    }
}

impl From<ModelVersion> for u64 {
    fn from(version: ModelVersion) -> u64 {
        version.0
    }
}

impl FromStr for ModelVersion {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        decimal(text)
            .and_then(|counter| Self::try_from(counter).ok())
            .ok_or_else(|| IdError::Version(text.escape_default().to_string()))
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of an entity: a user, as numbered by the loan file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Whole", into = "u64")]
pub struct EntityId(u64);

impl EntityId {
    /// The largest id: the loan file and Parquet hold ids as signed 64-bit integers.
    pub const MAX: u64 = i64::MAX as u64;

    /// Gives the number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<Whole> for EntityId {
    type Error = IdError;
    fn try_from(number: Whole) -> Result<Self, IdError> {
        Self::try_from(number.0)
    }
}

impl TryFrom<u64> for EntityId {
    type Error = IdError;
    fn try_from(id: u64) -> Result<Self, IdError> {
        if id <= Self::MAX { Ok(Self(id)) } else { Err(IdError::Entity(id.to_string())) }
    }
}

impl From<EntityId> for u64 {
    fn from(id: EntityId) -> u64 {
        id.0
    }
}

impl FromStr for EntityId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        decimal(text)
            .and_then(|id| Self::try_from(id).ok())
            .ok_or_else(|| IdError::Entity(text.escape_default().to_string()))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads a number that has one spelling only: no sign, no leading zero, no space.
fn decimal(text: &str) -> Option<u64> {
    let spelled = text == "0" || (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'));
    if spelled { text.parse().ok() } else { None }
}

/// The id of a public key: the first 12 bytes of HMAC-SHA256 of the text `key_id`, keyed with the public key.
///
/// # Source
/// `wasmsign2`, which puts the same id beside each signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 12]);

impl KeyId {
    /// Takes the 12 bytes of an id.
    pub const fn new(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Gives the 12 bytes.
    pub fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 12];
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            _ => Err(IdError::Key(text.escape_default().to_string())),
        }
    }
}

impl TryFrom<String> for KeyId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let check = |text: &str, fine: bool| assert_eq!(text.parse::<ModelName>().is_ok(), fine, "{text:?}");
        check("credit-risk", true);
        check("a", true);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        check("", false);
        check("3-risk", false);
        check("-risk", false);
        check("credit_risk", false);
        check("../etc", false);
        check("Credit", false);
        check("ri\u{7}sk", false);
    }

    #[test]
    fn numbers_have_one_spelling() {
        let check = |text: &str, id: Option<u64>| {
            assert_eq!(text.parse::<EntityId>().ok().map(EntityId::get), id, "{text:?}");
        };
        check("0", Some(0));
        check("5008804", Some(5_008_804));
        check("9223372036854775807", Some(i64::MAX as u64));
        let read = |json: &str| serde_json::from_str::<EntityId>(json).ok().map(EntityId::get);
        assert_eq!((read("8.0"), read("8"), read("9.007199254740992e15")), (Some(8), Some(8), Some(1 << 53)));
        assert_eq!(
            (read("8.5"), read("-1"), read("1e16"), read("\"8\""), read("1e400")),
            (None, None, None, None, None)
        );
        for bad in ["", "-1", "+1", "01", "1.0", "1e3", " 1", "9223372036854775808", "99999999999999999999", "abc"] {
            check(bad, None);
        }
        assert!("0".parse::<ModelVersion>().is_err());
        assert_eq!("7".parse::<ModelVersion>().map(ModelVersion::get), Ok(7));
    }

    #[test]
    fn key_ids_round_trip() {
        let id = KeyId::new([0xab; 12]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("ABABABABABABABABABABABAB".parse::<KeyId>().is_err());
        assert!("ab".parse::<KeyId>().is_err());
    }
}
