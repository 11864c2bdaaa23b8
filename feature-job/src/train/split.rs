//! Ways to hold rows out. Which one was used decides what a figure is worth.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde::Deserialize;

use super::rows::Sample;

/// The share of rows, users or time that is held out where nothing else is said.
pub const TEST_SHARE: f64 = 0.3;

/// How rows are held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// By row: rows of one user may stand on both sides, which flatters every model that can recognize a user.
    Rows,
    /// By user: all rows of a user stand on one side. This answers how the model does on users it has never seen.
    Users,
    /// By day: the model learns from the earlier loans and is judged on the later ones, of the same users too.
    Time,
    /// By user and by day: the model learns from the earlier loans of some users and is judged on the later loans of the
    /// others. The hardest, and what a new customer is to a model in service.
    UsersTime,
}

/// How much is held out, whichever way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldOut {
    /// The share of rows or users; of time too, where no day is given.
    pub share: f64,
    /// The first day held out by time, in days since 1970-01-01.
    pub first_day: Option<i32>,
}

impl Default for HoldOut {
    fn default() -> Self {
        Self { share: TEST_SHARE, first_day: None }
    }
}

/// Places of rows to train on and to judge by, each list rising; no row stands in both. By user and day at once, some rows
/// stand in neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows the model may learn from.
    pub train: Vec<usize>,
    /// Rows it must not see before it is judged.
    pub test: Vec<usize>,
}

impl SplitKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rows, Self::Users, Self::Time, Self::UsersTime];

    /// Gives the word that stands in the card.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Users => "users",
            Self::Time => "time",
            Self::UsersTime => "users-time",
        }
    }

    /// Splits the sample.
    pub fn split(self, sample: &Sample, held_out: &HoldOut, seed: u64) -> Split {
        let users = || by_users(&sample.entities, &sample.labels, held_out.share, seed);
        let first_day = || held_out.first_day.or_else(|| first_day(&sample.days, held_out.share)).unwrap_or(i32::MAX);
        match self {
            Self::Rows => by_rows(&sample.labels, held_out.share, seed),
            Self::Users => users(),
            Self::Time => by_day(&sample.days, first_day()),
            Self::UsersTime => {
                let (mut split, first_day) = (users(), first_day());
                split.train.retain(|&place| sample.days[place] < first_day);
                split.test.retain(|&place| sample.days[place] >= first_day);
                split
            }
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
    let mut test = draw(ever_positive(entities, labels).into_iter().map(|(entity, ever)| (ever, entity)), share, seed);
    test.sort_unstable();
    sides(entities.iter().map(|entity| test.binary_search(entity).is_ok()))
}

/// Deals users into folds so that each has about the same share of users who ever had a positive row; gives every row's
/// fold. All rows of a user are in one.
pub fn folds(entities: &[i64], labels: &[u8], count: usize, seed: u64) -> Vec<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut fold_of = BTreeMap::<i64, usize>::new();
    for class in [0, 1] {
        let ever = ever_positive(entities, labels);
        let mut users: Vec<i64> =
            ever.into_iter().filter(|(_, ever)| *ever == class).map(|(entity, _)| entity).collect();
        users.shuffle(&mut random);
        fold_of.extend(users.into_iter().enumerate().map(|(place, entity)| (entity, place % count.max(1))));
    }
    entities.iter().map(|entity| fold_of[entity]).collect()
}

/// Gives for every user whether one of his rows is positive.
fn ever_positive(entities: &[i64], labels: &[u8]) -> BTreeMap<i64, u8> {
    let mut ever_positive = BTreeMap::<i64, u8>::new();
    for (&entity, &label) in entities.iter().zip(labels) {
        let ever = ever_positive.entry(entity).or_default();
        *ever = label.max(*ever);
    }
    ever_positive
}

/// Splits at a day: all loans from that day on are held out.
pub fn by_day(days: &[i32], first_day: i32) -> Split {
    sides(days.iter().map(|&day| day >= first_day))
}

/// Finds the day from which on the latest `share` of the rows lies; all rows of that day are among them.
fn first_day(days: &[i32], share: f64) -> Option<i32> {
    let mut ordered = days.to_vec();
    ordered.sort_unstable();
    ordered.get(((1.0 - share) * days.len() as f64) as usize).copied()
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
    fn folds_never_share_a_user() {
        let entities: Vec<i64> = (0..5_000).map(|row| row * row % 701).collect();
        let labels: Vec<u8> = entities.iter().map(|entity| u8::from(entity % 9 == 0)).collect();
        let folds_of = folds(&entities, &labels, 4, 7);
        let mut by_user = BTreeMap::new();
        for ((&entity, &label), &fold) in entities.iter().zip(&labels).zip(&folds_of) {
            assert_eq!(*by_user.entry(entity).or_insert((fold, label)), (fold, label), "user {entity}");
        }
        for class in [0, 1] {
            let users = |fold| by_user.values().filter(|of| **of == (fold, class)).count();
            let counts: Vec<usize> = (0..4).map(users).collect();
            assert!(counts.iter().all(|&count| count > 0 && count.abs_diff(counts[0]) <= 1), "{counts:?}");
        }
        assert_eq!(folds_of, folds(&entities, &labels, 4, 7));
        assert_ne!(folds_of, folds(&entities, &labels, 4, 8));
    }

    #[test]
    fn time_splits_between_days() {
        let days = [5, 1, 1, 2, 3, 4, 4, 4, 9, 2];
        let split = by_day(&days, first_day(&days, TEST_SHARE).expect("ten days"));
        let latest = split.train.iter().map(|&place| days[place]).max();
        let earliest = split.test.iter().map(|&place| days[place]).min();
        assert_eq!((latest, earliest), (Some(3), Some(4)), "no day stands on both sides");
        assert_eq!(first_day(&[], TEST_SHARE), None);
        assert!(by_day(&[3, 3, 3], 3).train.is_empty(), "one day cannot be split");
    }

    #[test]
    fn later_loans_of_other_users_are_the_hardest_test() {
        let entities: Vec<i64> = (0..5_000).map(|row| row * row % 701).collect();
        let labels: Vec<u8> = entities.iter().map(|entity| u8::from(entity % 9 == 0)).collect();
        let days: Vec<i32> = (0..5_000).map(|row| row * 7 % 300).collect();
        let sample = Sample { rows: crate::train::rows::Rows::new(1, vec![0.0; 5_000]), labels, entities, days };
        for held_out in [HoldOut::default(), HoldOut { first_day: Some(150), ..HoldOut::default() }] {
            let split = SplitKind::UsersTime.split(&sample, &held_out, 7);
            let first_day = held_out.first_day.or_else(|| first_day(&sample.days, TEST_SHARE)).expect("a day");
            let users = SplitKind::Users.split(&sample, &held_out, 7);
            assert!(split.train.iter().all(|place| users.train.contains(place) && sample.days[*place] < first_day));
            assert!(split.test.iter().all(|place| users.test.contains(place) && sample.days[*place] >= first_day));
            let [train, test] = [&split.train, &split.test].map(|side| side.len());
            assert!(train > 1_000 && test > 300, "{train} and {test}");
            let time = SplitKind::Time.split(&sample, &held_out, 7);
            assert_eq!(time.train.len() + time.test.len(), 5_000);
            assert!(time.test.iter().all(|&place| sample.days[place] >= first_day));
        }
    }

    #[test]
    fn the_seed_decides() {
        let labels = &labels()[..10_000];
        assert_eq!(by_rows(labels, TEST_SHARE, 1), by_rows(labels, TEST_SHARE, 1));
        assert_ne!(by_rows(labels, TEST_SHARE, 1), by_rows(labels, TEST_SHARE, 2));
    }
}
