//! Drift: how far a feature's values have moved since a model was trained.

use contract::card::Histogram;
use contract::ids::FeatureName;

use crate::train::rows::Rows;

/// What is added to every bin, so that one that is empty on one side does not make the index infinite.
const SMOOTHING: f64 = 0.5;

/// How far one feature has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The feature.
    pub feature: FeatureName,
    /// The population stability index: below 0.1 is usually called stable, above 0.25 a different population.
    pub index: f64,
}

/// Measures every feature's rows against the histogram that a card has of it; the rows are in the order of the histograms.
///
/// # Source
/// The population stability index of credit scoring (Siddiqi, "Credit Risk Scorecards", 2006): the sum over the bins of
/// (new share - old share) * ln(new share / old share). Missing values are a bin of their own.
pub fn drifts(histograms: &[Histogram], rows: &Rows) -> Vec<Drift> {
    let width = rows.width();
    let of = |(place, histogram): (usize, &Histogram)| {
        let mut new = vec![0; histogram.counts.len() + 1];
        for value in rows.column(place) {
            new[bin(histogram, value)] += 1;
        }
        let old: Vec<u64> = histogram.counts.iter().copied().chain([histogram.missing]).collect();
        Drift { feature: histogram.feature.clone(), index: stability_index(&old, &new) }
    };
    histograms.iter().enumerate().take(width).map(of).collect()
}

/// Gives the feature that moved most; none where there is no feature.
pub fn furthest(drifts: &[Drift]) -> Option<&Drift> {
    drifts.iter().max_by(|a, b| a.index.total_cmp(&b.index))
}

/// Finds a value's bin as the card defines it: the first whose edge is at least the value; the last is for missing ones.
fn bin(histogram: &Histogram, value: f64) -> usize {
    if value.is_nan() {
        return histogram.counts.len();
    }
    histogram.edges.partition_point(|&edge| edge < value).min(histogram.counts.len().saturating_sub(1))
}

fn stability_index(old: &[u64], new: &[u64]) -> f64 {
    let shares = |counts: &[u64]| {
        let whole = counts.iter().sum::<u64>() as f64 + SMOOTHING * counts.len() as f64;
        counts.iter().map(|&count| (count as f64 + SMOOTHING) / whole).collect::<Vec<_>>()
    };
    let terms = shares(old).into_iter().zip(shares(new)).map(|(old, new)| (new - old) * libm::log(new / old));
    terms.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(edges: &[f64], counts: &[u64], missing: u64) -> Histogram {
        let feature = "age".parse().expect("a name");
        Histogram { feature, edges: edges.to_vec(), counts: counts.to_vec(), missing }
    }

    #[test]
    fn the_index_by_hand() {
        let found = stability_index(&[99, 299], &[199, 199]);
        // Smoothed: 99.5 and 299.5 of 399 against 199.5 twice of 399.
        let (low, high, half) = (99.5_f64 / 399.0, 299.5_f64 / 399.0, 0.5_f64);
        let wanted = (half - low) * (half / low).ln() + (half - high) * (half / high).ln();
        assert!((found - wanted).abs() < 1e-12, "{found}, by hand {wanted}");
        assert!(stability_index(&[7, 0, 3], &[7, 0, 3]).abs() < 1e-12, "nothing moved");
        assert!(stability_index(&[1_000, 0], &[0, 1_000]).is_finite(), "an empty bin is no infinity");
    }

    #[test]
    fn values_fall_into_the_bins_of_the_card_and_missing_ones_into_their_own() {
        let histogram = histogram(&[1.0, 5.0], &[2, 1, 1], 2);
        assert_eq!([0.0, 1.0, 1.1, 5.0, 5.1, f64::NAN].map(|value| bin(&histogram, value)), [0, 0, 1, 1, 2, 3]);
        let same = Rows::new(1, vec![0.0, 1.0, 3.0, 9.0, f64::NAN, f64::NAN]);
        assert!(drifts(std::slice::from_ref(&histogram), &same)[0].index.abs() < 1e-12);
        let moved = drifts(&[histogram], &Rows::new(1, vec![9.0; 600]));
        assert!(moved[0].index > 1.0, "{moved:?}");
    }

    #[test]
    fn the_furthest_is_named() {
        let drift = |name: &str, index| Drift { feature: name.parse().expect("a name"), index };
        let all = [drift("a", 0.1), drift("b", 0.3), drift("c", 0.2)];
        assert_eq!(furthest(&all).map(|drift| drift.feature.as_str()), Some("b"));
        assert_eq!(furthest(&[]), None);
    }
}
