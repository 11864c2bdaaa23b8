//! How far apart the parts of a slicing are treated: the usual ratios, lowest part over highest.
//!
//! # Source
//! Barocas, Hardt, Narayanan, "Fairness and Machine Learning" (2023), chapter 3: independence (approval rates), separation
//! (rates among those who paid, and among those who did not) and sufficiency (precision). The four-fifths rule on approval
//! rates is that of the US Uniform Guidelines on Employee Selection Procedures (1978).

use contract::card::{Fairness, Slice};

/// The fewest rows a part must have to count: with fewer, a part's rates are an accident, and the lowest of many parts would
/// be that of the smallest.
pub const PART_ROWS_MIN: u64 = 1_000;
/// The fewest rows a rate may be of. One loan in 67 goes unpaid, so that a part of a thousand rows has about fifteen of
/// them, and each would move its recall by a fifteenth.
pub const RATE_ROWS_MIN: u64 = 100;

/// Compares the parts of each slicing; a slicing with less than two parts of [`PART_ROWS_MIN`] rows has no ratio to give
/// and is left out; a ratio without two rates of [`RATE_ROWS_MIN`] rows is none.
pub fn fairness(slices: &[Slice]) -> Vec<Fairness> {
    slices.chunk_by(|a, b| a.by == b.by).filter_map(compare).collect()
}

fn compare(slices: &[Slice]) -> Option<Fairness> {
    let parts: Vec<&Slice> = slices.iter().filter(|slice| slice.rows >= PART_ROWS_MIN).collect();
    let [first, _, ..] = parts.as_slice() else { return None };
    let rate = |part: &Slice| approval_rate(part).unwrap_or(0.0);
    let by_rate = |a: &&&Slice, b: &&&Slice| rate(a).total_cmp(&rate(b));
    let name = |part: Option<&&Slice>| part.map(|part| part.value.clone()).unwrap_or_default();
    Some(Fairness {
        by: first.by.clone(),
        approval_rate_ratio: ratio(&parts, approval_rate),
        good_approval_rate_ratio: ratio(&parts, good_approval_rate),
        recall_ratio: ratio(&parts, recall),
        precision_ratio: ratio(&parts, precision),
        lowest: name(parts.iter().min_by(by_rate)),
        // From the other end, so that of equals the first is both the lowest and the highest.
        highest: name(parts.iter().rev().max_by(by_rate)),
    })
}

/// The share decided below the threshold.
fn approval_rate(part: &Slice) -> Option<f64> {
    let [[true_negatives, _], [false_negatives, _]] = part.metrics.confusion;
    share(true_negatives + false_negatives, part.rows)
}

/// The same share among those who paid.
fn good_approval_rate(part: &Slice) -> Option<f64> {
    let [[true_negatives, false_positives], _] = part.metrics.confusion;
    share(true_negatives, true_negatives + false_positives)
}

/// The share declined among those who did not pay.
fn recall(part: &Slice) -> Option<f64> {
    let [_, [false_negatives, true_positives]] = part.metrics.confusion;
    share(true_positives, false_negatives + true_positives)
}

/// The share that did not pay among the declined.
fn precision(part: &Slice) -> Option<f64> {
    let [[_, false_positives], [_, true_positives]] = part.metrics.confusion;
    share(true_positives, false_positives + true_positives)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole >= RATE_ROWS_MIN).then(|| part as f64 / whole as f64)
}

/// Gives the lowest rate over the highest; none where fewer than two parts have one, or all of them are 0.
fn ratio(parts: &[&Slice], rate: impl Fn(&Slice) -> Option<f64>) -> Option<f64> {
    let rates: Vec<f64> = parts.iter().filter_map(|part| rate(part)).collect();
    let highest = rates.iter().copied().fold(0.0, f64::max);
    let lowest = rates.iter().copied().fold(highest, f64::min);
    (rates.len() > 1 && highest > 0.0).then(|| lowest / highest)
}

#[cfg(test)]
mod tests {
    use contract::card::Metrics;

    use super::*;

    fn part(by: &str, value: &str, confusion: [[u64; 2]; 2]) -> Slice {
        let rows = confusion.iter().flatten().sum();
        let metrics = Metrics { confusion, ..Metrics::default() };
        let positives = confusion[1].iter().sum();
        Slice { by: by.to_owned(), value: value.to_owned(), rows, positives, metrics }
    }

    #[test]
    fn ratios_by_hand() {
        let slices = [
            part("gender", "F", [[9_000, 600], [300, 100]]),
            part("gender", "M", [[16_000, 3_200], [400, 400]]),
            part("age", "under 30", [[950, 20], [20, 10]]),
        ];
        let found = fairness(&slices);
        let [gender] = found.as_slice() else { panic!("age has one part: {found:?}") };
        assert_eq!((gender.lowest.as_str(), gender.highest.as_str()), ("M", "F"));
        let close = |found: Option<f64>, wanted: f64| {
            assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-12), "{found:?}, by hand {wanted}");
        };
        close(gender.approval_rate_ratio, (16_400.0 / 20_000.0) / (9_300.0 / 10_000.0));
        close(gender.good_approval_rate_ratio, (16_000.0 / 19_200.0) / (9_000.0 / 9_600.0));
        close(gender.recall_ratio, 0.25 / 0.5);
        close(gender.precision_ratio, (400.0 / 3_600.0) / (100.0 / 700.0));
    }

    #[test]
    fn small_parts_do_not_count() {
        let two = [part("age", "a", [[900, 50], [25, 25]]), part("age", "b", [[940, 10], [40, 10]])];
        let small = part("age", "c", [[0, 989], [10, 0]]);
        assert_eq!(fairness(&[two.as_slice(), &[small]].concat()), fairness(&two));
        let enough = part("age", "c", [[0, 990], [10, 0]]);
        assert_eq!(fairness(&[two.as_slice(), &[enough]].concat())[0].lowest, "c");
    }

    #[test]
    fn rates_of_few_rows_do_not_count() {
        let ratios = |bad: u64| {
            let found =
                fairness(&[part("age", "a", [[900, 100], [0, 100]]), part("age", "b", [[900, 100], [bad, 20]])]);
            (found[0].approval_rate_ratio.is_some(), found[0].recall_ratio)
        };
        assert_eq!(ratios(79), (true, None));
        assert_eq!(ratios(80), (true, Some(0.2)));
    }

    #[test]
    fn nobody_declined_leaves_precision_undefined() {
        let found = fairness(&[part("age", "a", [[990, 0], [10, 0]]), part("age", "b", [[980, 0], [20, 0]])]);
        assert_eq!(found[0].approval_rate_ratio, Some(1.0));
        assert_eq!((found[0].precision_ratio, found[0].recall_ratio), (None, None));
        assert_eq!((found[0].lowest.as_str(), found[0].highest.as_str()), ("a", "a"));
    }
}
