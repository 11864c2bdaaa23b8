//! What a recipe is: a readable file that says how rows become a model, how it is judged, and why.
//!
//! # Shape
//! TOML; `feature-job/recipes/` holds the built-in ones, and each explains its keys where it sets them. A data scientist
//! writes her own beside her data and names its path instead. Every key is read: one that is unknown or makes no sense is an
//! error that names file and key, before any work starts.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use contract::card::OutputKind;
use contract::date::Date;
use contract::view::{Ages, FeatureView};
use serde::Deserialize;

use super::calibrate::CalibrationMethod;
use super::fit::{self, FitError, Fitted};
use super::imbalance::Imbalance;
use super::learner::{FamilyName, Learner};
use super::missing::Missing;
use super::rows::Sample;
use super::search::{Search, SearchForm};
use super::split::{HoldOut, SplitKind};
use super::threshold::ThresholdRule;

/// The built-in recipes, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("baseline", include_str!("../../recipes/baseline.toml")),
    ("forest", include_str!("../../recipes/forest.toml")),
    ("extra-trees", include_str!("../../recipes/extra-trees.toml")),
    ("boosted", include_str!("../../recipes/boosted.toml")),
    ("logistic", include_str!("../../recipes/logistic.toml")),
];
/// The most characters of a recipe's name, which stands in the card.
const NAME_CHARS_MAX: usize = 64;

/// A recipe that was read and found to make sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub(super) form: Form,
    /// How it learns where no search decides otherwise.
    pub(super) learner: Learner,
    pub(super) search: Option<Search>,
}

/// A recipe as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    /// The name that stands in the card.
    pub name: String,
    /// What kind of model it makes.
    pub family: FamilyName,
    /// What ages count from in the rows it learns from.
    pub ages: Ages,
    /// What a missing value becomes.
    pub missing: Missing,
    /// What is done about there being few positive rows.
    pub imbalance: Imbalance,
    /// How scores are made shares of outcomes.
    pub calibration: CalibrationMethod,
    /// From which score on a loan is declined.
    pub threshold: ThresholdRule,
    /// The share of the training users who calibrate and choose the threshold, and are not learned from.
    pub aside_share: Option<f64>,
    /// How it is judged.
    pub splits: Splits,
    /// The family's parameters.
    pub parameters: toml::Table,
    /// Which parameters are tried.
    pub search: Option<SearchForm>,
}

/// How a recipe is judged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Splits {
    /// The ways of holding rows out. The model fitted for the first of them is the one that goes into the module.
    pub judge: Vec<SplitKind>,
    /// The share of rows, users or time that is held out.
    pub test_share: f64,
    /// The first day held out by time; without it the day from which on the latest `test_share` of the loans lie.
    pub date: Option<Date>,
}

/// Why there is no such recipe.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The name is neither a built-in recipe's nor a file's.
    #[error("there is no recipe `{0}`: take one of {names}, or the path of a file that ends in .toml", names = names())]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read {file}: {said}")]
    Read {
        /// The file.
        file: String,
        /// The system's answer.
        said: String,
    },
    /// The file is not a recipe's.
    #[error("{file} is no recipe: {said}")]
    Form {
        /// The file.
        file: String,
        /// Where and what.
        said: String,
    },
    /// A key's value makes no sense.
    #[error("{file}: `{key}` {said}")]
    Value {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// What is wrong with it, and what would be right.
        said: String,
    },
}

/// A key with what is wrong with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub key: String,
    pub said: String,
}

/// Says that a key's value must be otherwise, where it is not as it `holds`.
pub(super) fn demand(holds: bool, key: &str, said: &str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong { key: key.to_owned(), said: said.to_owned() }) }
}

fn names() -> String {
    BUILT_IN.map(|(name, _)| format!("`{name}`")).join(", ")
}

impl Recipe {
    /// Gives a built-in recipe by its name, or reads one from a file whose path ends in `.toml`.
    ///
    /// # Errors
    /// [`RecipeError`], which names file and key.
    pub fn load(name_or_file: &str) -> Result<Self, RecipeError> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_file) {
            return Self::parse(text, &format!("{name}.toml"));
        }
        if Path::new(name_or_file).extension().is_none_or(|extension| extension != "toml") {
            return Err(RecipeError::Unknown(name_or_file.to_owned()));
        }
        let unread =
            |error: std::io::Error| RecipeError::Read { file: name_or_file.to_owned(), said: error.to_string() };
        Self::parse(&std::fs::read_to_string(name_or_file).map_err(unread)?, name_or_file)
    }

    fn parse(text: &str, file: &str) -> Result<Self, RecipeError> {
        let form: Form = toml::from_str(text).map_err(|error| RecipeError::Form {
            file: file.to_owned(),
            said: error.to_string().trim_end().to_owned(),
        })?;
        let wrong = |Wrong { key, said }| RecipeError::Value { file: file.to_owned(), key, said };
        form.check().map_err(wrong)?;
        let learner = Learner::new(form.family, &form.parameters).map_err(wrong)?;
        let search = form.search.as_ref().map(|search| search.expand(form.family, &form.parameters)).transpose();
        Ok(Self { learner, search: search.map_err(wrong)?, form })
    }

    /// Gives the name that stands in the card.
    pub fn name(&self) -> &str {
        &self.form.name
    }

    /// Gives the model's family that stands in the card.
    pub fn family(&self) -> &'static str {
        self.form.family.word()
    }

    /// Gives what ages count from in the rows it learns from.
    pub fn ages(&self) -> Ages {
        self.form.ages
    }

    /// Gives what its numbers mean: what resampling or weights have distorted is a score, until it is calibrated.
    pub fn output(&self) -> OutputKind {
        let distorted = self.form.imbalance != Imbalance::None;
        if distorted && self.form.calibration == CalibrationMethod::None {
            OutputKind::Score
        } else {
            OutputKind::Probability
        }
    }

    /// Gives the ways it is judged. The model fitted for the first of these is the one that goes into the module.
    pub fn splits(&self) -> &[SplitKind] {
        &self.form.splits.judge
    }

    /// Gives how much is held out.
    pub fn hold_out(&self) -> HoldOut {
        HoldOut { share: self.form.splits.test_share, first_day: self.form.splits.date.map(Date::days) }
    }

    /// Gives the recipe with another first day held out by time.
    #[must_use]
    pub fn split_at(mut self, date: Option<Date>) -> Self {
        self.form.splits.date = date.or(self.form.splits.date);
        self
    }

    /// Fits a model to the training part.
    ///
    /// # Errors
    /// [`FitError`], when these rows cannot be learned from.
    pub fn fit(&self, part: &Sample, seed: u64) -> Result<Fitted, FitError> {
        fit::fit(self, part, seed)
    }
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(name_or_file: &str) -> Result<Self, RecipeError> {
        Self::load(name_or_file)
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.form.name)
    }
}

impl Form {
    fn check(&self) -> Result<(), Wrong> {
        let named = !self.name.is_empty() && self.name.chars().count() <= NAME_CHARS_MAX;
        demand(named, "name", "must have 1 to 64 characters")?;
        self.missing.check(self.family)?;
        self.imbalance.check(FeatureView::credit_risk(), self.family, self.missing)?;
        self.check_aside()?;
        self.threshold.check()?;
        let Splits { judge, test_share, date: _ } = &self.splits;
        demand(
            !judge.is_empty(),
            "splits.judge",
            "names no way to hold rows out: give one of rows, users, time, users-time",
        )?;
        let once = judge.iter().enumerate().all(|(place, kind)| !judge[..place].contains(kind));
        demand(once, "splits.judge", "names a way twice")?;
        demand(*test_share > 0.0 && *test_share < 1.0, "splits.test_share", "must lie between 0 and 1")
    }

    fn check_aside(&self) -> Result<(), Wrong> {
        let needed = self.calibration != CalibrationMethod::None || self.threshold.needs_rows();
        let (needed_for_it, useless) = (
            "is absent: to calibrate and to choose a threshold takes users kept aside, such as 0.15 of them",
            "keeps users aside for nothing: the threshold is fixed and nothing is calibrated",
        );
        match self.aside_share {
            None => demand(!needed, "aside_share", needed_for_it),
            Some(share) => {
                demand(needed, "aside_share", useless)?;
                demand(share > 0.0 && share < 1.0, "aside_share", "must lie between 0 and 1")
            }
        }
    }
}

#[cfg(test)]
mod tests;
