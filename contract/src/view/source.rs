//! What a feature is computed from.

use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;

/// How a feature comes from the loan file: the rule's name, then the column it reads.
///
/// "Earlier loans" are those of the same user before this one, in order of loan date, ties in the order of the file. The
/// loan itself is never among them, and what is computed over none is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// How many there are.
    Count(Counted),
    /// The sum over the earlier loans.
    Sum(ColumnName),
    /// The mean over the earlier loans.
    Mean(ColumnName),
    /// The smallest among the earlier loans.
    Min(ColumnName),
    /// The largest among the earlier loans.
    Max(ColumnName),
    /// That of the loan before.
    Last(ColumnName),
    /// Whole years of 365 days from the column's day to the reference day, see [`super::Ages`]; missing where there is no
    /// day, or one after the reference day.
    YearsSince(ColumnName),
    /// Days from the column's day in the loan before to its day in this one.
    DaysSincePrevious(ColumnName),
    /// 1 where the column holds one text, 0 where it holds another, missing where it holds neither.
    Flag {
        /// The column.
        column: ColumnName,
        /// The text that is 1.
        one: String,
        /// The text that is 0.
        zero: String,
    },
    /// The column's own value in this loan.
    Value(ColumnName),
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The user's earlier loans.
    PreviousLoans,
}

impl Source {
    /// Gives the column that is read; a count needs none.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::Count(Counted::PreviousLoans) => None,
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Min(column)
            | Self::Max(column)
            | Self::Last(column)
            | Self::YearsSince(column)
            | Self::DaysSincePrevious(column)
            | Self::Flag { column, .. }
            | Self::Value(column) => Some(column),
        }
    }
}
