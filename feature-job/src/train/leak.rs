//! Leaks: held-out rows about which a training part already told something.

use std::collections::BTreeMap;

use super::rows::Sample;
use super::split::Split;

/// What a training part tells about users: the last day of each that stands in it.
#[derive(Debug)]
pub struct Known(BTreeMap<i64, i32>);

impl Known {
    /// Takes the rows at these places as learned from.
    pub fn new(sample: &Sample, train: &[usize]) -> Self {
        let mut latest = BTreeMap::<i64, i32>::new();
        for &place in train {
            let day = latest.entry(sample.entities[place]).or_insert(i32::MIN);
            *day = sample.days[place].max(*day);
        }
        Self(latest)
    }

    /// Tells whether the training part has a loan of this row's user of the same day or later. Such a row tests whether the
    /// model recognizes a user, and not whether it can foresee anything.
    pub fn leaks(&self, sample: &Sample, place: usize) -> bool {
        self.0.get(&sample.entities[place]).is_some_and(|&day| day >= sample.days[place])
    }
}

/// Gives the share of the held-out rows that the training part leaks to.
pub fn leaked_rows_share(sample: &Sample, split: &Split) -> f64 {
    let known = Known::new(sample, &split.train);
    let leaked = split.test.iter().filter(|&&place| known.leaks(sample, place)).count();
    leaked as f64 / split.test.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::rows::Rows;

    #[test]
    fn users_on_both_sides_leak_unless_the_past_foresees_the_future() {
        let sample = Sample {
            rows: Rows::new(1, vec![0.0; 6]),
            labels: vec![0; 6],
            entities: vec![7, 7, 7, 8, 8, 9],
            days: vec![1, 2, 3, 1, 3, 2],
        };
        let check = |train: &[usize], test: &[usize], wanted: f64| {
            let split = Split { train: train.to_vec(), test: test.to_vec() };
            assert_eq!(leaked_rows_share(&sample, &split), wanted, "{train:?} against {test:?}");
        };
        check(&[0, 2, 3], &[1, 4, 5], 1.0 / 3.0);
        check(&[0, 1, 2], &[3, 4, 5], 0.0);
        check(&[0, 1, 3], &[2, 4], 0.0);
        check(&[1, 2, 4, 5], &[0, 3], 1.0);
        check(&[0], &[], 0.0);
    }

    #[test]
    fn the_same_day_leaks_as_well() {
        let sample =
            Sample { rows: Rows::new(1, vec![0.0; 2]), labels: vec![0; 2], entities: vec![7; 2], days: vec![5; 2] };
        assert_eq!(leaked_rows_share(&sample, &Split { train: vec![0], test: vec![1] }), 1.0);
    }
}
