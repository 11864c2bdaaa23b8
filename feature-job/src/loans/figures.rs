//! What the values of each column are like: counted while they are read, so that a report costs no second look.

use polars::prelude::PlHashSet;

use super::schema::{Kind, Schema};
use super::value::MISSING;

/// The most different values that are counted; a column with more has "more".
pub const DISTINCT_MAX: usize = 1000;

/// The figures of one column, over the rows that broke no rule.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Rows without a value.
    pub nulls: u64,
    /// Rows with one.
    pub values: u64,
    /// The smallest and the largest value, as [`super::value::Reader::read`] gives them.
    pub range: Option<(i64, i64)>,
    distinct: Distinct,
    last: Option<i64>,
    /// Whether numbers are floats, whose bits are not in their order.
    float: bool,
}

/// Different values, up to a bound.
#[derive(Debug, Clone, Default)]
struct Distinct {
    /// Those from 0 to 63, a bit each: flags and categories have no others.
    small: u64,
    large: PlHashSet<i64>,
}

impl Figures {
    /// Starts the figures of every column of a schema.
    pub fn of(schema: &Schema) -> Vec<Self> {
        let float = |kind: &Kind| matches!(kind, Kind::Number { .. });
        schema.columns.iter().map(|column| Self { float: float(&column.kind), ..Self::default() }).collect()
    }

    /// Counts a value.
    pub fn add(&mut self, value: i64) {
        if value == MISSING {
            self.nulls += 1;
            return;
        }
        self.values += 1;
        // Neighbours are often alike, and have nothing new to say.
        if self.last == Some(value) {
            return;
        }
        self.last = Some(value);
        self.widen(value, value);
        if !self.has_many() {
            self.distinct.add(value);
        }
    }

    /// Adds the figures of further rows.
    pub fn append(&mut self, other: &Self) {
        self.nulls += other.nulls;
        self.values += other.values;
        if let Some((min, max)) = other.range {
            self.widen(min, max);
        }
        self.distinct.small |= other.distinct.small;
        for &value in &other.distinct.large {
            if self.has_many() {
                break;
            }
            self.distinct.add(value);
        }
    }

    /// Gives how many different values there are; none where there are more than [`DISTINCT_MAX`].
    pub fn distinct(&self) -> Option<usize> {
        (!self.has_many()).then(|| self.distinct.len())
    }

    fn has_many(&self) -> bool {
        self.distinct.len() > DISTINCT_MAX
    }

    fn widen(&mut self, min: i64, max: i64) {
        let float = self.float;
        let less = |a: i64, b: i64| if float { number(a) < number(b) } else { a < b };
        self.range = Some(match self.range {
            Some((low, high)) => (if less(min, low) { min } else { low }, if less(high, max) { max } else { high }),
            None => (min, max),
        });
    }
}

/// Gives the float that a value's bits stand for.
pub fn number(value: i64) -> f64 {
    f64::from_bits(value.cast_unsigned())
}

impl Distinct {
    fn add(&mut self, value: i64) {
        match value {
            0..64 => self.small |= 1 << value,
            _ => {
                self.large.insert(value);
            }
        }
    }

    fn len(&self) -> usize {
        self.small.count_ones() as usize + self.large.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: impl IntoIterator<Item = i64>) -> Figures {
        let mut figures = Figures::default();
        values.into_iter().for_each(|value| figures.add(value));
        figures
    }

    #[test]
    fn values_are_counted_in_parts_as_in_one() {
        let values = [3, 3, MISSING, 70, -5, 3, 70, MISSING];
        let whole = figures(values);
        assert_eq!((whole.nulls, whole.values, whole.range, whole.distinct()), (2, 6, Some((-5, 70)), Some(3)));
        for cut in 0..=values.len() {
            let mut parts = figures(values[..cut].iter().copied());
            parts.append(&figures(values[cut..].iter().copied()));
            let found = (parts.nulls, parts.values, parts.range, parts.distinct());
            assert_eq!(found, (2, 6, Some((-5, 70)), Some(3)), "cut at {cut}");
        }
    }

    #[test]
    fn different_values_are_counted_up_to_the_bound() {
        let bound = DISTINCT_MAX as i64;
        assert_eq!(figures(0..bound).distinct(), Some(DISTINCT_MAX));
        assert_eq!(figures(0..bound + 1).distinct(), None);
        let mut parts = figures(0..bound);
        parts.append(&figures(bound..2 * bound));
        assert_eq!(parts.distinct(), None);
    }

    #[test]
    fn floats_are_ordered_as_numbers() {
        let mut figures = Figures { float: true, ..Figures::default() };
        [1.5, -2.5, 0.0, -0.5].into_iter().for_each(|value: f64| figures.add(value.to_bits().cast_signed()));
        assert_eq!(figures.range.map(|(min, max)| (number(min), number(max))), Some((-2.5, 1.5)));
    }
}
