//! Boosting against brute force on a few rows, and on many.

use guest_model::{Calibration, Family, Model, Scorer, TreeNode};

use super::*;
use crate::train::metrics::measure;

const PARAMETERS: BoostedParameters = BoostedParameters {
    trees_max: 1,
    depth_max: 1,
    learning_rate: 0.5,
    leaf_rows_min: 1,
    l2: 2.0,
    rows_share: 1.0,
    random_cuts: false,
    early_stop: None,
};

fn all_equal<'a>(rows: &'a Rows, labels: &'a [u8]) -> Weighted<'a> {
    Weighted { rows, labels, weights: None }
}

fn scores(boosted: &Boosted, rows: &Rows) -> Vec<f64> {
    let (imputation, family) = (vec![f64::NAN; rows.width()], Family::Boosted(boosted.clone()));
    let model = Model { imputation, family, calibration: Calibration::None };
    Scorer::new(&model).expect("a valid model").score(rows.values()).expect("whole rows")
}

/// The loss of one tree with two leaves that each answer with their best step, by trying many steps.
fn least_loss(rows: &[usize], labels: &[u8], weights: &[f64], base: f64) -> f64 {
    // The penalized quadratic approximation of the loss, which is what a Newton step minimizes.
    let share = 1.0 / (1.0 + (-base).exp());
    let loss = |step: f64| {
        let of_row = |&row: &usize| {
            weights[row] * ((share - f64::from(labels[row])) * step + share * (1.0 - share) * step * step / 2.0)
        };
        rows.iter().map(of_row).sum::<f64>() + PARAMETERS.l2 * step * step / 2.0
    };
    (-40_000..40_000).map(|step| loss(f64::from(step) / 10_000.0)).fold(f64::INFINITY, f64::min)
}

#[test]
fn one_tree_is_what_brute_force_finds() {
    let mut random = StdRng::seed_from_u64(2);
    for _ in 0..20 {
        let value = |random: &mut StdRng| match random.random_range(0..6) {
            5 => f64::NAN,
            value => f64::from(value),
        };
        let rows = Rows::new(2, (0..24).map(|_| value(&mut random)).collect());
        let mut labels: Vec<u8> = (0..12).map(|_| random.random_range(0..2)).collect();
        labels[..2].copy_from_slice(&[0, 1]);
        let weights: Vec<f64> = (0..12).map(|_| f64::from(random.random_range(1..4))).collect();
        let learned = Weighted { rows: &rows, labels: &labels, weights: Some(&weights) };
        let boosted = fit(learned, None, &PARAMETERS, 1);

        let weighed = |label: u8| weights.iter().zip(&labels).filter(|of| *of.1 == label).map(|of| of.0).sum::<f64>();
        let base = (weighed(1) / weighed(0)).ln();
        assert!((boosted.base - base).abs() < 1e-12);

        // Every cut of every feature: at most a half, one and a half, .., and missing against all others.
        let loss_of = |feature: usize, threshold: f64| {
            let (left, right): (Vec<usize>, Vec<usize>) = (0..12).partition(|&row| rows.row(row)[feature] <= threshold);
            let sides = [left, right];
            let whole = sides.iter().all(|side| !side.is_empty());
            whole.then(|| sides.iter().map(|side| least_loss(side, &labels, &weights, base)).sum::<f64>())
        };
        let thresholds = [0.5, 1.5, 2.5, 3.5, f64::MAX];
        let cuts = (0..2).flat_map(|feature| thresholds.map(|threshold| (feature, threshold)));
        let best = cuts.filter_map(|(feature, threshold)| loss_of(feature, threshold)).fold(f64::INFINITY, f64::min);
        let [
            TreeNode::Split { feature, threshold, left: 1, right: 2 },
            TreeNode::Leaf { value: low },
            TreeNode::Leaf { value: high },
        ] = boosted.trees[0].nodes[..]
        else {
            panic!("one cut: {boosted:?}")
        };
        let found = loss_of(feature as usize, threshold).expect("both sides have rows");
        assert!((found - best).abs() < 1e-6, "cut at {threshold} of {feature} costs {found}, the best {best}");
        for (value, goes_left) in [(low, true), (high, false)] {
            let side = (0..12).filter(|&row| (rows.row(row)[feature as usize] <= threshold) == goes_left);
            let share = 1.0 / (1.0 + (-base).exp());
            let (gradient, curvature) = side.fold((0.0, 0.0), |(gradient, curvature), row| {
                let weight = weights[row];
                (gradient + weight * (share - f64::from(labels[row])), curvature + weight * share * (1.0 - share))
            });
            assert!((value - -PARAMETERS.learning_rate * gradient / (curvature + PARAMETERS.l2)).abs() < 1e-9);
        }
    }
}

/// Rows whose outcome hangs on a curve and on a value being missing.
fn made_up(count: usize, seed: u64) -> (Rows, Vec<u8>) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..count {
        let (x, y) = (random.random::<f64>(), random.random::<f64>());
        let missing = random.random::<f64>() < 0.2;
        let log_odds = 6.0 * (x - 0.5).powi(2) - 2.0 + if missing { 1.5 } else { 0.0 };
        labels.push(u8::from(random.random::<f64>() < probability(log_odds)));
        values.extend([x, if missing { f64::NAN } else { y }]);
    }
    (Rows::new(2, values), labels)
}

const MANY: BoostedParameters = BoostedParameters {
    trees_max: 400,
    depth_max: 3,
    learning_rate: 0.1,
    leaf_rows_min: 20,
    rows_share: 0.7,
    ..PARAMETERS
};

fn fit_many(parameters: &BoostedParameters, patience: Option<usize>, seed: u64) -> Boosted {
    let ((rows, labels), (others, other_labels)) = (made_up(6_000, 1), made_up(3_000, 2));
    let watched = patience.map(|patience| (all_equal(&others, &other_labels), patience));
    fit(all_equal(&rows, &labels), watched, parameters, seed)
}

#[test]
fn trees_learn_until_those_who_watch_see_no_gain() {
    let boosted = fit_many(&MANY, Some(20), 1);
    assert!((10..200).contains(&boosted.trees.len()), "{}", boosted.trees.len());
    let (rows, labels) = made_up(6_000, 3);
    let loss = |boosted: &Boosted| {
        let scores = scores(boosted, &rows);
        scores.iter().zip(&labels).map(|(&score, &label)| negative_log_likelihood(score, label)).sum::<f64>() / 6_000.0
    };
    let none = loss(&Boosted { trees: boosted.trees[..1].to_vec(), ..boosted.clone() });
    let all = fit_many(&MANY, None, 1);
    assert_eq!(all.trees.len(), MANY.trees_max, "nobody watches");
    let found = loss(&boosted);
    assert!(found < none - 0.02 && found < loss(&all), "{found}, of one tree {none}, of all {}", loss(&all));
}

#[test]
fn the_walk_over_bins_is_the_guests_walk_over_values() {
    let ((rows, labels), (others, _)) = (made_up(2_000, 1), made_up(500, 2));
    let binned = Binned::new(&rows);
    let slopes = slopes(all_equal(&rows, &labels), &vec![0.0; labels.len()]);
    let grown = Grower::new(&binned, &slopes, &MANY, 1).grow((0..2_000).collect());
    let boosted = Boosted { base: 0.0, trees: vec![grown.tree(&binned.ends)] };
    for rows in [&rows, &others] {
        let codes = binned.codes_of(rows);
        let answers = (0..rows.len()).map(|row| probability(grown.answer(&codes, row)));
        assert!(scores(&boosted, rows).into_iter().eq(answers));
    }
}

#[test]
fn random_cuts_learn_too_and_lie_elsewhere() {
    let random_cuts = BoostedParameters { random_cuts: true, ..MANY };
    let roots =
        |boosted: &Boosted| -> Vec<TreeNode> { boosted.trees.iter().map(|tree| tree.nodes[0].clone()).collect() };
    let (best, random, other) =
        (fit_many(&MANY, None, 1), fit_many(&random_cuts, None, 1), fit_many(&random_cuts, None, 2));
    assert_ne!(roots(&best), roots(&random));
    assert_ne!(roots(&random), roots(&other), "the seed decides the cuts");
    let (rows, labels) = made_up(6_000, 3);
    let roc_auc = |boosted: &Boosted| measure(&scores(boosted, &rows), &labels, 0.5).roc_auc.expect("two classes");
    assert!(roc_auc(&random) > 0.6, "{}", roc_auc(&random));
}

#[test]
fn a_leaf_has_as_many_rows_as_it_must() {
    let (rows, labels) = made_up(1_000, 1);
    let binned = Binned::new(&rows);
    let slopes = slopes(all_equal(&rows, &labels), &vec![0.0; labels.len()]);
    let parameters = BoostedParameters { depth_max: 9, leaf_rows_min: 37, ..MANY };
    let grown = Grower::new(&binned, &slopes, &parameters, 1).grow((0..1_000).collect());
    let mut counts = std::collections::BTreeMap::<u64, usize>::new();
    (0..1_000).for_each(|row| *counts.entry(grown.answer(&binned.codes, row).to_bits()).or_default() += 1);
    assert!(counts.len() > 8 && counts.values().all(|&count| count >= 37), "{counts:?}");
}

#[test]
fn the_seed_decides_and_threads_do_not() {
    let with_threads = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| fit_many(&BoostedParameters { trees_max: 20, ..MANY }, Some(5), seed))
    };
    assert_eq!(with_threads(1, 5), with_threads(3, 5));
    assert_ne!(with_threads(1, 5), with_threads(1, 6));
}
