//! The five features, each as one expression over the loan file's columns.
//!
//! [`build`] runs them from loan files to an offline store.

pub mod build;

use contract::date::Date;
use polars::prelude::*;

use crate::columns;

/// The days of a year here: the publisher's, whatever the calendar says.
const DAYS_OF_YEAR: i32 = 365;

/// Computes the offline store's columns from checked loans, of which none lies after as-of.
///
/// # Errors
/// Whatever the engine answers; the expressions themselves are correct for every checked frame.
pub fn compute(loans: DataFrame, as_of: Date) -> PolarsResult<DataFrame> {
    // A stable sort: loans of one day keep the order of the file.
    let order = SortMultipleOptions::default().with_maintain_order(true);
    let sorted = loans.sort([columns::ID, columns::LOAN_DATE], order)?;

    let as_of = lit(as_of.days());
    let event = days(columns::LOAN_DATE);
    let features = [
        nb_previous_loans()?.alias(columns::NB_PREVIOUS_LOANS),
        (amount_before()? / nb_previous_loans()?).alias(columns::AVG_AMOUNT_LOANS_PREVIOUS),
        age(as_of.clone()).alias(columns::AGE),
        years_on_the_job(as_of).alias(columns::YEARS_ON_THE_JOB),
        age(event.clone()).alias(columns::AGE_EVENT),
        years_on_the_job(event).alias(columns::YEARS_ON_THE_JOB_EVENT),
        flag_own_car().alias(columns::FLAG_OWN_CAR),
    ];
    sorted.lazy().with_columns(features).select(columns::OFFLINE.map(col)).collect()
}

/// The position of the loan in its user's order, from 0.
fn nb_previous_loans() -> PolarsResult<Expr> {
    Ok(col(columns::LOAN_ID).cum_count(false).over([col(columns::ID)])?.cast(DataType::Int64) - lit(1_i64))
}

/// What the user was lent before this loan, this one left out; null for the first.
fn amount_before() -> PolarsResult<Expr> {
    col(columns::LOAN_AMOUNT).shift(lit(1)).cum_sum(false).over([col(columns::ID)])
}

/// Whole years since birth.
fn age(reference: Expr) -> Expr {
    years(days(columns::BIRTHDAY), reference)
}

/// Whole years since the job started; null where it has not (3021-09-18 stands for no job).
fn years_on_the_job(reference: Expr) -> Expr {
    let start = days(columns::JOB_START_DATE);
    when(start.clone().lt_eq(reference.clone())).then(years(start, reference)).otherwise(lit(NULL))
}

/// The floor of the years between, in whole numbers throughout: `%` takes the divisor's sign here, so that what is left
/// divides exactly.
fn years(from: Expr, to: Expr) -> Expr {
    let span = to - from;
    ((span.clone() - span % lit(DAYS_OF_YEAR)) / lit(DAYS_OF_YEAR)).cast(DataType::Int64)
}

/// 1 for `Y`, 0 for `N`.
fn flag_own_car() -> Expr {
    let is = |text: &'static str| col(columns::FLAG_OWN_CAR).eq(lit(text));
    when(is("Y")).then(lit(1_i64)).when(is("N")).then(lit(0_i64)).otherwise(lit(NULL)).cast(DataType::Int64)
}

fn days(column: &str) -> Expr {
    col(column).cast(DataType::Int32)
}
