//! A feature view held against the columns of the loan file: what is read, and what the offline store holds.

use std::path::{Path, PathBuf};

use contract::ids::{ColumnName, FeatureName};
use contract::view::{FeatureKind, FeatureView, Source, ViewError};
use polars::prelude::*;

use super::source;
use crate::columns;
use crate::loans::schema::{Kind, Schema as LoanSchema};

/// A view of which every feature can be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    view: FeatureView,
}

/// Why a view's features cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The view's file cannot be read.
    #[error("cannot read {path}: {source}; give a feature view, such as contract/feature-view.toml")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no view.
    #[error("{path}: {source}")]
    View {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ViewError,
    },
    /// A source reads a column that there is not.
    #[error("feature `{feature}` reads `{column}`, which is no column of the loan file; there are: {}", columns::LOAN_FILE.join(", "))]
    Unknown {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
    },
    /// A source reads what must not be learned from.
    #[error("feature `{feature}` reads `{column}`, which is {is} and never a feature: take another column")]
    Forbidden {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
        /// What the column is instead.
        is: &'static str,
    },
    /// A source does not go with its column's values.
    #[error("feature `{feature}` takes {wanted}, and `{column}` holds {found}: take another source or column")]
    Kind {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
        /// What the source takes.
        wanted: &'static str,
        /// What the column holds.
        found: &'static str,
    },
    /// A whole feature has a source with fractions.
    #[error("feature `{0}` has the type int, and its source gives fractions: make its type float")]
    Fractions(FeatureName),
    /// Two columns of the offline store would share a name.
    #[error("feature `{feature}` needs a column `{column}` in the offline store, where that is another: rename it")]
    Taken {
        /// The feature.
        feature: FeatureName,
        /// The name that is taken.
        column: String,
    },
}

/// Gives the type in memory and in the offline store of a loan file's column.
pub fn dtype(kind: &Kind) -> DataType {
    match kind {
        Kind::Whole { .. } => DataType::Int64,
        Kind::Number { .. } => DataType::Float64,
        Kind::Day { .. } => DataType::Date,
        Kind::Category(_) => DataType::String,
    }
}

impl Plan {
    /// Takes the view of credit risk that ships with the project.
    pub fn credit_risk() -> Self {
        Self::of(FeatureView::credit_risk().clone()).expect("a test plans the shipped view")
    }

    /// Reads a view from its file.
    ///
    /// # Errors
    /// [`PlanError`], with the file or the feature at fault.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        Self::of(text.parse().map_err(|source| PlanError::View { path: path.to_owned(), source })?)
    }

    /// Checks that every feature of a view can be computed, and that the offline store has room for their names.
    ///
    /// # Errors
    /// [`PlanError`], with the first feature at fault.
    pub fn of(view: FeatureView) -> Result<Self, PlanError> {
        for feature in &view.features {
            let whole = gives_whole(&feature.name, &feature.source)?;
            if feature.kind == FeatureKind::Int && !whole {
                return Err(PlanError::Fractions(feature.name.clone()));
            }
        }
        let plan = Self { view };
        plan.names_differ()?;
        Ok(plan)
    }

    /// Gives the view.
    pub fn view(&self) -> &FeatureView {
        &self.view
    }

    /// Gives the columns that are read from a loan file, in the file's own order.
    pub fn loan_columns(&self) -> Vec<&'static str> {
        let read = |name: &str| self.view.features.iter().any(|feature| reads(&feature.source, name));
        columns::LOAN_FILE.into_iter().filter(|name| always(name) || read(name)).collect()
    }

    /// Gives the columns of the loan file that the offline store holds for this view beyond those it always holds; one that
    /// a feature of the same name stands for is not among them.
    pub fn raw_columns(&self) -> Vec<&'static str> {
        let beyond = |name: &str| !always(name) && self.view.position(name).is_none();
        self.loan_columns().into_iter().filter(|name| beyond(name)).collect()
    }

    /// Gives the names and types of the offline store's columns, in order.
    pub fn store_schema(&self) -> Schema {
        let raw = |name: &str| kind_of(name).map(|kind| Field::new(name.into(), dtype(kind)));
        let first = columns::STORE_FIRST.iter().filter_map(|name| raw(name));
        let beyond = self.raw_columns().into_iter().filter_map(raw);
        let features = &self.view.features;
        let values = features.iter().map(|feature| (feature.name.as_str().to_owned(), feature.kind));
        let aged = features.iter().filter(|feature| source::has_ages(feature));
        let events = aged.map(|feature| (columns::event(feature.name.as_str()), feature.kind));
        let made = values.chain(events).map(|(name, kind)| Field::new(name.into(), source::dtype(kind)));
        let last = columns::STORE_LAST.iter().filter_map(|name| raw(name));
        first.chain(beyond).chain(made).chain(last).collect()
    }

    /// Checks that the store's columns have different names. A feature may stand for the column that it alone reads and that
    /// can be told from its values, as `flag_own_car` does.
    fn names_differ(&self) -> Result<(), PlanError> {
        let features = &self.view.features;
        for feature in features {
            let name = feature.name.as_str();
            let taken = |column: &str| PlanError::Taken { feature: feature.name.clone(), column: column.to_owned() };
            let stands_for_it = matches!(&feature.source, Source::Flag { .. } | Source::Value(_))
                && features.iter().all(|other| reads(&other.source, name) == (other.name == feature.name));
            if always(name) || (kind_of(name).is_some() && !stands_for_it) {
                return Err(taken(name));
            }
            let event = columns::event(name);
            if source::has_ages(feature) && self.view.position(&event).is_some() {
                return Err(taken(&event));
            }
        }
        Ok(())
    }
}

/// Tells whether a column is read whatever the view.
fn always(name: &str) -> bool {
    columns::STORE_FIRST.contains(&name) || columns::STORE_LAST.contains(&name)
}

fn reads(source: &Source, name: &str) -> bool {
    source.column().is_some_and(|column| column.as_str() == name)
}

/// Gives the declared kind of a loan file's column.
fn kind_of(column: &str) -> Option<&'static Kind> {
    LoanSchema::loans().columns.iter().find(|declared| declared.name == column).map(|declared| &declared.kind)
}

/// Checks that a source can read its column, and tells whether it gives whole numbers.
fn gives_whole(feature: &FeatureName, source: &Source) -> Result<bool, PlanError> {
    let Some(column) = source.column() else { return Ok(true) };
    let is = match column.as_str() {
        columns::ID | columns::LOAN_ID => "an id",
        columns::STATUS => "the label",
        _ => "",
    };
    if !is.is_empty() {
        return Err(PlanError::Forbidden { feature: feature.clone(), column: column.clone(), is });
    }
    let unknown = || PlanError::Unknown { feature: feature.clone(), column: column.clone() };
    let found = kind_of(column.as_str()).ok_or_else(unknown)?;
    let (fits, wanted) = match source {
        Source::YearsSince(_) | Source::DaysSincePrevious(_) => (matches!(found, Kind::Day { .. }), "days"),
        Source::Flag { .. } => (matches!(found, Kind::Category(_)), "texts"),
        _ => (matches!(found, Kind::Whole { .. } | Kind::Number { .. }), "numbers"),
    };
    if !fits {
        let (feature, column) = (feature.clone(), column.clone());
        return Err(PlanError::Kind { feature, column, wanted, found: words(found) });
    }
    Ok(!matches!(source, Source::Mean(_)) && !matches!(found, Kind::Number { .. }))
}

fn words(kind: &Kind) -> &'static str {
    match kind {
        Kind::Whole { .. } | Kind::Number { .. } => "numbers",
        Kind::Day { .. } => "days",
        Kind::Category(_) => "texts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shipped view with one more feature.
    fn with(name: &str, kind: &str, source: &str) -> Result<Plan, PlanError> {
        let shipped = include_str!("../../../contract/feature-view.toml");
        let more = format!(
            "[[features]]\nname = \"{name}\"\ntype = \"{kind}\"\nsource = {source}\nunit = \"\"\nmin = 0.0\nmax = 1.0\n\
             missing_allowed = true\ndescription = \"\"\n"
        );
        Plan::of(format!("{shipped}\n{more}").parse().expect("a view"))
    }

    #[test]
    fn the_shipped_view_is_planned() {
        let plan = Plan::credit_risk();
        let names = plan.loan_columns();
        let wanted = [
            "loan_id",
            "id",
            "code_gender",
            "flag_own_car",
            "name_housing_type",
            "status",
            "birthday",
            "job_start_date",
            "loan_date",
            "loan_amount",
        ];
        assert_eq!(names, wanted);
        let store: Vec<_> = plan.store_schema().iter_names().map(ToString::to_string).collect();
        let wanted = "loan_id id loan_date loan_amount birthday job_start_date nb_previous_loans \
                      avg_amount_loans_previous age years_on_the_job flag_own_car age_event years_on_the_job_event \
                      status code_gender name_housing_type";
        assert_eq!(store.join(" "), wanted);
    }

    #[test]
    fn what_a_feature_reads_is_stored() {
        let check = |name: &str, kind: &str, source: &str, raw: &[&str]| {
            let plan = with(name, kind, source).expect(source);
            assert_eq!(plan.raw_columns(), raw, "{source}");
        };
        check("most", "float", "{ max = \"loan_amount\" }", &[]);
        check("income", "float", "{ value = \"amt_income_total\" }", &["amt_income_total"]);
        check("amt_income_total", "float", "{ value = \"amt_income_total\" }", &[]);
        check("children", "int", "{ last = \"cnt_children\" }", &["cnt_children"]);
        check("children", "float", "{ last = \"cnt_children\" }", &["cnt_children"]);
        check("gap", "int", "{ days_since_previous = \"loan_date\" }", &[]);
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        let check = |name: &str, kind: &str, source: &str, said: &str| {
            let error = with(name, kind, source).expect_err(source).to_string();
            assert!(error.contains(&format!("`{name}`")) && error.contains(said), "{error}");
        };
        check("x", "float", "{ max = \"loan_amounts\" }", "`loan_amounts`, which is no column of the loan file");
        check("x", "int", "{ value = \"id\" }", "an id and never a feature");
        check("x", "int", "{ last = \"loan_id\" }", "an id and never a feature");
        check("x", "int", "{ sum = \"status\" }", "the label and never a feature");
        check("x", "float", "{ mean = \"birthday\" }", "takes numbers, and `birthday` holds days");
        check("x", "int", "{ years_since = \"loan_amount\" }", "takes days, and `loan_amount` holds numbers");
        check("x", "int", "{ value = \"code_gender\" }", "takes numbers, and `code_gender` holds texts");
        let flag = "{ flag = { column = \"cnt_children\", one = \"1\", zero = \"0\" } }";
        check("x", "int", flag, "takes texts, and `cnt_children` holds numbers");
        check("x", "int", "{ mean = \"cnt_children\" }", "make its type float");
        check("x", "int", "{ last = \"loan_amount\" }", "make its type float");
        check("loan_amount", "float", "{ value = \"loan_amount\" }", "rename it");
        check("cnt_children", "float", "{ mean = \"cnt_children\" }", "rename it");
        check("age_event", "int", "{ count = \"previous_loans\" }", "rename it");
        let flag = "{ flag = { column = \"flag_own_car\", one = \"N\", zero = \"Y\" } }";
        let error = with("no_car", "int", flag).expect_err("the column is gone").to_string();
        assert!(error.contains("feature `flag_own_car` needs a column `flag_own_car`"), "{error}");
    }
}
