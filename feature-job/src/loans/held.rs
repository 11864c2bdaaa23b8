//! Loans in memory, as compactly as their schema allows: some 50 bytes each for the columns that features are made from.

use polars::prelude::*;

use super::schema::{Kind, Schema};
use super::value::MISSING;

/// Stands for a missing category, of which there are fewer.
const NO_CODE: u8 = u8::MAX;

/// The values of some columns, row by row in the order of the files.
#[derive(Debug, Clone)]
pub struct Held {
    columns: Vec<Kept>,
    /// Each row's hash of its user's attributes: where two rows of a user differ in it, an attribute did change.
    pub attributes: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Kept {
    /// The column's place in the schema.
    place: usize,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Day(Vec<i32>),
    /// Categories by their places among the texts, and whole numbers of few bits.
    Byte(Vec<u8>),
}

impl Values {
    /// Tells whether two values are the same, bit for bit where they are numbers.
    fn same(&self, row: usize, values: &Self, other: usize) -> bool {
        match (self, values) {
            (Self::Whole(own), Self::Whole(their)) => own[row] == their[other],
            (Self::Number(own), Self::Number(their)) => own[row].to_bits() == their[other].to_bits(),
            (Self::Day(own), Self::Day(their)) => own[row] == their[other],
            (Self::Byte(own), Self::Byte(their)) => own[row] == their[other],
            _ => false,
        }
    }
}

impl Held {
    /// Makes room for columns, named by their places in the schema.
    pub fn new(schema: &Schema, places: &[usize]) -> Self {
        let values = |place: usize| match schema.columns[place].kind {
            Kind::Category(_) => Values::Byte(Vec::new()),
            Kind::Whole { min: 0.., max: ..=254 } => Values::Byte(Vec::new()),
            Kind::Whole { .. } => Values::Whole(Vec::new()),
            Kind::Number { .. } => Values::Number(Vec::new()),
            Kind::Day { .. } => Values::Day(Vec::new()),
        };
        let columns = places.iter().map(|&place| Kept { place, values: values(place) }).collect();
        Self { columns, attributes: Vec::new() }
    }

    /// Gives how many loans there are.
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Takes a row: the values of the whole schema, as [`super::value::Reader::read`] gives them.
    pub fn push(&mut self, row: &[i64], attributes: u64) {
        for Kept { place, values } in &mut self.columns {
            let value = row[*place];
            match values {
                Values::Whole(values) => values.push(value),
                Values::Number(values) => values.push(f64::from_bits(value.cast_unsigned())),
                Values::Day(values) => values.push(i32::try_from(value).unwrap_or(i32::MAX)),
                Values::Byte(values) => values.push(u8::try_from(value).unwrap_or(NO_CODE)),
            }
        }
        self.attributes.push(attributes);
    }

    /// Takes all rows of another part with the same columns.
    pub fn append(&mut self, mut part: Self) {
        for (own, other) in self.columns.iter_mut().zip(&mut part.columns) {
            match (&mut own.values, &mut other.values) {
                (Values::Whole(own), Values::Whole(other)) => own.append(other),
                (Values::Number(own), Values::Number(other)) => own.append(other),
                (Values::Day(own), Values::Day(other)) => own.append(other),
                (Values::Byte(own), Values::Byte(other)) => own.append(other),
                _ => unreachable!("parts are made of one schema and one list of columns"),
            }
        }
        self.attributes.append(&mut part.attributes);
    }

    /// Copies some rows, in the order asked for.
    pub fn select(&self, rows: &[u32]) -> Self {
        fn take<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| values[row as usize]).collect()
        }
        let kept = |kept: &Kept| {
            let values = match &kept.values {
                Values::Whole(values) => Values::Whole(take(values, rows)),
                Values::Number(values) => Values::Number(take(values, rows)),
                Values::Day(values) => Values::Day(take(values, rows)),
                Values::Byte(values) => Values::Byte(take(values, rows)),
            };
            Kept { place: kept.place, values }
        };
        Self { columns: self.columns.iter().map(kept).collect(), attributes: take(&self.attributes, rows) }
    }

    /// Tells whether a column is kept.
    pub fn keeps(&self, place: usize) -> bool {
        self.columns.iter().any(|kept| kept.place == place)
    }

    /// Tells whether two rows have the same value in a column.
    ///
    /// # Panics
    /// Where the column is none of those kept.
    pub fn same(&self, place: usize, row: usize, other: usize) -> bool {
        let values = self.values(place);
        values.same(row, values, other)
    }

    /// Tells whether a row has the values of a row of another part with the same columns.
    pub fn same_row(&self, row: usize, part: &Self, other: usize) -> bool {
        let mut columns = self.columns.iter().zip(&part.columns);
        columns.all(|(own, their)| own.place == their.place && own.values.same(row, &their.values, other))
    }

    /// Gives a column of whole numbers that are too large for a byte.
    ///
    /// # Panics
    /// Where the column is none of those kept, or of another kind.
    pub fn whole(&self, place: usize) -> &[i64] {
        match self.values(place) {
            Values::Whole(values) => values,
            _ => panic!("column {place} is not kept as whole numbers"),
        }
    }

    /// Gives a column of days since 1970-01-01.
    ///
    /// # Panics
    /// Where the column is none of those kept, or of another kind.
    pub fn days(&self, place: usize) -> &[i32] {
        match self.values(place) {
            Values::Day(values) => values,
            _ => panic!("column {place} is not kept as days"),
        }
    }

    fn values(&self, place: usize) -> &Values {
        let kept = self.columns.iter().find(|kept| kept.place == place);
        &kept.unwrap_or_else(|| panic!("column {place} is not kept")).values
    }

    /// Gives some rows as a frame, in the order asked for; a category as its text, a day as a date, missing as null.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub fn frame(&self, schema: &Schema, rows: &[u32]) -> PolarsResult<DataFrame> {
        let column = |kept: &Kept| {
            let declared = &schema.columns[kept.place];
            let name = PlSmallStr::from_str(&declared.name);
            let series = match (&kept.values, &declared.kind) {
                (Values::Whole(values), _) => {
                    let value = |row: &u32| Some(values[*row as usize]).filter(|&value| value != MISSING);
                    Int64Chunked::from_iter_options(name, rows.iter().map(value)).into_series()
                }
                (Values::Number(values), _) => {
                    let value = |row: &u32| Some(values[*row as usize]).filter(|value| !value.is_nan());
                    Float64Chunked::from_iter_options(name, rows.iter().map(value)).into_series()
                }
                (Values::Day(values), _) => {
                    let value = |row: &u32| Some(values[*row as usize]).filter(|&day| day != i32::MAX);
                    Int32Chunked::from_iter_options(name, rows.iter().map(value)).into_date().into_series()
                }
                (Values::Byte(codes), Kind::Category(texts)) => {
                    // Taking from the few texts shares them, where a new column of texts would copy each.
                    let texts = StringChunked::from_iter_values(name, texts.iter().map(String::as_str));
                    let place =
                        |row: &u32| Some(codes[*row as usize]).filter(|&code| code != NO_CODE).map(IdxSize::from);
                    texts.take(&IdxCa::from_iter_options("".into(), rows.iter().map(place)))?.into_series()
                }
                (Values::Byte(codes), _) => {
                    let value = |row: &u32| Some(codes[*row as usize]).filter(|&code| code != NO_CODE).map(i64::from);
                    Int64Chunked::from_iter_options(name, rows.iter().map(value)).into_series()
                }
            };
            Ok(series.into_column())
        };
        let columns = self.columns.iter().map(column).collect::<PolarsResult<Vec<_>>>()?;
        DataFrame::new(rows.len(), columns)
    }
}
