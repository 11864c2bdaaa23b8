//! SMOTE: new minority rows between a minority row and one of its nearest minority neighbours.
//!
//! # Source
//! Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique" (2002), drawn as imbalanced-learn draws it: a
//! random minority row, a random one of its `k` neighbours, a uniform step between them, until both classes are equal.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use super::rows::Rows;

/// There are too few minority rows to have neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "SMOTE needs {needed} rows of the smaller class in the training part and found {found}: give more data, or take \
     another recipe"
)]
pub struct SmoteError {
    /// Rows of the smaller class that were found.
    pub found: usize,
    /// Rows that are needed: one more than there are neighbours.
    pub needed: usize,
}

/// Gives the rows and labels with synthetic rows of the smaller class appended, until both classes are equal.
///
/// The rows must hold no NaN: distances to a missing value mean nothing.
///
/// # Errors
/// [`SmoteError`] when the smaller class has not more rows than `neighbours`.
pub fn balance(rows: &Rows, labels: &[u8], neighbours: usize, seed: u64) -> Result<(Rows, Vec<u8>), SmoteError> {
    let positives = labels.iter().filter(|&&label| label == 1).count();
    let minority_label = u8::from(positives * 2 <= labels.len());
    let places: Vec<usize> = (0..labels.len()).filter(|&place| labels[place] == minority_label).collect();
    if places.len() <= neighbours {
        return Err(SmoteError { found: places.len(), needed: neighbours + 1 });
    }
    let minority = rows.select(&places);
    let nearest = nearest(&minority, neighbours);

    let missing = labels.len() - 2 * places.len();
    let (mut rows, mut labels) = (rows.clone(), labels.to_vec());
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..missing {
        let from = random.random_range(0..minority.len());
        let to = nearest[from][random.random_range(0..neighbours)];
        let step: f64 = random.random();
        let (from, to) = (minority.row(from), minority.row(to));
        rows.push(from.iter().zip(to).map(|(&from, &to)| from + step * (to - from)));
        labels.push(minority_label);
    }
    Ok((rows, labels))
}

/// Finds the `count` nearest other rows of every row, by Euclidean distance, equal distances by place.
///
/// Rows are ordered along the feature that spreads most; a search walks outwards from its row and stops where that one
/// feature alone is farther away than the worst neighbour found. This is exact, and for the 8,102 positive rows of
/// the real data it looks at a small part of all pairs.
fn nearest(rows: &Rows, count: usize) -> Vec<Vec<usize>> {
    let widest = (0..rows.width()).max_by(|&a, &b| spread(rows, a).total_cmp(&spread(rows, b))).unwrap_or(0);
    let along = |place: usize| rows.row(place)[widest];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| along(a).total_cmp(&along(b)).then(a.cmp(&b)));
    let mut rank = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &place)| rank[place] = at);

    let search = |place: usize| {
        let mut found: Vec<(f64, usize)> = Vec::with_capacity(count + 1);
        let mut look = |other: usize| {
            let gap = (along(other) - along(place)).powi(2);
            if found.len() == count && gap > found[count - 1].0 {
                return false;
            }
            let candidate = (distance(rows.row(place), rows.row(other)), other);
            let at = found.partition_point(|kept| (kept.0, kept.1) < candidate);
            found.insert(at, candidate);
            found.truncate(count);
            true
        };
        let _ = order[rank[place] + 1..].iter().all(|&other| look(other));
        let _ = order[..rank[place]].iter().rev().all(|&other| look(other));
        found.into_iter().map(|(_, other)| other).collect()
    };
    (0..rows.len()).into_par_iter().map(search).collect()
}

fn spread(rows: &Rows, feature: usize) -> f64 {
    let mean = rows.column(feature).sum::<f64>() / rows.len() as f64;
    rows.column(feature).map(|value| (value - mean).powi(2)).sum()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: usize) -> Rows {
        let mut random = StdRng::seed_from_u64(5);
        // Whole numbers, so that equal distances and equal rows occur.
        Rows::new(2, (0..2 * count).map(|_| f64::from(random.random_range(0..40))).collect())
    }

    #[test]
    fn neighbours_are_the_nearest() {
        let rows = points(300);
        for (place, found) in nearest(&rows, 5).into_iter().enumerate() {
            let mut others: Vec<usize> = (0..rows.len()).filter(|&other| other != place).collect();
            others.sort_by(|&a, &b| {
                distance(rows.row(place), rows.row(a))
                    .total_cmp(&distance(rows.row(place), rows.row(b)))
                    .then(a.cmp(&b))
            });
            assert_eq!(found, others[..5], "row {place}");
        }
    }

    #[test]
    fn classes_become_equal_and_old_rows_stay() {
        let rows = points(200);
        let labels: Vec<u8> = (0..200).map(|row| u8::from(row % 20 == 0)).collect();
        let (grown, grown_labels) = balance(&rows, &labels, 5, 1).expect("ten positives are enough");
        assert_eq!(grown.values()[..rows.values().len()], *rows.values());
        assert_eq!(grown_labels.iter().filter(|&&label| label == 1).count(), 190);
        assert_eq!((grown.len(), grown_labels.len()), (380, 380));
        // A synthetic row lies within the box of the minority.
        for feature in 0..2 {
            let minority = || rows.column(feature).step_by(20);
            let (low, high) = (minority().fold(f64::MAX, f64::min), minority().fold(f64::MIN, f64::max));
            assert!(grown.column(feature).skip(200).all(|value| (low..=high).contains(&value)));
        }
        assert_eq!(balance(&rows, &labels, 5, 1).expect("again"), (grown.clone(), grown_labels));
        assert_ne!(balance(&rows, &labels, 5, 2).expect("another seed").0, grown);
    }

    #[test]
    fn too_few_rows_are_refused() {
        let labels: Vec<u8> = (0..200).map(|row| u8::from(row < 5)).collect();
        assert_eq!(balance(&points(200), &labels, 5, 1), Err(SmoteError { found: 5, needed: 6 }));
        let enough: Vec<u8> = (0..200).map(|row| u8::from(row < 6)).collect();
        assert!(balance(&points(200), &enough, 5, 1).is_ok());
    }

    #[test]
    fn the_smaller_class_grows_whichever_it_is() {
        let labels: Vec<u8> = (0..200).map(|row| u8::from(row % 10 != 0)).collect();
        let (_, grown) = balance(&points(200), &labels, 5, 1).expect("twenty negatives are enough");
        assert_eq!(grown.iter().filter(|&&label| label == 0).count(), 180);
    }
}
