//! Ways to hold rows out. Which one was used decides what a figure is worth.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::rows::Sample;

/// The share of rows, users or time that is held out.
pub const TEST_SHARE: f64 = 0.3;

/// How rows are held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitKind {
    /// By row: rows of one user may stand on both sides, which flatters every model that can recognize a user.
    Rows,
    /// By user: all rows of a user stand on one side. This answers how the model does on users it has never seen.
    Users,
    /// By day: the model learns from the earlier loans and is judged on the later ones, of the same users too.
    Time,
}

/// Places of rows to train on and to judge by; together every row once, each list rising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows the model may learn from.
    pub train: Vec<usize>,
    /// Rows it must not see before it is judged.
    pub test: Vec<usize>,
}

impl SplitKind {
    /// Gives the word that stands in the card.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Users => "users",
            Self::Time => "time",
        }
    }

    /// Splits the sample, holding out [`TEST_SHARE`] of it.
    pub fn split(self, sample: &Sample, seed: u64) -> Split {
        match self {
            Self::Rows => by_rows(&sample.labels, TEST_SHARE, seed),
            Self::Users => by_users(&sample.entities, &sample.labels, TEST_SHARE, seed),
            Self::Time => by_time(&sample.days, TEST_SHARE),
        }
    }
}

/// Splits rows so that both sides have the same share of each class, to the row.
///
/// # Source
/// The counts of scikit-learn's `train_test_split(stratify=y)`: the test side has `ceil(n * share)` rows.
pub fn by_rows(labels: &[u8], share: f64, seed: u64) -> Split {
    let strata = labels.iter().enumerate().map(|(place, &label)| (label, place));
    let test = draw(strata, share, seed);
    let mut held_out = vec![false; labels.len()];
    test.into_iter().for_each(|place| held_out[place] = true);
    sides(held_out.into_iter())
}

/// Splits users so that both sides have the same share of users who ever had a positive row.
///
/// Without that, a small file could leave one side without any positive user at all.
pub fn by_users(entities: &[i64], labels: &[u8], share: f64, seed: u64) -> Split {
    let mut ever_positive = BTreeMap::<i64, u8>::new();
    for (&entity, &label) in entities.iter().zip(labels) {
        let ever = ever_positive.entry(entity).or_default();
        *ever = label.max(*ever);
    }
    let mut test = draw(ever_positive.into_iter().map(|(entity, ever)| (ever, entity)), share, seed);
    test.sort_unstable();
    sides(entities.iter().map(|entity| test.binary_search(entity).is_ok()))
}

/// Splits at a day: the latest `share` of the rows, with all rows of that first day, are held out.
pub fn by_time(days: &[i32], share: f64) -> Split {
    let mut ordered = days.to_vec();
    ordered.sort_unstable();
    let first_held_out = ordered.get(((1.0 - share) * days.len() as f64) as usize).copied().unwrap_or(i32::MAX);
    sides(days.iter().map(|&day| day >= first_held_out))
}

/// Draws `ceil(n * share)` of the items, from each stratum its proportion; the largest stratum takes the rounding.
fn draw<T>(items: impl Iterator<Item = (u8, T)>, share: f64, seed: u64) -> Vec<T> {
    let mut strata = BTreeMap::<u8, Vec<T>>::new();
    for (stratum, item) in items {
        strata.entry(stratum).or_default().push(item);
    }
    let count: usize = strata.values().map(Vec::len).sum();
    let wanted = (count as f64 * share).ceil() as usize;
    let mut quotas: Vec<usize> =
        strata.values().map(|of| ((wanted * of.len()) as f64 / count as f64).round() as usize).collect();
    if let Some(largest) = (0..quotas.len()).max_by_key(|&place| quotas[place]) {
        let others = quotas.iter().sum::<usize>() - quotas[largest];
        quotas[largest] = wanted.saturating_sub(others);
    }
    let mut random = StdRng::seed_from_u64(seed);
    let mut drawn = Vec::with_capacity(wanted);
    for (mut stratum, quota) in strata.into_values().zip(quotas) {
        stratum.shuffle(&mut random);
        stratum.truncate(quota);
        drawn.append(&mut stratum);
    }
    drawn
}

fn sides(held_out: impl Iterator<Item = bool>) -> Split {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (place, held_out) in held_out.enumerate() {
        if held_out { test.push(place) } else { train.push(place) }
    }
    Split { train, test }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 777,715 labels, as many positive as in the data scientist's file.
    fn labels() -> Vec<u8> {
        (0..777_715_u32).map(|row| u8::from(row % 67 == 0 && row < 67 * 11_575)).collect()
    }

    #[test]
    fn rows_are_stratified_to_the_row() {
        let labels = labels();
        let split = by_rows(&labels, TEST_SHARE, 123);
        let positives = |places: &[usize]| places.iter().filter(|&&place| labels[place] == 1).count();
        // The confusion matrix the data scientist printed adds up to these.
        assert_eq!((split.test.len(), positives(&split.test)), (233_315, 3_473));
        assert_eq!((split.train.len(), positives(&split.train)), (544_400, 8_102));
        let mut all = [split.train, split.test].concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..labels.len()), "every row stands on one side");
    }

    #[test]
    fn a_user_never_stands_on_both_sides() {
        let entities: Vec<i64> = (0..5_000).map(|row| row * row % 701).collect();
        let labels: Vec<u8> = entities.iter().map(|entity| u8::from(entity % 9 == 0)).collect();
        let split = by_users(&entities, &labels, TEST_SHARE, 7);
        let users =
            |places: &[usize]| places.iter().map(|&place| entities[place]).collect::<std::collections::BTreeSet<_>>();
        let (train, test) = (users(&split.train), users(&split.test));
        assert!(train.is_disjoint(&test));
        assert_eq!(test.len(), ((train.len() + test.len()) as f64 * TEST_SHARE).ceil() as usize);
        assert!(test.iter().any(|entity| entity % 9 == 0) && train.iter().any(|entity| entity % 9 == 0));
    }

    #[test]
    fn time_splits_between_days() {
        let days = [5, 1, 1, 2, 3, 4, 4, 4, 9, 2];
        let split = by_time(&days, TEST_SHARE);
        let latest = split.train.iter().map(|&place| days[place]).max();
        let earliest = split.test.iter().map(|&place| days[place]).min();
        assert_eq!((latest, earliest), (Some(3), Some(4)), "no day stands on both sides");
        assert!(by_time(&[], TEST_SHARE).test.is_empty());
        assert!(by_time(&[3, 3, 3], TEST_SHARE).train.is_empty(), "one day cannot be split");
    }

    #[test]
    fn the_seed_decides() {
        let labels = &labels()[..10_000];
        assert_eq!(by_rows(labels, TEST_SHARE, 1), by_rows(labels, TEST_SHARE, 1));
        assert_ne!(by_rows(labels, TEST_SHARE, 1), by_rows(labels, TEST_SHARE, 2));
    }
}
