//! Intervals: how far a figure may be off by chance in which users were held out.
//!
//! Whole users are drawn with replacement, since the loans of one user go together. Drawing single rows would take a user's
//! twenty loans for twenty independent witnesses and make every interval too narrow.
//!
//! The rows are sorted by score once. A draw is then a count for each user, and one pass over the sorted rows gives every
//! figure of the drawn sample, as if its rows had been copied out and measured.
//!
//! # Source
//! Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13 (percentile intervals); Field and Welsh,
//! "Bootstrapping clustered data" (2007).

mod ranked;

use std::collections::BTreeMap;

use contract::card::{Difference, Interval};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use ranked::{FIGURES, Figures, Ranked, Users};

/// How often users are drawn. Twelve draws then lie beyond each end of an interval, so that the end itself is not decided
/// by one or two of them.
pub const DRAWS: usize = 500;
/// The share of draws beyond each end of an interval.
const BEYOND: f64 = 0.025;

/// Gives the 95 % interval of every figure by its name in the card. A figure that is undefined in some draw (no positive
/// user was in it) has none: there are too few users to say.
pub fn intervals(
    scores: &[f64],
    labels: &[u8],
    entities: &[i64],
    threshold: f64,
    seed: u64,
) -> BTreeMap<String, Interval> {
    let users = Users::new(entities);
    let ranked = Ranked::new(scores, labels, &users, threshold);
    let drawn = draw(users.count, seed, |counts| ranked.figures(counts));
    named(|figure| interval(drawn.iter().map(|figures| figures[figure])))
}

/// Gives challenger less champion, for every figure, with the interval of the difference; `thresholds` are the champion's
/// and the challenger's. Both are measured on the same drawn users, so that what is hard about some users for both of them
/// cancels out.
pub fn differences(
    champion: &[f64],
    challenger: &[f64],
    labels: &[u8],
    entities: &[i64],
    thresholds: [f64; 2],
    seed: u64,
) -> BTreeMap<String, Difference> {
    let users = Users::new(entities);
    let [champion, challenger] = [(champion, thresholds[0]), (challenger, thresholds[1])]
        .map(|(scores, threshold)| Ranked::new(scores, labels, &users, threshold));
    let between = |counts: &[u32]| -> Figures {
        let [old, new] = [&champion, &challenger].map(|ranked| ranked.figures(counts));
        std::array::from_fn(|figure| new[figure] - old[figure])
    };
    let values = between(&vec![1; users.count]);
    let drawn = draw(users.count, seed, between);
    named(|figure| {
        let interval = interval(drawn.iter().map(|figures| figures[figure]))?;
        (!values[figure].is_nan()).then_some(Difference { value: values[figure], interval })
    })
}

/// Draws users again and again, and measures each draw; the seed alone decides what is drawn, not the count of threads.
fn draw(users_count: usize, seed: u64, measure: impl Fn(&[u32]) -> Figures + Sync) -> Vec<Figures> {
    let mut random = StdRng::seed_from_u64(seed);
    let seeds: Vec<u64> = (0..DRAWS).map(|_| random.random()).collect();
    let one = |seed| {
        let mut random = StdRng::seed_from_u64(seed);
        let mut counts = vec![0_u32; users_count];
        (0..users_count).for_each(|_| counts[random.random_range(0..users_count)] += 1);
        measure(&counts)
    };
    seeds.into_par_iter().map(one).collect()
}

fn interval(drawn: impl Iterator<Item = f64>) -> Option<Interval> {
    let mut values: Vec<f64> = drawn.collect();
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let beyond = (values.len() as f64 * BEYOND) as usize;
    Some(Interval { low: *values.get(beyond)?, high: *values.get(values.len() - 1 - beyond)? })
}

fn named<T>(of: impl Fn(usize) -> Option<T>) -> BTreeMap<String, T> {
    let named = |(figure, name): (usize, &&str)| Some(((*name).to_owned(), of(figure)?));
    FIGURES.iter().enumerate().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of users whose loans go together: each user is good or bad, and the scores know it a little.
    struct Made {
        scores: Vec<f64>,
        labels: Vec<u8>,
        entities: Vec<i64>,
    }

    fn made_up(users: usize, seed: u64) -> Made {
        let mut random = StdRng::seed_from_u64(seed);
        let mut made = Made { scores: vec![], labels: vec![], entities: vec![] };
        for user in 0..users {
            let label = u8::from(random.random::<f64>() < 0.3);
            // Two uniform numbers, the positive one shifted by a half: the positive one wins 7 of 8 times.
            let score = (random.random::<f64>() + f64::from(label) * 0.5) / 1.5;
            for _ in 0..random.random_range(1..20) {
                made.scores.push(score);
                made.labels.push(label);
                made.entities.push(user as i64 * 31 % 1_009);
            }
        }
        made
    }

    fn of(made: &Made, seed: u64) -> BTreeMap<String, Interval> {
        intervals(&made.scores, &made.labels, &made.entities, 0.5, seed)
    }

    #[test]
    fn intervals_cover_the_truth_about_as_often_as_they_say() {
        let covers = |seed| {
            let interval = of(&made_up(300, seed), seed)["roc_auc"];
            (interval.low..=interval.high).contains(&(7.0 / 8.0))
        };
        // 95 of 100 on average; fewer than 88 or all of them are a mistake.
        let covering = (0..100).filter(|&seed| covers(seed)).count();
        assert!((88..100).contains(&covering), "{covering}");
    }

    #[test]
    fn users_are_drawn_whole() {
        let made = made_up(300, 3);
        let alone = Made { entities: (0..).take(made.labels.len()).collect(), ..made_up(300, 3) };
        let width = |interval: Interval| interval.high - interval.low;
        let (whole, torn) = (width(of(&made, 1)["roc_auc"]), width(of(&alone, 1)["roc_auc"]));
        assert!(whole > 2.0 * torn, "{whole} for users, {torn} for rows as if each had a user of its own");
    }

    #[test]
    fn the_seed_decides_and_threads_do_not() {
        let made = made_up(200, 5);
        let with_threads = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| of(&made, seed))
        };
        assert_eq!(with_threads(1, 5), with_threads(3, 5));
        assert_ne!(with_threads(1, 5), with_threads(1, 6));
    }

    #[test]
    fn equal_scores_differ_by_nothing_and_better_ones_by_more() {
        let Made { scores, labels, entities } = made_up(200, 7);
        let same = differences(&scores, &scores, &labels, &entities, [0.5; 2], 1);
        assert_eq!(same.len(), FIGURES.len());
        assert!(same.values().all(|of| (of.value, of.interval.low, of.interval.high) == (0.0, 0.0, 0.0)));
        let better: Vec<f64> = scores.iter().zip(&labels).map(|(score, &label)| score + f64::from(label)).collect();
        let auc = differences(&scores, &better, &labels, &entities, [0.5; 2], 1)["roc_auc"];
        assert!(auc.interval.low > 0.05 && auc.value < 0.2, "{auc:?}");
        assert!((auc.interval.low..auc.interval.high).contains(&auc.value));
    }

    #[test]
    fn too_few_positive_users_have_no_interval() {
        let found = intervals(&[0.1, 0.2, 0.9], &[0, 0, 1], &[1, 2, 3], 0.5, 1);
        assert!(!found.contains_key("roc_auc") && !found.contains_key("recall"), "some draws hold no positive user");
        assert!(found.contains_key("brier"));
        assert!(!intervals(&[], &[], &[], 0.5, 1).contains_key("roc_auc"));
    }
}
