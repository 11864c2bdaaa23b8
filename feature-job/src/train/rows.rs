//! Rows of features and the part of a table a fit may see.

use std::collections::BTreeSet;

/// Rows of equal width, row-major, NaN where a value is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f64>,
}

/// Labelled rows with the user and the day of each: all that a recipe may learn from.
///
/// Users and days stand beside the rows, not in them: an id can decide a split, it can never become a feature.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The rows, in the view's order.
    pub rows: Rows,
    /// 1 where the loan was not paid on time, else 0.
    pub labels: Vec<u8>,
    /// The user of each row.
    pub entities: Vec<i64>,
    /// The day of each row's loan, counted from 1970-01-01.
    pub days: Vec<i32>,
}

impl Rows {
    /// Takes row-major values; the last row is left out if it is not whole.
    pub fn new(width: usize, mut values: Vec<f64>) -> Self {
        values.truncate(values.len() / width.max(1) * width);
        Self { width, values }
    }

    /// Gives how many values a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Gives how many rows there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Says whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Gives one row.
    pub fn row(&self, place: usize) -> &[f64] {
        &self.values[place * self.width..(place + 1) * self.width]
    }

    /// Gives the rows in their order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Gives all values, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Gives one feature of every row.
    pub fn column(&self, feature: usize) -> impl Iterator<Item = f64> + '_ {
        self.iter().map(move |row| row[feature])
    }

    /// Copies the rows at these places, in the order of the places.
    pub fn select(&self, places: &[usize]) -> Self {
        let mut values = Vec::with_capacity(places.len() * self.width);
        for &place in places {
            values.extend_from_slice(self.row(place));
        }
        Self { width: self.width, values }
    }

    /// Appends a row of the same width.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        let before = self.values.len();
        self.values.extend(row.into_iter().take(self.width));
        self.values.resize(before + self.width, f64::NAN);
    }

    /// Replaces what is missing, feature by feature, exactly as the guest does it before it scores.
    pub fn imputed(&self, imputation: &[f64]) -> Self {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.width.max(1)) {
            for (value, &instead) in row.iter_mut().zip(imputation) {
                if value.is_nan() {
                    *value = instead;
                }
            }
        }
        Self { width: self.width, values }
    }
}

impl Sample {
    /// Copies the rows at these places with all that stands beside them.
    pub fn select(&self, places: &[usize]) -> Self {
        Self {
            rows: self.rows.select(places),
            labels: places.iter().map(|&place| self.labels[place]).collect(),
            entities: places.iter().map(|&place| self.entities[place]).collect(),
            days: places.iter().map(|&place| self.days[place]).collect(),
        }
    }

    /// Counts the rows labelled 1.
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label == 1).count()
    }

    /// Counts the users.
    pub fn entities_count(&self) -> usize {
        self.entities.iter().collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_and_imputed() {
        let rows = Rows::new(2, vec![1.0, f64::NAN, 3.0, 4.0, f64::NAN, 6.0, 9.0]);
        assert_eq!(rows.len(), 3, "a broken row is none");
        assert_eq!(rows.select(&[1, 1]).values(), [3.0, 4.0, 3.0, 4.0]);
        assert_eq!(rows.imputed(&[0.0, -1.0]).values(), [1.0, -1.0, 3.0, 4.0, 0.0, 6.0]);
        assert_eq!(rows.column(0).filter(|value| !value.is_nan()).sum::<f64>(), 4.0);
        assert_eq!(Rows::new(0, vec![1.0]).len(), 0);
    }
}
