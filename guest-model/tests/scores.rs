//! What models answer, by hand-computed rows; and what broken models are refused for.

use guest_model::{
    Boosted, Calibration, Family, Forest, Logistic, Model, ModelError, ROWS_MAX, Refusal, Scorer, Tree, TreeNode,
};

const NAN: f64 = f64::NAN;

fn split(feature: u32, threshold: f64, left: u32, right: u32) -> TreeNode {
    TreeNode::Split { feature, threshold, left, right }
}

fn leaf(value: f64) -> TreeNode {
    TreeNode::Leaf { value }
}

fn model(imputation: Vec<f64>, family: Family) -> Model {
    Model { imputation, family, calibration: Calibration::None }
}

fn forest(trees: Vec<Vec<TreeNode>>) -> Model {
    let trees = trees.into_iter().map(|nodes| Tree { nodes }).collect();
    model(vec![NAN, 0.5], Family::Forest(Forest { trees }))
}

fn boosted(base: f64, trees: Vec<Vec<TreeNode>>) -> Model {
    let trees = trees.into_iter().map(|nodes| Tree { nodes }).collect();
    model(vec![NAN, 0.5], Family::Boosted(Boosted { base, trees }))
}

fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

fn score(model: &Model, rows: &[f64]) -> Vec<f64> {
    Scorer::new(model).expect("a sound model").score(rows).expect("whole rows")
}

#[test]
fn a_walk_goes_left_at_the_threshold_and_right_above_it_or_where_missing() {
    let model = forest(vec![vec![split(0, 1.0, 1, 2), leaf(0.25), leaf(0.75)]]);
    assert_eq!(score(&model, &[1.0, 0.0, 1.0 + f64::EPSILON, 0.0, NAN, 0.0]), [0.25, 0.75, 0.75]);
    assert_eq!(score(&model, &[f64::INFINITY, 0.0, f64::NEG_INFINITY, 0.0]), [0.75, 0.25]);
}

#[test]
fn a_missing_value_becomes_what_the_model_says() {
    let model = forest(vec![vec![split(1, 0.4, 1, 2), leaf(0.0), leaf(1.0)]]);
    assert_eq!(score(&model, &[0.0, NAN]), [1.0], "0.5 stands in");
}

#[test]
fn a_forest_answers_the_mean_of_trees_of_any_depth() {
    let stump = vec![leaf(1.0)];
    let deep = vec![split(0, 0.0, 1, 4), split(1, 0.0, 2, 3), leaf(0.0), leaf(0.5), leaf(0.25)];
    let model = forest(vec![stump, deep.clone(), deep]);
    assert_eq!(score(&model, &[1.0, 0.0]), [0.5]);
    assert_eq!(score(&model, &[-1.0, -1.0]), [1.0 / 3.0]);
}

#[test]
fn a_row_alone_and_in_company_gets_the_same_bits() {
    // Values that do not add up exactly, in more trees and rows than are walked side by side.
    let tree = |n: u32| vec![split(n % 2, f64::from(n) / 9.0, 1, 2), leaf(0.1 / f64::from(n + 1)), leaf(1.0 / 3.0)];
    let model = forest((0..29).map(tree).collect());
    let rows: Vec<f64> = (0..54).map(|n| f64::from(n * 7 % 31) / 10.0).collect();
    let together = score(&model, &rows);
    for (row, wanted) in rows.chunks(2).zip(together) {
        assert_eq!(score(&model, row)[0].to_bits(), wanted.to_bits());
    }
}

#[test]
fn logistic_regression_standardizes() {
    let logistic = Logistic { means: vec![1.0, 2.0], scales: vec![2.0, 4.0], weights: vec![1.0, -3.0], bias: 0.5 };
    let model = model(vec![1.0, 2.0], Family::Logistic(logistic));
    assert_eq!(score(&model, &[3.0, 6.0, NAN, NAN]), [sigmoid(0.5 + 1.0 - 3.0), sigmoid(0.5)]);
}

#[test]
fn boosted_trees_add_up_to_log_odds() {
    let trees = vec![
        vec![split(0, 1.0, 1, 2), leaf(0.25), leaf(-0.75)],
        vec![leaf(0.5)],
        vec![split(1, 0.4, 1, 2), leaf(-2.0), leaf(2.0)],
    ];
    let model = boosted(-4.0, trees);
    let rows = [1.0, 0.0, 2.0, 0.0, NAN, NAN];
    assert_eq!(score(&model, &rows), [sigmoid(-4.0 - 1.25), sigmoid(-4.0 - 2.25), sigmoid(-4.0 + 1.75)]);
    let certain = boosted(1e308, vec![vec![leaf(1e308)], vec![leaf(1e308)], vec![leaf(-1e308)]]);
    assert_eq!(score(&certain, &[0.0, 0.0]), [1.0], "past all bounds is certain, and still a number");
}

#[test]
fn calibration_by_hand() {
    let stump = |value| forest(vec![vec![leaf(value)]]);
    let calibrated = |value, calibration| score(&Model { calibration, ..stump(value) }, &[0.0, 0.0])[0];
    let platt = || Calibration::Platt { slope: 2.0, intercept: -1.0 };
    assert_eq!(calibrated(0.5, platt()), sigmoid(-1.0));
    assert_eq!(calibrated(0.8, platt()), sigmoid(-1.0 + 2.0 * libm::log(0.8 / (1.0 - 0.8))));
    assert!(calibrated(0.0, platt()) > 0.0 && calibrated(1.0, platt()) <= 1.0, "the ends are finite too");
    let isotonic = || Calibration::Isotonic { scores: vec![0.25, 0.5, 0.75], values: vec![0.0, 0.0625, 0.5625] };
    let by_hand =
        [(0.0, 0.0), (0.25, 0.0), (0.375, 0.03125), (0.5, 0.0625), (0.625, 0.3125), (0.75, 0.5625), (1.0, 0.5625)];
    for (value, wanted) in by_hand {
        assert_eq!(calibrated(value, isotonic()), wanted, "{value}");
    }
}

#[test]
fn a_calibration_never_falls() {
    // Points and values that do not add up exactly, and every score between them.
    let scores: Vec<f64> = (1..40).map(|n| f64::from(n * n) / 1_600.0).collect();
    let values: Vec<f64> = (1..40).map(|n| f64::from(n / 3) / 37.0).collect();
    for calibration in [Calibration::Isotonic { scores, values }, Calibration::Platt { slope: 0.37, intercept: -3.1 }] {
        let line = Logistic { means: vec![0.0], scales: vec![1.0], weights: vec![1.0], bias: 0.0 };
        let model = Model { calibration, ..model(vec![0.0], Family::Logistic(line)) };
        let rising: Vec<f64> = (-8_000..8_000).map(|n| f64::from(n) / 1_000.0).collect();
        let scores = score(&model, &rising);
        assert!(scores.is_sorted() && scores[0] < scores[15_999], "{:?}", model.calibration);
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }
}

#[test]
fn rows_that_are_none_are_refused() {
    let mut scorer = Scorer::new(&forest(vec![vec![leaf(1.0)]])).expect("a sound model");
    assert_eq!(scorer.score(&[1.0]), Err(Refusal::RowWidth(2)));
    assert_eq!(scorer.score(&[]), Ok(vec![]));
    assert_eq!(scorer.score(&vec![0.0; 2 * ROWS_MAX]).map(|scores| scores.len()), Ok(ROWS_MAX));
    assert_eq!(scorer.score(&vec![0.0; 2 * ROWS_MAX + 2]), Err(Refusal::TooManyRows(ROWS_MAX as u32)));
}

#[test]
fn broken_models_are_refused() {
    let check = |model: Model, error: ModelError| assert_eq!(Scorer::new(&model).expect_err("broken"), error);
    check(forest(vec![]), ModelError::NoTrees);
    check(forest(vec![vec![]]), ModelError::NotATree { tree: 0, node: 0 });
    check(forest(vec![vec![split(0, 0.0, 0, 0)]]), ModelError::NotATree { tree: 0, node: 0 });
    check(forest(vec![vec![split(0, 0.0, 1, 1), leaf(0.0)]]), ModelError::NotATree { tree: 0, node: 1 });
    check(forest(vec![vec![split(0, 0.0, 1, 9), leaf(0.0)]]), ModelError::NotATree { tree: 0, node: 9 });
    let feature = ModelError::NoSuchFeature { tree: 1, feature: 2, width: 2 };
    check(forest(vec![vec![leaf(0.0)], vec![split(2, 0.0, 1, 2), leaf(0.0), leaf(1.0)]]), feature);
    check(forest(vec![vec![leaf(NAN)]]), ModelError::NotFinite("a leaf's value"));
    check(forest(vec![vec![split(0, NAN, 1, 2), leaf(0.0), leaf(1.0)]]), ModelError::NotFinite("a threshold"));
    let logistic = |scale: f64, imputed: f64| {
        let logistic = Logistic { means: vec![0.0], scales: vec![scale], weights: vec![1.0], bias: 0.0 };
        model(vec![imputed], Family::Logistic(logistic))
    };
    check(logistic(0.0, 0.0), ModelError::NotFinite("the inverse of a scale"));
    check(logistic(1.0, NAN), ModelError::NotFinite("the imputation"));
    check(boosted(0.0, vec![]), ModelError::NoTrees);
    check(boosted(f64::INFINITY, vec![vec![leaf(0.0)]]), ModelError::NotFinite("the base"));
    check(boosted(0.0, vec![vec![split(2, 0.0, 1, 2), leaf(0.0), leaf(1.0)]]), {
        ModelError::NoSuchFeature { tree: 0, feature: 2, width: 2 }
    });
}

#[test]
fn calibrations_that_are_none_are_refused() {
    let check = |calibration: Calibration, wanted: Option<ModelError>| {
        let model = Model { calibration: calibration.clone(), ..forest(vec![vec![leaf(0.5)]]) };
        assert_eq!(Scorer::new(&model).err(), wanted, "{calibration:?}");
    };
    let isotonic =
        |scores: &[f64], values: &[f64]| Calibration::Isotonic { scores: scores.to_vec(), values: values.to_vec() };
    check(isotonic(&[0.5], &[0.1]), None);
    check(isotonic(&[0.0, 0.5, 1.0], &[0.1, 0.1, 1.0]), None);
    let lengths = ModelError::Calibration("has not one value for each of its points");
    check(isotonic(&[], &[]), Some(lengths.clone()));
    check(isotonic(&[0.1, 0.2], &[0.1]), Some(lengths));
    for outside in [-0.1, 1.1, NAN, f64::INFINITY] {
        let range = ModelError::Calibration("leaves the range from 0 to 1");
        check(isotonic(&[outside], &[0.1]), Some(range.clone()));
        check(isotonic(&[0.1], &[outside]), Some(range));
    }
    check(isotonic(&[0.2, 0.2], &[0.1, 0.2]), Some(ModelError::Calibration("has points that do not rise")));
    check(isotonic(&[0.1, 0.2], &[0.2, 0.1]), Some(ModelError::Calibration("falls")));
    let platt = |slope, intercept| Calibration::Platt { slope, intercept };
    check(platt(0.0, -4.0), None);
    check(platt(-1.0, 0.0), Some(ModelError::Calibration("falls")));
    let infinite = ModelError::NotFinite("a parameter of the calibration");
    check(platt(NAN, 0.0), Some(infinite.clone()));
    check(platt(1.0, f64::NEG_INFINITY), Some(infinite));
}

#[test]
fn a_model_round_trips_and_nothing_else_is_one() {
    let model = forest(vec![vec![split(0, 0.1, 1, 2), leaf(0.2), leaf(0.3)]]);
    let bytes = model.to_bytes();
    let back = Model::from_bytes(&bytes).expect("our own bytes");
    assert_eq!(score(&back, &[0.0, 0.0]), score(&model, &[0.0, 0.0]));
    for end in 0..bytes.len() {
        assert!(Model::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Model::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}
