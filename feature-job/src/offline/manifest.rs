//! What a `features.parquet` says about itself, in Parquet's own key-value metadata.

use contract::card::{Quality, QualityFinding};
use contract::date::Date;
use contract::digest::Digest;
use contract::view::{Ages, FeatureView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where an offline store comes from and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The day the features were computed for.
    pub as_of: Date,
    /// What ages count from in the features' own columns.
    pub ages: Ages,
    /// The feature view they follow.
    pub view: FeatureView,
    /// The loan files it was made from, in order.
    pub sources: Vec<Source>,
    /// How many loans it holds.
    pub rows: u64,
    /// How many users these belong to.
    pub entities: u64,
    /// The version of the program that made it, and the code's revision where the build knew it.
    pub builder: String,
}

/// A loan file that an offline store was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The digest of the file, as `sha256sum` prints it.
    pub digest: Digest,
    /// Rows read from it.
    pub rows: u64,
    /// Rows that were put aside because they broke a rule.
    pub rejected: u64,
    /// Loans that were left out, since they lie after as-of.
    pub excluded: u64,
    /// The rules that its rows broke.
    pub findings: Vec<QualityFinding>,
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
const AGES: &str = "countersign.ages";
const VIEW: &str = "countersign.view";
const VIEW_DIGEST: &str = "countersign.view_digest";
const SOURCES: &str = "countersign.sources";
const ROWS: &str = "countersign.rows";
const ENTITIES: &str = "countersign.entities";
const EXCLUDED: &str = "countersign.excluded";
const REJECTED: &str = "countersign.rejected";
const BUILDER: &str = "countersign.builder";

/// Gives the version of this program, and its revision where `COUNTERSIGN_REVISION` was set when it was built.
pub fn builder() -> String {
    let version = concat!("feature-job ", env!("CARGO_PKG_VERSION"));
    option_env!("COUNTERSIGN_REVISION").map_or_else(|| version.to_owned(), |revision| format!("{version} {revision}"))
}

impl Manifest {
    /// Gives how many loans were left out, since they lie after as-of.
    pub fn excluded(&self) -> u64 {
        self.sources.iter().map(|source| source.excluded).sum()
    }

    /// Gives how many rows were put aside because they broke a rule.
    pub fn rejected(&self) -> u64 {
        self.sources.iter().map(|source| source.rejected).sum()
    }

    /// Gives what a model card says of the data.
    pub fn quality(&self) -> Quality {
        let mut findings: Vec<QualityFinding> = Vec::new();
        for finding in self.sources.iter().flat_map(|source| &source.findings) {
            let same = |known: &&mut QualityFinding| (&known.rule, &known.column) == (&finding.rule, &finding.column);
            match findings.iter_mut().find(same) {
                Some(known) => known.rows += finding.rows,
                None => findings.push(finding.clone()),
            }
        }
        Quality {
            sources: self.sources.iter().map(|source| source.digest).collect(),
            rows: self.sources.iter().map(|source| source.rows).sum(),
            rejected: self.rejected(),
            excluded: self.excluded(),
            findings,
        }
    }

    /// Gives the keys and values that are written. Counts and digests that follow from others are there for other readers.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let Self { as_of, ages, view, sources, rows, entities, builder } = self;
        [
            (AS_OF, as_of.to_string()),
            (AGES, word(*ages).to_owned()),
            (VIEW, json(view)),
            (VIEW_DIGEST, view.digest().to_string()),
            (SOURCES, json(sources)),
            (ROWS, rows.to_string()),
            (ENTITIES, entities.to_string()),
            (EXCLUDED, self.excluded().to_string()),
            (REJECTED, self.rejected().to_string()),
            (BUILDER, builder.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Reads the manifest through a function that gives a key's value.
    ///
    /// # Errors
    /// [`ManifestError`], with the first key at fault.
    pub fn from_pairs<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ManifestError> {
        let view = read(&get, VIEW, |text| from_json::<FeatureView>(text)?.checked().ok())?;
        read(&get, VIEW_DIGEST, |text| (text == view.digest().to_string()).then_some(()))?;
        Ok(Self {
            as_of: read(&get, AS_OF, |text| text.parse().ok())?,
            ages: read(&get, AGES, |text| [Ages::AsOf, Ages::Event].into_iter().find(|ages| word(*ages) == text))?,
            view,
            sources: read(&get, SOURCES, from_json)?,
            rows: read(&get, ROWS, |text| text.parse().ok())?,
            entities: read(&get, ENTITIES, |text| text.parse().ok())?,
            builder: read(&get, BUILDER, |text| Some(text.to_owned()))?,
        })
    }
}

/// Gives the word for a reference day, as the command line takes it.
pub fn word(ages: Ages) -> &'static str {
    match ages {
        Ages::AsOf => "as-of",
        Ages::Event => "event",
    }
}

fn json(value: &impl Serialize) -> String {
    let bytes = contract::canonical::to_vec(value).expect("it is plain data");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    contract::canonical::from_slice(text.as_bytes()).ok()
}

fn read<'a, T>(
    get: &impl Fn(&str) -> Option<&'a str>,
    key: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ManifestError> {
    let value = get(key).ok_or(ManifestError::Absent(key))?;
    parse(value).ok_or_else(|| {
        let value = value.chars().take(80).collect::<String>().escape_default().to_string();
        ManifestError::Value { key, value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, rejected: u64) -> Source {
        let finding = |rule: &str| QualityFinding { rule: rule.to_owned(), column: "id".to_owned(), rows: rejected };
        let findings = vec![finding("id_range"), finding(name)];
        Source { digest: Digest::of(name.as_bytes()), rows: 10, rejected, excluded: 1, findings }
    }

    fn manifest() -> Manifest {
        Manifest {
            as_of: "2021-12-27".parse().expect("a day"),
            ages: Ages::Event,
            view: FeatureView::credit_risk().clone(),
            sources: vec![source("first", 2), source("second", 3)],
            rows: 13,
            entities: 2,
            builder: builder(),
        }
    }

    fn find(pairs: &[(String, String)]) -> Result<Manifest, ManifestError> {
        Manifest::from_pairs(|key| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str()))
    }

    #[test]
    fn pairs_round_trip() {
        let pairs = manifest().pairs();
        assert_eq!(find(&pairs), Ok(manifest()));
        let counts: Vec<_> = pairs[5..9].iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(counts, ["13", "2", "2", "5"]);
        for place in [0, 1, 2, 3, 4, 5, 6, 9] {
            let mut pairs = pairs.clone();
            let (key, _) = pairs.remove(place);
            assert!(matches!(find(&pairs), Err(ManifestError::Absent(absent)) if absent == key), "{key}");
        }
    }

    #[test]
    fn what_does_not_read_is_named() {
        let check = |place: usize, value: &str| {
            let mut pairs = manifest().pairs();
            pairs[place].1 = value.to_owned();
            let value = value.to_owned();
            let error = find(&pairs);
            assert!(
                matches!(&error, Err(ManifestError::Value { key, value: found }) if *key == pairs[place].0 && *found == value),
                "{error:?}"
            );
        };
        check(0, "yesterday");
        check(1, "today");
        check(2, "{}");
        check(3, "sha256:00");
        check(4, "[1]");
        check(5, "-3");
    }

    #[test]
    fn quality_adds_up_over_the_sources() {
        let quality = manifest().quality();
        assert_eq!((quality.rows, quality.rejected, quality.excluded), (20, 5, 2));
        let found: Vec<_> = quality.findings.iter().map(|finding| (finding.rule.as_str(), finding.rows)).collect();
        assert_eq!(found, [("id_range", 5), ("first", 2), ("second", 3)]);
    }
}
