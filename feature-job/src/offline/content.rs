//! What a `features.parquet` says of its content, in Parquet's own key-value metadata.
//!
//! All of it follows from the loans, the view, the day and the ages: two stores with the same content are the same bytes,
//! whichever files the loans came in. Where they came from stands beside the store, in [`super::manifest`].

use contract::date::Date;
use contract::view::{Ages, FeatureView};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an offline store holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The day the features were computed for.
    pub as_of: Date,
    /// What ages count from in the features' own columns.
    pub ages: Ages,
    /// The feature view they follow.
    pub view: FeatureView,
    /// How many loans it holds.
    pub rows: u64,
    /// How many users these belong to.
    pub entities: u64,
}

/// Why a Parquet file's metadata does not tell its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
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
const ROWS: &str = "countersign.rows";
const ENTITIES: &str = "countersign.entities";

impl Content {
    /// Gives the keys and values that are written; the view's digest follows from the view, and is there for other readers.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let Self { as_of, ages, view, rows, entities } = self;
        [
            (AS_OF, as_of.to_string()),
            (AGES, word(*ages).to_owned()),
            (VIEW, json(view)),
            (VIEW_DIGEST, view.digest().to_string()),
            (ROWS, rows.to_string()),
            (ENTITIES, entities.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Reads the content through a function that gives a key's value.
    ///
    /// # Errors
    /// [`ContentError`], with the first key at fault.
    pub fn from_pairs<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ContentError> {
        let view = read(&get, VIEW, |text| from_json::<FeatureView>(text)?.checked().ok())?;
        read(&get, VIEW_DIGEST, |text| (text == view.digest().to_string()).then_some(()))?;
        Ok(Self {
            as_of: read(&get, AS_OF, |text| text.parse().ok())?,
            ages: read(&get, AGES, |text| [Ages::AsOf, Ages::Event].into_iter().find(|ages| word(*ages) == text))?,
            view,
            rows: read(&get, ROWS, |text| text.parse().ok())?,
            entities: read(&get, ENTITIES, |text| text.parse().ok())?,
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
) -> Result<T, ContentError> {
    let value = get(key).ok_or(ContentError::Absent(key))?;
    parse(value).ok_or_else(|| {
        let value = value.chars().take(80).collect::<String>().escape_default().to_string();
        ContentError::Value { key, value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            as_of: "2021-12-27".parse().expect("a day"),
            ages: Ages::Event,
            view: FeatureView::credit_risk().clone(),
            rows: 13,
            entities: 2,
        }
    }

    fn find(pairs: &[(String, String)]) -> Result<Content, ContentError> {
        Content::from_pairs(|key| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str()))
    }

    #[test]
    fn pairs_round_trip() {
        let pairs = content().pairs();
        assert_eq!(find(&pairs), Ok(content()));
        for place in 0..pairs.len() {
            let mut pairs = pairs.clone();
            let (key, _) = pairs.remove(place);
            assert!(matches!(find(&pairs), Err(ContentError::Absent(absent)) if absent == key), "{key}");
        }
    }

    #[test]
    fn what_does_not_read_is_named() {
        let check = |place: usize, value: &str| {
            let mut pairs = content().pairs();
            pairs[place].1 = value.to_owned();
            let error = find(&pairs).expect_err(value);
            let ContentError::Value { key, value: found } = &error else { panic!("{error:?}") };
            assert_eq!((*key, found.as_str()), (pairs[place].0.as_str(), value));
        };
        check(0, "yesterday");
        check(1, "today");
        check(2, "{}");
        check(3, "sha256:00");
        check(4, "-3");
    }
}
