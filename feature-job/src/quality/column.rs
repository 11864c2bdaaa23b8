//! What a column of the loan files holds.

use contract::date::Date;
use serde::Serialize;
use serde_json::Value;

use crate::loans::figures::{Figures, number};
use crate::loans::read::Loans;
use crate::loans::schema::{Column, Kind};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub demand: String,
    /// Its unit.
    pub unit: String,
    /// Whether any file has it.
    pub present: bool,
    /// Rows with a value.
    pub values: u64,
    /// Rows without.
    pub nulls: u64,
    /// Different values; null where there are more than a thousand.
    pub distinct: Option<usize>,
    /// The smallest value.
    pub min: Value,
    /// The largest value.
    pub max: Value,
}

impl ColumnReport {
    /// Tells of every column of the schema.
    pub fn all(loans: &Loans) -> Vec<Self> {
        (0..loans.schema.columns.len()).map(|place| Self::of(loans, place)).collect()
    }

    fn of(loans: &Loans, place: usize) -> Self {
        let (column, figures) = (&loans.schema.columns[place], &loans.figures[place]);
        let Figures { nulls, values, range, .. } = figures;
        let mut headers = loans.files.iter().flat_map(|file| &file.header);
        Self {
            name: column.name.clone(),
            demand: column.kind.demand(),
            unit: column.unit.clone(),
            present: headers.any(|header| header.places[place].is_some()),
            values: *values,
            nulls: *nulls,
            distinct: figures.distinct(),
            min: range.map_or(Value::Null, |(min, _)| json(column, min)),
            max: range.map_or(Value::Null, |(_, max)| json(column, max)),
        }
    }
}

/// Gives a value as [`crate::loans::value::Reader::read`] gives it, as JSON.
fn json(column: &Column, value: i64) -> Value {
    match &column.kind {
        Kind::Whole { .. } => value.into(),
        Kind::Number { .. } => number(value).into(),
        Kind::Day { .. } => {
            let day = i32::try_from(value).ok().and_then(Date::from_days);
            day.map(|day| day.to_string()).into()
        }
        Kind::Category(texts) => usize::try_from(value).ok().and_then(|place| texts.get(place)).cloned().into(),
    }
}
