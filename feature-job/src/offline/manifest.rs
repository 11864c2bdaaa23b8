//! What a `features.parquet` says about itself, in Parquet's own key-value metadata.

use contract::date::Date;
use contract::digest::Digest;

/// Where an offline store comes from and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The day the features were computed for.
    pub as_of: Date,
    /// The digest of the feature view they follow.
    pub view: Digest,
    /// The digest of the loan file, as `sha256sum` prints it; of several files, the digest of their digests in order.
    pub source: Digest,
    /// How many loans it holds.
    pub rows: u64,
    /// How many users these belong to.
    pub entities: u64,
    /// How many loans were left out, since they lie after as-of.
    pub excluded: u64,
}

/// Why a Parquet file's metadata is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A key is not there.
    #[error("its metadata lacks `{0}`")]
    Absent(&'static str),
    /// A key's value does not read.
    #[error("its metadata `{key}` does not read: `{value}`")]
    Value {
        /// The key.
        key: &'static str,
        /// What stands there.
        value: String,
    },
}

const AS_OF: &str = "countersign.as_of";
const VIEW: &str = "countersign.view";
const SOURCE: &str = "countersign.source";
const ROWS: &str = "countersign.rows";
const ENTITIES: &str = "countersign.entities";
const EXCLUDED: &str = "countersign.excluded";

impl Manifest {
    /// Gives the keys and values that are written.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let Self { as_of, view, source, rows, entities, excluded } = self;
        [
            (AS_OF, as_of.to_string()),
            (VIEW, view.to_string()),
            (SOURCE, source.to_string()),
            (ROWS, rows.to_string()),
            (ENTITIES, entities.to_string()),
            (EXCLUDED, excluded.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Reads the manifest through a function that gives a key's value.
    ///
    /// # Errors
    /// [`ManifestError`], with the first key at fault.
    pub fn from_pairs<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ManifestError> {
        Ok(Self {
            as_of: read(&get, AS_OF)?,
            view: read(&get, VIEW)?,
            source: read(&get, SOURCE)?,
            rows: read(&get, ROWS)?,
            entities: read(&get, ENTITIES)?,
            excluded: read(&get, EXCLUDED)?,
        })
    }
}

fn read<'a, T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<&'a str>,
    key: &'static str,
) -> Result<T, ManifestError> {
    let value = get(key).ok_or(ManifestError::Absent(key))?;
    value.parse().map_err(|_| {
        let value = value.chars().take(80).collect::<String>().escape_default().to_string();
        ManifestError::Value { key, value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_round_trip() {
        let manifest = Manifest {
            as_of: "2021-12-27".parse().expect("a day"),
            view: Digest::of(b"view"),
            source: Digest::of(b"source"),
            rows: 3,
            entities: 2,
            excluded: 1,
        };
        let mut pairs = manifest.pairs();
        fn find(pairs: &[(String, String)]) -> Result<Manifest, ManifestError> {
            Manifest::from_pairs(|key| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str()))
        }
        assert_eq!(find(&pairs), Ok(manifest));
        pairs[3].1 = "-3".to_owned();
        assert_eq!(find(&pairs), Err(ManifestError::Value { key: ROWS, value: "-3".to_owned() }));
        pairs.remove(0);
        assert_eq!(find(&pairs), Err(ManifestError::Absent(AS_OF)));
    }
}
