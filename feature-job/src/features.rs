//! The features of a view, computed from checked loans.
//!
//! [`plan`] holds a view against the columns there are, [`source`] makes each feature's source one expression, and
//! [`build`] runs them from loan files to an offline store, on top of one that is there if asked
//! ([`base`]).

pub mod base;
pub mod build;
pub mod plan;
pub mod source;

use contract::date::Date;
use contract::view::Ages;
use polars::prelude::*;

use crate::columns;
use plan::Plan;

/// Computes the offline store's columns from checked loans, all loans of a user among them, sorted by user and day.
///
/// The frame has the columns of [`Plan::loan_columns`], each with the type of [`plan::dtype`]; no loan lies after as-of.
///
/// # Errors
/// Whatever the engine answers; the expressions themselves are correct for every checked frame.
pub fn compute(loans: DataFrame, plan: &Plan, as_of: Date, ages: Ages) -> PolarsResult<DataFrame> {
    let event = col(columns::LOAN_DATE).cast(DataType::Int32);
    let reference = match ages {
        Ages::AsOf => lit(as_of.days()),
        Ages::Event => event.clone(),
    };
    let mut made = Vec::new();
    for feature in &plan.view().features {
        made.push(source::expression(feature, reference.clone())?.alias(feature.name.as_str()));
        if source::has_ages(feature) {
            made.push(source::expression(feature, event.clone())?.alias(columns::event(feature.name.as_str())));
        }
    }
    let store = plan.store_schema();
    loans.lazy().with_columns(made).select(store.iter_names_cloned().map(col).collect::<Vec<_>>()).collect()
}
