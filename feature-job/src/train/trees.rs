//! Forests of probability trees, grown by smartcore and taken out of it node by node.
//!
//! A forest here is smartcore's `RandomForestRegressor` or `ExtraTreesRegressor` on labels 0 and 1: for such labels the
//! variance criterion picks the same splits as Gini, and the mean in a leaf is the share of positives, which its
//! classifiers would throw away (and it is thirty times as fast).

mod mirror;

use guest_model::{Forest, Tree};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use serde::Deserialize;
use smartcore::ensemble::extra_trees_regressor::{ExtraTreesRegressor, ExtraTreesRegressorParameters};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::rows::Rows;
use mirror::trees_of;

/// How a forest is grown. There is no default seed: it is given with every fit.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestParameters {
    /// The number of trees.
    pub trees: usize,
    /// The most splits between the root and a leaf.
    pub depth_max: u16,
    /// Features drawn for each split.
    pub features_per_split: usize,
    /// The fewest rows a leaf may have.
    pub leaf_rows_min: usize,
}

/// What makes the trees of a forest differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variety {
    /// Each tree is grown on a sample of the rows, and cuts where it is best (Breiman's random forest).
    Sampled,
    /// Each tree is grown on all rows, and the best of random cuts is taken (Geurts' extremely randomized trees).
    RandomCuts,
}

/// Trees that are grown together, with one sort of the rows; groups are grown in parallel. A fixed number, and not one of
/// the machine's threads, since it decides which random numbers a tree sees.
const GROUP_TREES: usize = 25;

/// Why no forest was grown.
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// A value is missing; smartcore's sort runs out of bounds on NaN.
    #[error("a forest cannot be grown on missing values: impute them first")]
    Missing,
    /// smartcore refused the rows.
    #[error("the forest could not be grown: {0}")]
    Grow(#[from] smartcore::error::Failed),
    /// smartcore's trees could not be read out of it.
    #[error("the grown forest could not be read out: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// smartcore's trees have another shape than the version this was written for.
    #[error("the grown forest has an unexpected form: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    /// A node is neither a leaf nor a whole split.
    #[error("node {0} of a grown tree is neither a leaf nor a split")]
    Node(usize),
}

type Matrix = DenseMatrix<f64>;
type Sampled = RandomForestRegressor<f64, f64, Matrix, Vec<f64>>;
type RandomCuts = ExtraTreesRegressor<f64, f64, Matrix, Vec<f64>>;

/// Grows a forest on rows without missing values; `weights` say how much each row counts, all the same where there are
/// none. The same rows, parameters and seed give the same trees.
///
/// # Errors
/// [`ForestError`], when a value is missing or smartcore fails.
pub fn grow(
    rows: &Rows,
    labels: &[u8],
    weights: Option<&[f64]>,
    parameters: &ForestParameters,
    variety: Variety,
    seed: u64,
) -> Result<Forest, ForestError> {
    let matrix = matrix(rows)?;
    let outcomes: Vec<f64> = labels.iter().copied().map(f64::from).collect();
    // smartcore seeds its trees with `seed`, `seed + 1`, ..: groups get seeds far apart, so that no two trees are twins.
    let mut random = StdRng::seed_from_u64(seed);
    let firsts = (0..parameters.trees).step_by(GROUP_TREES);
    let groups: Vec<(usize, u64)> =
        firsts.map(|first| (GROUP_TREES.min(parameters.trees - first), random.random())).collect();
    let grow_group = |(trees, seed)| match variety {
        Variety::Sampled => {
            trees_of(&sampled(&matrix, &outcomes, weights, &sampled_parameters(parameters, trees, seed))?)
        }
        Variety::RandomCuts => trees_of(&random_cuts(&matrix, &outcomes, weights, parameters, trees, seed)?),
    };
    let groups: Result<Vec<Vec<Tree>>, ForestError> = groups.into_par_iter().map(grow_group).collect();
    Ok(Forest { trees: groups?.into_iter().flatten().collect() })
}

fn sampled(
    matrix: &Matrix,
    outcomes: &Vec<f64>,
    weights: Option<&[f64]>,
    parameters: &RandomForestRegressorParameters,
) -> Result<Sampled, ForestError> {
    Ok(match weights {
        None => Sampled::fit(matrix, outcomes, parameters.clone())?,
        Some(weights) => Sampled::fit_with_weights(matrix, outcomes, weights, parameters.clone())?,
    })
}

fn sampled_parameters(parameters: &ForestParameters, trees: usize, seed: u64) -> RandomForestRegressorParameters {
    RandomForestRegressorParameters {
        max_depth: Some(parameters.depth_max),
        min_samples_leaf: parameters.leaf_rows_min,
        min_samples_split: 2,
        n_trees: trees,
        m: Some(parameters.features_per_split),
        keep_samples: false,
        seed,
    }
}

fn random_cuts(
    matrix: &Matrix,
    outcomes: &Vec<f64>,
    weights: Option<&[f64]>,
    parameters: &ForestParameters,
    trees: usize,
    seed: u64,
) -> Result<RandomCuts, ForestError> {
    let parameters = ExtraTreesRegressorParameters {
        max_depth: Some(parameters.depth_max),
        min_samples_leaf: parameters.leaf_rows_min,
        min_samples_split: 2,
        n_trees: trees,
        m: Some(parameters.features_per_split),
        keep_samples: false,
        seed,
    };
    Ok(match weights {
        None => RandomCuts::fit(matrix, outcomes, parameters)?,
        Some(weights) => RandomCuts::fit_with_weights(matrix, outcomes, weights, parameters)?,
    })
}

fn matrix(rows: &Rows) -> Result<Matrix, ForestError> {
    if rows.values().iter().any(|value| value.is_nan()) {
        return Err(ForestError::Missing);
    }
    // Columns lie together, since trees are grown column by column.
    let columns = (0..rows.width()).flat_map(|feature| rows.column(feature)).collect();
    Ok(DenseMatrix::new(rows.len(), rows.width(), columns, true)?)
}

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Model, Scorer};

    use super::*;

    const SMALL: ForestParameters =
        ForestParameters { trees: 3, depth_max: 100, features_per_split: 2, leaf_rows_min: 1 };
    const VARIETIES: [Variety; 2] = [Variety::Sampled, Variety::RandomCuts];

    fn made_up(count: usize) -> (Rows, Vec<u8>) {
        let mut random = StdRng::seed_from_u64(11);
        // Whole numbers for one feature, so that values meet thresholds and rows are equal.
        let mut row = || [random.random_range(0..9) as f64, random.random(), random.random_range(-1.0..50.0)];
        let rows = Rows::new(3, (0..count).flat_map(|_| row()).collect());
        let labels = rows.iter().map(|row| u8::from(row[0] * row[1] > 4.0 || row[2] < 0.5)).collect();
        (rows, labels)
    }

    fn model(forest: Forest) -> Model {
        Model { imputation: vec![0.0; 3], family: Family::Forest(forest), calibration: Calibration::None }
    }

    /// Grows with smartcore alone, and gives its own answers too.
    fn with_answers(parameters: &ForestParameters, variety: Variety) -> (Rows, Forest, Vec<f64>) {
        let (rows, labels) = made_up(2_000);
        let matrix = matrix(&rows).expect("nothing is missing");
        let outcomes: Vec<f64> = labels.iter().copied().map(f64::from).collect();
        let (trees, answers) = match variety {
            Variety::Sampled => {
                let grown = sampled(&matrix, &outcomes, None, &sampled_parameters(parameters, 3, 5)).expect("grows");
                (trees_of(&grown), grown.predict(&matrix))
            }
            Variety::RandomCuts => {
                let grown = random_cuts(&matrix, &outcomes, None, parameters, 3, 5).expect("grows");
                (trees_of(&grown), grown.predict(&matrix))
            }
        };
        (rows, Forest { trees: trees.expect("reads out") }, answers.expect("predicts"))
    }

    #[test]
    fn our_walk_is_smartcores() {
        for (variety, depth_max) in VARIETIES.into_iter().flat_map(|variety| [(variety, 100), (variety, 4)]) {
            let (rows, forest, wanted) = with_answers(&ForestParameters { depth_max, ..SMALL }, variety);
            assert_eq!(forest.trees.len(), 3);
            let mut scorer = Scorer::new(&model(forest)).expect("a forest");
            for (row, wanted) in rows.iter().zip(wanted) {
                assert_eq!(scorer.score(row).expect("a row"), [wanted], "{variety:?} {row:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides_every_tree_and_threads_do_not() {
        let (rows, labels) = made_up(500);
        for variety in VARIETIES {
            let with_threads = |threads, seed| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let parameters = ForestParameters { trees: 2 * GROUP_TREES + 1, ..SMALL };
                let forest = pool.install(|| grow(&rows, &labels, None, &parameters, variety, seed)).expect("grows");
                assert_eq!(forest.trees.len(), 2 * GROUP_TREES + 1);
                model(forest).to_bytes()
            };
            assert_eq!(with_threads(1, 1), with_threads(3, 1));
            assert_ne!(with_threads(1, 1), with_threads(1, 2));
        }
    }

    #[test]
    fn weights_raise_what_they_weigh() {
        let (rows, labels) = made_up(2_000);
        let weights: Vec<f64> = labels.iter().map(|&label| if label == 1 { 20.0 } else { 1.0 }).collect();
        let parameters = ForestParameters { depth_max: 3, leaf_rows_min: 50, ..SMALL };
        for variety in VARIETIES {
            let mean = |weights: Option<&[f64]>| {
                let forest = grow(&rows, &labels, weights, &parameters, variety, 1).expect("grows");
                let scores = Scorer::new(&model(forest)).expect("a forest").score(rows.values()).expect("rows");
                scores.iter().sum::<f64>() / 2_000.0
            };
            assert!(mean(Some(&weights)) > mean(None) + 0.1, "{variety:?}");
        }
    }

    #[test]
    fn missing_values_are_refused_not_sorted() {
        let rows = Rows::new(1, vec![1.0, f64::NAN]);
        let grown = grow(&rows, &[0, 1], None, &SMALL, Variety::Sampled, 1);
        assert!(matches!(grown, Err(ForestError::Missing)));
    }
}
