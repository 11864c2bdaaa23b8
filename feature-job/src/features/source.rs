//! Each kind of source as one expression over the loan file's columns; loans are sorted by user and day.

use contract::view::{Counted, Feature, FeatureKind, Source};
use polars::prelude::*;

use crate::columns;

/// The days of a year here: the publisher's, whatever the calendar says.
const DAYS_OF_YEAR: i32 = 365;

/// Tells whether a feature is an age, so that the store holds it for each reference day.
pub fn has_ages(feature: &Feature) -> bool {
    matches!(feature.source, Source::YearsSince(_))
}

/// Gives the expression of a feature; ages count to `reference`, in days.
///
/// # Errors
/// Whatever the engine answers to a window over the user.
pub fn expression(feature: &Feature, reference: Expr) -> PolarsResult<Expr> {
    let value = match &feature.source {
        Source::Count(Counted::PreviousLoans) => previous_loans()?,
        Source::Sum(column) => of_user(earlier(column.as_str()).cum_sum(false))?,
        Source::Mean(column) => of_user(earlier(column.as_str()).cum_sum(false))? / previous_loans()?,
        Source::Min(column) => of_user(earlier(column.as_str()).cum_min(false))?,
        Source::Max(column) => of_user(earlier(column.as_str()).cum_max(false))?,
        Source::Last(column) => of_user(earlier(column.as_str()))?,
        Source::YearsSince(column) => years(days(column.as_str()), reference),
        Source::DaysSincePrevious(column) => {
            let day = days(column.as_str());
            of_user(day.clone() - day.shift(lit(1)))?
        }
        Source::Flag { column, one, zero } => {
            let is = |text: &String| col(column.as_str()).eq(lit(text.clone()));
            when(is(one)).then(lit(1_i64)).when(is(zero)).then(lit(0_i64)).otherwise(lit(NULL))
        }
        Source::Value(column) => col(column.as_str()),
    };
    Ok(value.cast(dtype(feature.kind)))
}

/// Gives the whole years from a day to another, as the expression does it.
pub fn whole_years(from: Option<i32>, to: i32) -> Option<i32> {
    from.filter(|&from| from <= to).map(|from| (to - from) / DAYS_OF_YEAR)
}

/// Gives the type of a feature's column in the offline store.
pub fn dtype(kind: FeatureKind) -> DataType {
    match kind {
        FeatureKind::Int => DataType::Int64,
        FeatureKind::Float => DataType::Float64,
    }
}

/// The position of the loan in its user's order, from 0.
fn previous_loans() -> PolarsResult<Expr> {
    Ok(of_user(col(columns::LOAN_ID).cum_count(false))?.cast(DataType::Int64) - lit(1_i64))
}

/// A column one loan earlier: what runs over it leaves the loan itself out, and is null for the first.
fn earlier(column: &str) -> Expr {
    col(column).shift(lit(1))
}

fn of_user(running: Expr) -> PolarsResult<Expr> {
    running.over([col(columns::ID)])
}

/// The floor of the years between, null where `from` is missing or later (3021-09-18 stands for no job).
///
/// In whole numbers throughout: without the rest, the days divide exactly.
fn years(from: Expr, to: Expr) -> Expr {
    let span = to.clone() - from.clone();
    let whole = ((span.clone() - span % lit(DAYS_OF_YEAR)) / lit(DAYS_OF_YEAR)).cast(DataType::Int64);
    when(from.lt_eq(to)).then(whole).otherwise(lit(NULL))
}

fn days(column: &str) -> Expr {
    col(column).cast(DataType::Int32)
}
