//! The figures over parts of the held-out rows.

use contract::card::{Metrics, Slice};
use rayon::prelude::*;

use super::bootstrap;
use super::dataset::Slicing;
use super::metrics::measure;
use super::rows::Sample;

/// The most parts one slicing puts into a card; a loan file decides how many there are, a card is bounded.
const SLICES_MAX: usize = 16;
/// The most characters of a part's name in a card.
const SLICE_NAME_CHARS_MAX: usize = 64;
/// The figures of a part that have intervals in a card: how well it is ranked, and how many of its bad loans are found.
const INTERVALS: [&str; 2] = ["roc_auc", "recall"];

/// Measures each part of the held-out rows; of more than `SLICES_MAX` parts, the largest. `test` are the places of the
/// held-out rows in the whole dataset.
pub fn slices(
    slicing: &Slicing,
    test: &[usize],
    scores: &[f64],
    held_out: &Sample,
    threshold: f64,
    seed: u64,
) -> Vec<Slice> {
    let mut parts: Vec<(&String, Vec<usize>)> = slicing.names.iter().map(|name| (name, Vec::new())).collect();
    for (at, &place) in test.iter().enumerate() {
        if let Some((_, part)) = parts.get_mut(slicing.codes[place] as usize) {
            part.push(at);
        }
    }
    parts.retain(|(_, part)| !part.is_empty());
    if parts.len() > SLICES_MAX {
        parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.len()));
        parts.truncate(SLICES_MAX);
    }
    let slice = |(name, part): (&String, Vec<usize>)| {
        let scores: Vec<f64> = part.iter().map(|&at| scores[at]).collect();
        let labels: Vec<u8> = part.iter().map(|&at| held_out.labels[at]).collect();
        let entities: Vec<i64> = part.iter().map(|&at| held_out.entities[at]).collect();
        let mut intervals = bootstrap::intervals(&scores, &labels, &entities, threshold, seed);
        intervals.retain(|figure, _| INTERVALS.contains(&figure.as_str()));
        Slice {
            by: slicing.by.to_owned(),
            value: name.chars().take(SLICE_NAME_CHARS_MAX).collect(),
            rows: part.len() as u64,
            positives: labels.iter().filter(|&&label| label == 1).count() as u64,
            metrics: Metrics { intervals, ..measure(&scores, &labels, threshold) },
        }
    };
    parts.into_par_iter().map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::rows::Rows;

    fn held_out(labels: Vec<u8>) -> Sample {
        let (rows, count) = (Rows::new(1, vec![0.0; labels.len()]), labels.len());
        Sample { rows, labels, entities: (0..).take(count).collect(), days: vec![0; count] }
    }

    #[test]
    fn parts_cover_the_held_out_rows_only() {
        let names = ["F", "M", "never"].map(str::to_owned).to_vec();
        let slicing = Slicing { by: "gender", names, codes: vec![0, 1, 0, 1, 1] };
        let found = slices(&slicing, &[1, 2, 4], &[0.9, 0.1, 0.2], &held_out(vec![1, 0, 0]), 0.5, 1);
        let counts: Vec<_> = found.iter().map(|slice| (slice.value.as_str(), slice.rows, slice.positives)).collect();
        assert_eq!(counts, [("F", 1, 0), ("M", 2, 1)]);
        assert_eq!(found[1].metrics.roc_auc, Some(1.0));
    }

    #[test]
    fn a_part_has_intervals_of_its_ranking_and_its_recall() {
        let slicing = Slicing { by: "gender", names: vec!["F".to_owned()], codes: vec![0; 300] };
        let (test, labels) = ((0..300).collect::<Vec<_>>(), (0..300).map(|row| u8::from(row % 3 == 0)).collect());
        let scores: Vec<f64> = (0..300).map(|row| f64::from(row * 7 % 100) / 100.0).collect();
        let found = slices(&slicing, &test, &scores, &held_out(labels), 0.5, 1);
        assert!(found[0].metrics.intervals.keys().eq(["recall", "roc_auc"]));
    }

    #[test]
    fn a_card_is_bounded_whatever_the_file_says() {
        let names = (0..1_000).map(|name| name.to_string().repeat(100)).collect();
        let slicing = Slicing { by: "housing", names, codes: (0..1_000).collect() };
        let test: Vec<usize> = (0..1_000).collect();
        let found = slices(&slicing, &test, &[0.5; 1_000], &held_out(vec![0; 1_000]), 0.5, 1);
        assert_eq!(found.len(), SLICES_MAX);
        assert!(found.iter().all(|slice| slice.value.len() <= SLICE_NAME_CHARS_MAX));
    }
}
