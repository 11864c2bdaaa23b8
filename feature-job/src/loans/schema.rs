//! The declared schema of a loan file, and the rules that follow from it, each with its name.
//!
//! `loan-schema.toml` is the one place where columns, ranges and allowed values stand; the code knows kinds of rules only.

use std::sync::LazyLock;

use contract::date::Date;
use serde::Deserialize;

/// The text of the schema, as it stands in `feature-job/loan-schema.toml`.
const TEXT: &str = include_str!("../../loan-schema.toml");

/// Where a span ends if not in a column: the day the features are computed for.
const AS_OF: &str = "as-of";

/// What a loan file's columns are and what must hold of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The columns, in the order that a loan file has them in.
    pub columns: Vec<Column>,
    /// What must hold between two days of a row.
    pub spans: Vec<Span>,
}

/// A column of a loan file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What one unit is, in words.
    pub unit: String,
    /// Whether a file without it is refused.
    #[serde(default)]
    pub needed: bool,
    /// Whether an empty field is fine.
    #[serde(default)]
    pub nullable: bool,
    /// Whether a text of another kind counts as an empty field.
    #[serde(default)]
    pub unreadable_is_null: bool,
    /// Whether no two loans share a value.
    #[serde(default)]
    pub unique: bool,
    /// Whether all loans of a user share one value.
    #[serde(default)]
    pub constant: bool,
}

/// What the values of a column are; the ends of a range belong to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Kind {
    /// Whole numbers.
    Whole {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// Real numbers.
    Number {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// Days, written YYYY-MM-DD.
    Day {
        /// The first.
        min: Date,
        /// The last.
        max: Date,
    },
    /// One of these texts, which are ascending.
    Category(Vec<String>),
}

/// A distance in time that a row keeps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The rule's name.
    pub name: String,
    /// The column it starts in, which is the one that is blamed.
    pub from: String,
    /// The column it ends in, or `as-of`.
    pub to: String,
    /// The fewest days of it, below zero if the end comes first.
    pub days_min: Option<i32>,
    /// The most days of it.
    pub days_max: Option<i32>,
}

impl Schema {
    /// Gives the schema that ships with the project.
    pub fn loans() -> &'static Self {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| toml::from_str(TEXT).expect("a test reads the shipped schema"));
        &SCHEMA
    }

    /// Gives the place of a column among the schema's.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Gives the places of a span's columns; the second is none where it ends at as-of.
    ///
    /// # Panics
    /// Where the schema names a column that it does not have, which a test excludes.
    pub fn ends(&self, span: &Span) -> (usize, Option<usize>) {
        let place = |name: &str| self.position(name).expect("a test finds every span's columns");
        (place(&span.from), (span.to != AS_OF).then(|| place(&span.to)))
    }
}

impl Kind {
    /// Gives what a value must be, in words.
    pub fn demand(&self) -> String {
        match self {
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Day { min, max } => format!("a day as YYYY-MM-DD from {min} to {max}"),
            Self::Category(values) => format!("one of {}", values.join(", ")),
        }
    }

    /// Gives the kind's own word, which ends the name of the rule that a value is of this kind.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "whole",
            Self::Number { .. } => "number",
            Self::Day { .. } => "day",
            Self::Category(_) => "allowed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns;

    #[test]
    fn the_shipped_schema_reads_and_holds_together() {
        let schema = Schema::loans();
        let names: Vec<_> = schema.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, columns::LOAN_FILE);
        for span in &schema.spans {
            let (from, to) = schema.ends(span);
            for place in [Some(from), to].into_iter().flatten() {
                let Column { kind, needed, .. } = &schema.columns[place];
                assert!(matches!(kind, Kind::Day { .. }) && *needed, "{}", span.name);
            }
            assert!(span.days_min.is_some() || span.days_max.is_some(), "{}", span.name);
        }
        for Column { name, kind, .. } in &schema.columns {
            match kind {
                // Codes are bytes, and whole numbers must fit a float.
                Kind::Category(values) => assert!(values.is_sorted() && values.len() < 255, "{name}"),
                Kind::Whole { min, max } => assert!(min <= max && *max <= 1 << 53 && *min >= -(1 << 53), "{name}"),
                Kind::Number { min, max } => assert!(min <= max && max.is_finite() && min.is_finite(), "{name}"),
                Kind::Day { min, max } => assert!(min <= max, "{name}"),
            }
        }
    }

    #[test]
    fn a_slip_in_a_schema_is_refused() {
        for (from, to) in
            [("unit =", "units ="), ("whole =", "integer ="), ("min =", "minimum ="), ("days_min", "days")]
        {
            assert!(toml::from_str::<Schema>(&TEXT.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }
}
