//! How each feature was distributed in training: what drift is measured against.

use contract::card::Histogram;
use contract::view::FeatureView;

use super::rows::Rows;

/// Bins of a histogram, where the feature has as many different values.
const BINS: usize = 10;

/// Counts every feature's values in bins of about equal size; fewer bins where a value fills several.
pub fn histograms(view: &FeatureView, rows: &Rows) -> Vec<Histogram> {
    let histogram = |(place, feature): (usize, &contract::view::Feature)| {
        let mut known: Vec<f64> = rows.column(place).filter(|value| !value.is_nan()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let edges = edges(&known);
        let mut counts = vec![0; edges.len() + 1];
        // A value belongs to the first bin whose edge is at least the value, as the card says.
        known.iter().for_each(|&value| counts[edges.partition_point(|&edge| edge < value)] += 1);
        let missing = (rows.len() - known.len()) as u64;
        Histogram { feature: feature.name.clone(), edges, counts, missing }
    };
    view.features.iter().enumerate().map(histogram).collect()
}

fn edges(sorted: &[f64]) -> Vec<f64> {
    let Some(&largest) = sorted.last() else { return Vec::new() };
    let mut edges: Vec<f64> = (1..BINS).map(|bin| sorted[(sorted.len() - 1) * bin / BINS]).collect();
    edges.dedup();
    // An edge at the largest value would leave the last bin empty for ever.
    edges.retain(|&edge| edge < largest);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_once() {
        let view = FeatureView::credit_risk();
        let rows: Vec<f64> = (0..1_000)
            .flat_map(|row| {
                let years = if row % 4 == 0 { f64::NAN } else { f64::from(row % 7) };
                [f64::from(row), 128.5, f64::from(row % 3), years, f64::from(row % 2)]
            })
            .collect();
        let found = histograms(view, &Rows::new(5, rows));
        assert_eq!(found.len(), 5);
        for histogram in &found {
            assert_eq!(histogram.counts.iter().sum::<u64>() + histogram.missing, 1_000, "{}", histogram.feature);
            assert_eq!(histogram.counts.len(), histogram.edges.len() + 1);
            assert!(histogram.edges.is_sorted_by(|a, b| a < b), "{}", histogram.feature);
            assert!(histogram.counts.iter().all(|&count| count > 0), "{}", histogram.feature);
        }
        assert!(found[0].counts.iter().all(|&count| count.abs_diff(100) <= 1), "{:?}", found[0].counts);
        assert!(found[1].edges.is_empty(), "one value needs no edge");
        assert_eq!(found[3].missing, 250);
        assert_eq!((found[4].edges.as_slice(), found[4].counts.as_slice()), (&[0.0][..], &[500, 500][..]));
    }

    #[test]
    fn an_absent_feature_has_one_empty_bin() {
        let rows = Rows::new(5, vec![f64::NAN; 5]);
        assert_eq!(histograms(FeatureView::credit_risk(), &rows)[1].counts, [0]);
    }
}
