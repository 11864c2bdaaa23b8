//! The calibration error: how far scores lie from the share of outcomes, over bins of equal size.

/// Bins that the rows fall into, from the lowest score to the highest.
const BINS: u64 = 10;

/// The bins while they are filled, one group of equal scores after the other.
///
/// Rows of equal scores cannot be told apart: where a group is cut by the end of a bin, both parts have the group's share
/// of positives. Else the error of a model with few different scores would depend on the order of its rows.
#[derive(Debug)]
pub struct Bins {
    rows: u64,
    count: u64,
    /// The bin at hand, the row it ends before, and its sum of score less outcome.
    bin: u64,
    end: u64,
    sum: f64,
    filled: u64,
    /// The absolute sums of the bins that are full.
    distance: f64,
}

impl Bins {
    /// Makes bins for this many rows; one for each row where there are fewer rows than bins.
    pub fn new(rows: u64) -> Self {
        let count = rows.min(BINS);
        let end = rows.checked_div(count).unwrap_or(0);
        Self { rows, count, bin: 0, end, sum: 0.0, filled: 0, distance: 0.0 }
    }

    /// Adds a group of rows of one score, higher than all before it.
    pub fn add(&mut self, score: f64, positives: u64, rows: u64) {
        if rows < self.end - self.filled {
            self.sum += score * rows as f64 - positives as f64;
            self.filled += rows;
        } else {
            self.cut(score - positives as f64 / rows.max(1) as f64, rows);
        }
    }

    /// Adds a group that fills the bin at hand, and maybe others: each takes rows of this mean score less outcome.
    fn cut(&mut self, difference: f64, mut rows: u64) {
        while rows > 0 && self.filled < self.rows {
            let taken = rows.min(self.end - self.filled);
            self.sum += difference * taken as f64;
            self.filled += taken;
            rows -= taken;
            if self.filled == self.end {
                self.distance += self.sum.abs();
                self.sum = 0.0;
                self.bin += 1;
                self.end = self.rows * (self.bin + 1) / self.count;
            }
        }
    }

    /// Gives the mean distance of all rows; 0 where there is none.
    pub fn error(&self) -> f64 {
        self.distance / self.rows.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(groups: &[(f64, u64, u64)], wanted: f64) {
        let mut bins = Bins::new(groups.iter().map(|(_, _, rows)| rows).sum());
        groups.iter().for_each(|&(score, positives, rows)| bins.add(score, positives, rows));
        assert!((bins.error() - wanted).abs() < 1e-12, "{groups:?}: {}, by hand {wanted}", bins.error());
    }

    #[test]
    fn the_error_by_hand() {
        check(&[], 0.0);
        // Three rows are three bins.
        check(&[(0.1, 0, 1), (0.4, 1, 1), (0.9, 1, 1)], (0.1 + 0.6 + 0.1) / 3.0);
        // One score for all rows: right on average is right, however the rows fall into bins.
        check(&[(0.25, 25, 100)], 0.0);
        check(&[(0.5, 25, 100)], 0.25);
        // Ten and ninety rows: the first bin is the first group, the other nine share the second.
        check(&[(0.2, 1, 10), (0.5, 36, 90)], 0.1 * 0.1 + 0.9 * 0.1);
        // Within a bin, too high here and too low there cancel out.
        check(&[(0.4, 3, 5), (0.6, 2, 5), (0.7, 63, 90)], 0.0);
        // A group of 15 fills the first bin and half of the second.
        check(&[(0.2, 0, 15), (0.4, 2, 5), (0.5, 40, 80)], 0.1 * 0.2 + 0.1 * 0.1);
    }
}
