//! Checks one row after the other against the rules of the schema, and reads its values on the way.

use super::line::Fields;
use super::rules::{RuleId, Rules, ValueRules};
use super::schema::Schema;
use super::value::{MISSING, Reader, Refused};

/// Checks rows.
#[derive(Debug)]
pub struct Checker {
    columns: Vec<Column>,
    spans: Vec<Span>,
    as_of: i64,
}

#[derive(Debug)]
struct Column {
    reader: Reader,
    rules: ValueRules,
    nullable: bool,
    unreadable_is_null: bool,
}

#[derive(Debug)]
struct Span {
    rule: RuleId,
    from: usize,
    /// None is as-of.
    to: Option<usize>,
    days_min: i64,
    days_max: i64,
}

/// A row: what was read of it, and the rules that it breaks.
#[derive(Debug, Default)]
pub struct Row {
    /// A value for each column of the schema, [`MISSING`] where there is none.
    pub values: Vec<i64>,
    /// The rules broken, and the column to blame by its place in the schema.
    pub broken: Vec<(RuleId, usize)>,
    /// What is worth a note: a text taken for a missing value.
    pub notes: Vec<(RuleId, usize)>,
}

impl Checker {
    /// Makes the checks of a schema at a day, in days since 1970-01-01.
    pub fn new(schema: &Schema, rules: &Rules, as_of: i32) -> Self {
        let columns = schema.columns.iter().zip(&rules.values).map(|(column, rules)| Column {
            reader: Reader::of(&column.kind),
            rules: *rules,
            nullable: column.nullable,
            unreadable_is_null: column.unreadable_is_null,
        });
        let spans = schema.spans.iter().zip(&rules.spans).map(|(span, &rule)| {
            let (from, to) = schema.ends(span);
            let days = |bound: Option<i32>, otherwise: i64| bound.map_or(otherwise, i64::from);
            let (days_min, days_max) = (days(span.days_min, i64::MIN), days(span.days_max, i64::MAX));
            Span { rule, from, to, days_min, days_max }
        });
        Self { columns: columns.collect(), spans: spans.collect(), as_of: i64::from(as_of) }
    }

    /// Checks the fields of a line, of which `places` gives each column's, and fills the row.
    pub fn check(&self, fields: Fields<'_>, places: &[Option<usize>], row: &mut Row) {
        row.values.clear();
        row.broken.clear();
        row.notes.clear();
        for (place, (column, field)) in self.columns.iter().zip(places).enumerate() {
            let value = match field {
                Some(field) => column.value(fields.get(*field), place, row),
                None => MISSING,
            };
            row.values.push(value);
        }
        for span in &self.spans {
            span.check(self.as_of, row);
        }
    }
}

impl Column {
    fn value(&self, field: &[u8], place: usize, row: &mut Row) -> i64 {
        if field.trim_ascii_start().is_empty() {
            if !self.nullable {
                row.broken.push((self.rules.present, place));
            }
            return MISSING;
        }
        match self.reader.read(field) {
            Ok(value) => return value,
            Err(Refused::Unreadable) if self.unreadable_is_null => row.notes.push((self.rules.readable, place)),
            Err(Refused::Unreadable) => row.broken.push((self.rules.readable, place)),
            Err(Refused::Range) => row.broken.push((self.rules.range, place)),
        }
        MISSING
    }
}

impl Span {
    fn check(&self, as_of: i64, row: &mut Row) {
        let (from, to) = (row.values[self.from], self.to.map_or(as_of, |place| row.values[place]));
        let known = from != MISSING && to != MISSING;
        if known && !(self.days_min..=self.days_max).contains(&(to - from)) {
            row.broken.push((self.rule, self.from));
        }
    }
}

/// Hashes the values of some columns, so that a user's rows can be compared without keeping them.
///
/// Two values that differ give the same hash by chance once in 2^64.
pub fn hash(values: &[i64], places: &[usize]) -> u64 {
    // Multiplied by the golden ratio's digits; both halves of the product carry every bit on.
    let fold = |hash: u64, place: &usize| {
        let product = u128::from(hash ^ values[*place].cast_unsigned()) * 0x9e37_79b9_7f4a_7c15;
        (product >> 64) as u64 ^ product as u64
    };
    // Where it starts is a digit sequence as well, pi's: zeros are not to stay zero.
    places.iter().fold(0x243f_6a88_85a3_08d3, fold)
}
