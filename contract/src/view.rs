//! The feature view: which features there are, in which order, and what their values may be.

mod source;

use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::digest::Digest;
use crate::ids::{FeatureName, ModelName};

pub use source::{Counted, Source};

/// The most features a view may have; it bounds a row, a record and a card.
pub const FEATURES_MAX: usize = 256;

/// The text of the view of credit risk, as it stands in `contract/feature-view.toml`.
const CREDIT_RISK: &str = include_str!("../feature-view.toml");

/// What a model reads: an entity and its ordered features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureView {
    /// The view's name.
    pub name: ModelName,
    /// What an entity is called where its id stands, such as `user_id`.
    pub entity: FeatureName,
    /// Raised when a feature keeps its name but is computed differently.
    pub semantics_version: u32,
    /// What ages count from in a published record.
    pub ages: Ages,
    /// The features, in the order of a row.
    pub features: Vec<Feature>,
}

/// What ages count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ages {
    /// The day the features are computed for.
    AsOf,
    /// The day of the loan itself.
    Event,
}

/// One feature of a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name, unique in the view.
    pub name: FeatureName,
    /// Whether values are whole numbers.
    #[serde(rename = "type")]
    pub kind: FeatureKind,
    /// How the feature job computes it; nobody else reads this.
    pub source: Source,
    /// What one unit of the value is, in words.
    pub unit: String,
    /// The smallest value allowed.
    pub min: f64,
    /// The largest value allowed.
    pub max: f64,
    /// Whether a value may be missing (null in JSON, NaN in a row).
    pub missing_allowed: bool,
    /// What the feature means, in a sentence.
    pub description: String,
}

/// The type of a feature's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureKind {
    /// A whole number, written without a fraction.
    Int,
    /// A real number.
    Float,
}

/// Why a text is no feature view.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The text is no TOML, or not of this shape.
    #[error("not a feature view: {0}")]
    Shape(#[from] toml::de::Error),
    /// The view has no feature, or too many.
    #[error("a feature view has 1 to {FEATURES_MAX} features, this one has {0}")]
    Count(usize),
    /// Two features share a name.
    #[error("feature `{0}` stands twice in the view; names are unique")]
    Twice(FeatureName),
    /// A feature's range holds no value.
    #[error("feature `{name}` allows no value: its range is {min} to {max}")]
    Range {
        /// The feature.
        name: FeatureName,
        /// Its lower end.
        min: f64,
        /// Its upper end.
        max: f64,
    },
}

/// Why a value is not one of a feature's.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// The value is missing and may not be.
    #[error("feature `{0}` is missing, and the view does not allow that")]
    Missing(FeatureName),
    /// The value lies outside the declared range.
    #[error("feature `{name}` is {value}, outside its range of {min} to {max}")]
    Range {
        /// The feature.
        name: FeatureName,
        /// The value refused.
        value: f64,
        /// The smallest value allowed.
        min: f64,
        /// The largest value allowed.
        max: f64,
    },
    /// The value has a fraction, the feature has none.
    #[error("feature `{name}` is {value}, and takes whole numbers only")]
    Fraction {
        /// The feature.
        name: FeatureName,
        /// The value refused.
        value: f64,
    },
}

impl FeatureView {
    /// Gives the view of credit risk that ships with the project.
    pub fn credit_risk() -> &'static Self {
        static VIEW: LazyLock<FeatureView> =
            LazyLock::new(|| CREDIT_RISK.parse().expect("a test reads the shipped view"));
        &VIEW
    }

    /// Gives how many values a row has.
    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// Gives the digest of the whole view: of its canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::to_vec(self).expect("a view is plain data"))
    }

    /// Gives the place of a feature in a row.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| feature.name.as_str() == name)
    }

    /// Checks what the shape alone does not: the count, the names and the ranges.
    ///
    /// # Errors
    /// [`ViewError`], with the feature at fault.
    pub fn checked(self) -> Result<Self, ViewError> {
        if self.features.is_empty() || self.features.len() > FEATURES_MAX {
            return Err(ViewError::Count(self.features.len()));
        }
        for (place, feature) in self.features.iter().enumerate() {
            if self.features[..place].iter().any(|earlier| earlier.name == feature.name) {
                return Err(ViewError::Twice(feature.name.clone()));
            }
            // Infinite ends would not survive JSON, which has no word for them.
            if !(feature.min <= feature.max && feature.min.is_finite() && feature.max.is_finite()) {
                let Feature { name, min, max, .. } = feature.clone();
                return Err(ViewError::Range { name, min, max });
            }
        }
        Ok(self)
    }
}

impl FromStr for FeatureView {
    type Err = ViewError;
    fn from_str(text: &str) -> Result<Self, ViewError> {
        toml::from_str::<Self>(text)?.checked()
    }
}

impl Feature {
    /// Checks one value of a row, where NaN is missing.
    ///
    /// # Errors
    /// [`ValueError`], with the value and the bound it broke.
    pub fn check(&self, value: f64) -> Result<(), ValueError> {
        let name = || self.name.clone();
        if value.is_nan() {
            return if self.missing_allowed { Ok(()) } else { Err(ValueError::Missing(name())) };
        }
        if !(self.min..=self.max).contains(&value) {
            return Err(ValueError::Range { name: name(), value, min: self.min, max: self.max });
        }
        if self.kind == FeatureKind::Int && value.fract() != 0.0 {
            return Err(ValueError::Fraction { name: name(), value });
        }
        Ok(())
    }

    /// Gives a value as JSON: null where missing, without a fraction where the feature is whole.
    pub fn json(&self, value: f64) -> serde_json::Value {
        match self.kind {
            _ if value.is_nan() => serde_json::Value::Null,
            // Past 2^53 the float no longer says which whole number it was.
            FeatureKind::Int if value.fract() == 0.0 && value.abs() <= (1_u64 << 53) as f64 => (value as i64).into(),
            _ => value.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_view_reads() {
        let view = FeatureView::credit_risk();
        let names: Vec<_> = view.features.iter().map(|feature| feature.name.as_str()).collect();
        let wanted = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"];
        assert_eq!(names, wanted);
        assert_eq!(view.position("age"), Some(2));
    }

    #[test]
    fn the_digest_covers_every_field() {
        let digest = FeatureView::credit_risk().digest();
        for (from, to) in [
            ("name = \"credit-risk\"", "name = \"credit\""),
            ("user_id", "customer_id"),
            ("semantics_version = 1", "semantics_version = 2"),
            ("\"as-of\"", "\"event\""),
            ("type = \"float\"", "type = \"int\""),
            ("\"birthday\"", "\"job_start_date\""),
            ("mean = ", "max = "),
            ("one = \"Y\"", "one = \"y\""),
            ("unit = \"years\"", "unit = \"months\""),
            ("max = 150.0", "max = 151.0"),
            ("missing_allowed = true", "missing_allowed = false"),
            ("Whole years", "Years"),
        ] {
            let changed: FeatureView = CREDIT_RISK.replacen(from, to, 1).parse().expect("still a view");
            assert_ne!(changed.digest(), digest, "{from} -> {to}");
        }
        let mut swapped = FeatureView::credit_risk().clone();
        swapped.features.swap(0, 2);
        assert_ne!(swapped.digest(), digest, "order");
        let commented: FeatureView = format!("# a comment\n{CREDIT_RISK}").parse().expect("still a view");
        assert_eq!(commented.digest(), digest, "a comment means nothing");
    }

    #[test]
    fn bad_views_are_refused() {
        let check = |from: &str, to: &str| {
            assert!(CREDIT_RISK.replacen(from, to, 1).parse::<FeatureView>().is_err(), "{from} -> {to}");
        };
        check("name = \"age\"", "name = \"flag_own_car\"");
        check("max = 150.0", "max = -1.0");
        check("max = 150.0", "max = inf");
        check("max = 150.0", "max = nan");
        check("unit =", "units =");
        check("[[features]]", "[[feature]]");
        check("mean = ", "median = ");
        check("source = { count = \"previous_loans\" }", "source = { count = \"loans\" }");
        check("\"birthday\"", "\"the birthday\"");
        check("source = { mean = \"loan_amount\" }", "");
    }

    #[test]
    fn values_are_checked() {
        let view = FeatureView::credit_risk();
        let check = |name: &str, value: f64, fine: bool| {
            let feature = &view.features[view.position(name).expect("a feature")];
            assert_eq!(feature.check(value).is_ok(), fine, "{name} = {value}");
        };
        check("age", 33.0, true);
        check("age", 33.5, false);
        check("age", -1.0, false);
        check("age", 151.0, false);
        check("age", f64::NAN, false);
        check("age", f64::INFINITY, false);
        check("years_on_the_job", f64::NAN, true);
        check("avg_amount_loans_previous", 128.906, true);
    }

    #[test]
    fn json_has_no_nan_and_no_needless_fraction() {
        let view = FeatureView::credit_risk();
        assert_eq!(view.features[0].json(15.0).to_string(), "15");
        assert_eq!(view.features[1].json(15.0).to_string(), "15.0");
        assert_eq!(view.features[3].json(f64::NAN).to_string(), "null");
    }
}
