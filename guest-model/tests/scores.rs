//! What models answer, by hand-computed rows; and what broken models are refused for.

use guest_model::{Family, Forest, Logistic, Model, ModelError, ROWS_MAX, Refusal, Scorer, Tree, TreeNode};

const NAN: f64 = f64::NAN;

fn split(feature: u32, threshold: f64, left: u32, right: u32) -> TreeNode {
    TreeNode::Split { feature, threshold, left, right }
}

fn leaf(value: f64) -> TreeNode {
    TreeNode::Leaf { value }
}

fn forest(trees: Vec<Vec<TreeNode>>) -> Model {
    let trees = trees.into_iter().map(|nodes| Tree { nodes }).collect();
    Model { imputation: vec![NAN, 0.5], family: Family::Forest(Forest { trees }) }
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
    let model = Model { imputation: vec![1.0, 2.0], family: Family::Logistic(logistic) };
    let sigmoid = |z: f64| 1.0 / (1.0 + libm::exp(-z));
    assert_eq!(score(&model, &[3.0, 6.0, NAN, NAN]), [sigmoid(0.5 + 1.0 - 3.0), sigmoid(0.5)]);
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
        Model { imputation: vec![imputed], family: Family::Logistic(logistic) }
    };
    check(logistic(0.0, 0.0), ModelError::NotFinite("the inverse of a scale"));
    check(logistic(1.0, NAN), ModelError::NotFinite("the imputation"));
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
