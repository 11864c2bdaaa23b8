//! Rows in bins: each value becomes the number of the bin it falls into, so that a split is found by counting.
//!
//! With at most 256 bins a value is one byte, and a node's histogram fits the nearest cache. Bins have about equal counts
//! of rows, so that cuts lie close where rows lie close.
//!
//! # Source
//! Ke et al., "LightGBM" (2017), after Ranka and Singh, "CLOUDS" (1998).

use rayon::prelude::*;

use super::deep::between;
use super::rows::Rows;

/// Bins of a feature's values; one more number is left for what is missing, and all fit a byte.
const BINS_MAX: usize = 254;

/// The bins of every feature, and every row's bin in each.
#[derive(Debug)]
pub struct Binned {
    /// For each feature, where its bins end, rising: a value falls into the first bin whose end is at least the value. Only
    /// what is missing comes after them all.
    pub ends: Vec<Vec<f64>>,
    /// For each feature, the bin of every row.
    pub codes: Vec<Vec<u8>>,
}

impl Binned {
    /// Finds bins for rows, and puts the rows into them.
    pub fn new(rows: &Rows) -> Self {
        let ends: Vec<Vec<f64>> = (0..rows.width()).into_par_iter().map(|feature| ends(rows, feature)).collect();
        let codes = codes(rows, &ends);
        Self { ends, codes }
    }

    /// Puts other rows into these bins, and gives every row's bin in each feature.
    pub fn codes_of(&self, rows: &Rows) -> Vec<Vec<u8>> {
        codes(rows, &self.ends)
    }
}

fn codes(rows: &Rows, ends: &[Vec<f64>]) -> Vec<Vec<u8>> {
    // `!(end >= value)`, since a missing value is above every end, as it is in the guest.
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN comes last")]
    let code = |ends: &[f64], value: f64| ends.partition_point(|&end| !(value <= end)) as u8;
    let of = |(feature, ends): (usize, &Vec<f64>)| rows.column(feature).map(|value| code(ends, value)).collect();
    ends.par_iter().enumerate().map(of).collect()
}

/// Cuts a feature between its values: at every value where there are few, else so that bins are about equal.
fn ends(rows: &Rows, feature: usize) -> Vec<f64> {
    let mut known: Vec<f64> = rows.column(feature).filter(|value| !value.is_nan()).collect();
    known.sort_unstable_by(f64::total_cmp);
    let mut different = known.clone();
    different.dedup();
    let firsts: Vec<usize> = if different.len() <= BINS_MAX {
        (1..different.len()).collect()
    } else {
        let place = |bin: usize| different.partition_point(|&value| value < known[known.len() * bin / BINS_MAX]);
        let mut firsts: Vec<usize> = (1..BINS_MAX).map(place).filter(|&first| first > 0).collect();
        firsts.dedup();
        firsts
    };
    let mut ends: Vec<f64> = firsts.into_iter().map(|first| between(different[first - 1], different[first])).collect();
    // No value is above the last end, so that cutting there tells what is missing from all that is not.
    ends.push(f64::MAX);
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_missing_ones_come_last() {
        let rows = Rows::new(1, vec![3.0, 1.0, f64::NAN, 3.0, 7.0, 1.0]);
        let binned = Binned::new(&rows);
        assert_eq!(binned.ends, [[2.0, 5.0, f64::MAX]]);
        assert_eq!(binned.codes, [[1, 0, 3, 1, 2, 0]]);
        assert_eq!(binned.codes_of(&Rows::new(1, vec![2.0, 2.5, 1e300, f64::NAN])), [[0, 1, 2, 3]]);
        assert_eq!(Binned::new(&Rows::new(1, vec![f64::NAN; 2])).codes, [[1, 1]]);
    }

    #[test]
    fn many_values_fall_into_bins_of_about_equal_size() {
        // A quarter of the rows have one value; the others differ.
        let value = |row: i32| if row % 4 == 0 { 5_000.5 } else { f64::from(row * 7 % 10_000) };
        let rows = Rows::new(1, (0..40_000).map(value).chain([f64::NAN]).collect());
        let binned = Binned::new(&rows);
        assert!((150..=BINS_MAX).contains(&binned.ends[0].len()), "{}", binned.ends[0].len());
        let mut counts = vec![0; 256];
        binned.codes[0].iter().for_each(|&code| counts[usize::from(code)] += 1);
        counts.sort_unstable();
        assert!(counts[255] >= 10_000 && counts[254] < 400, "{:?}", &counts[250..]);
        assert!(binned.ends[0].is_sorted_by(|a, b| a < b));
        assert_eq!(usize::from(binned.codes[0][40_000]), binned.ends[0].len(), "what is missing is above every end");
    }

    #[test]
    fn a_code_is_where_the_guest_goes() {
        let rows = Rows::new(1, (0..3_000).map(|row| f64::from(row * 31 % 1_009).sqrt()).collect());
        let binned = Binned::new(&rows);
        for (row, &code) in rows.iter().zip(&binned.codes[0]) {
            for (bin, &end) in binned.ends[0].iter().enumerate() {
                assert_eq!(row[0] <= end, usize::from(code) <= bin);
            }
        }
    }
}
