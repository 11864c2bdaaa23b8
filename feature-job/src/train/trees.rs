//! Forests of probability trees, grown by smartcore and taken out of it node by node.
//!
//! A forest here is smartcore's `RandomForestRegressor` on labels 0 and 1: for such labels the variance criterion picks
//! the same splits as Gini, and the mean in a leaf is the share of positives, which its classifier would throw away
//! (and it is thirty times as fast).

use guest_model::{Forest, Tree, TreeNode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::rows::Rows;

/// How a forest is grown. There is no default seed: it is given with every fit.
#[derive(Debug, Clone, Copy)]
pub struct ForestParameters {
    /// Trees that are grown together; groups are grown in parallel. How many there are never depends on the machine,
    /// since it decides which random numbers a tree sees.
    pub trees_per_group: usize,
    /// Groups of trees.
    pub groups: usize,
    /// The most splits between the root and a leaf; none is no limit.
    pub depth_max: Option<u16>,
    /// Features drawn for each split.
    pub features_per_split: usize,
    /// The fewest rows a leaf may have.
    pub leaf_rows_min: usize,
}

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

type Grown = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// Grows a forest on rows without missing values; the same rows, parameters and seed give the same trees.
///
/// # Errors
/// [`ForestError`], when a value is missing or smartcore fails.
pub fn grow(rows: &Rows, labels: &[u8], parameters: &ForestParameters, seed: u64) -> Result<Forest, ForestError> {
    let matrix = matrix(rows)?;
    let outcomes: Vec<f64> = labels.iter().copied().map(f64::from).collect();
    // smartcore seeds its trees with `seed`, `seed + 1`, ..: groups get seeds far apart, so that no two trees are twins.
    let mut random = StdRng::seed_from_u64(seed);
    let seeds: Vec<u64> = (0..parameters.groups).map(|_| random.random()).collect();
    let groups: Result<Vec<Vec<Tree>>, ForestError> = seeds
        .into_par_iter()
        .map(|seed| trees(&RandomForestRegressor::fit(&matrix, &outcomes, smartcore_parameters(parameters, seed))?))
        .collect();
    Ok(Forest { trees: groups?.into_iter().flatten().collect() })
}

fn smartcore_parameters(parameters: &ForestParameters, seed: u64) -> RandomForestRegressorParameters {
    RandomForestRegressorParameters {
        max_depth: parameters.depth_max,
        min_samples_leaf: parameters.leaf_rows_min,
        min_samples_split: 2,
        n_trees: parameters.trees_per_group,
        m: Some(parameters.features_per_split),
        keep_samples: false,
        seed,
    }
}

fn matrix(rows: &Rows) -> Result<DenseMatrix<f64>, ForestError> {
    if rows.values().iter().any(|value| value.is_nan()) {
        return Err(ForestError::Missing);
    }
    // Columns lie together, since trees are grown column by column.
    let columns = (0..rows.width()).flat_map(|feature| rows.column(feature)).collect();
    Ok(DenseMatrix::new(rows.len(), rows.width(), columns, true)?)
}

/// Takes the trees out of smartcore, whose fields are private, through its serde form in bincode.
fn trees(grown: &Grown) -> Result<Vec<Tree>, ForestError> {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(grown, config)?;
    let (mirror, _): (ForestMirror, usize) = bincode::serde::decode_from_slice(&bytes, config)?;
    let trees = mirror.forest_regressor.and_then(|forest| forest.trees).unwrap_or_default();
    trees
        .iter()
        .map(|tree| Ok(Tree { nodes: tree.nodes.iter().enumerate().map(node).collect::<Result<_, _>>()? }))
        .collect()
}

fn node((place, node): (usize, &NodeMirror)) -> Result<TreeNode, ForestError> {
    let index = |child: usize| u32::try_from(child).map_err(|_| ForestError::Node(place));
    match (node.true_child, node.false_child, node.split_value) {
        // A split that was tried and given up leaves its value behind, but no children.
        (None, None, _) => Ok(TreeNode::Leaf { value: node.output }),
        (Some(left), Some(right), Some(threshold)) => Ok(TreeNode::Split {
            feature: index(node.split_feature)?,
            threshold,
            left: index(left)?,
            right: index(right)?,
        }),
        _ => Err(ForestError::Node(place)),
    }
}

/// The fields of smartcore 0.7's forest in their order, as far as bincode has to walk over them.
#[derive(Deserialize)]
struct ForestMirror {
    forest_regressor: Option<BaseForestMirror>,
}

#[derive(Deserialize)]
struct BaseForestMirror {
    trees: Option<Vec<TreeMirror>>,
    #[expect(dead_code, reason = "stands between fields that are read")]
    num_features: Option<usize>,
    #[expect(dead_code, reason = "stands between fields that are read")]
    samples: Option<Vec<Vec<bool>>>,
}

#[derive(Deserialize)]
struct TreeMirror {
    nodes: Vec<NodeMirror>,
    #[expect(dead_code, reason = "stands between fields that are read")]
    parameters: Option<ParametersMirror>,
    #[expect(dead_code, reason = "stands between fields that are read")]
    depth: u16,
    #[expect(dead_code, reason = "stands between fields that are read")]
    root_mass: f64,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "stands between fields that are read")]
struct ParametersMirror {
    max_depth: Option<u16>,
    min_samples_leaf: usize,
    min_samples_split: usize,
    seed: Option<u64>,
    splitter: SplitterMirror,
}

#[derive(Deserialize)]
enum SplitterMirror {
    Random,
    Best,
}

#[derive(Deserialize)]
struct NodeMirror {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    #[expect(dead_code, reason = "stands between fields that are read")]
    split_score: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Model, Scorer};

    use super::*;

    const SMALL: ForestParameters =
        ForestParameters { trees_per_group: 3, groups: 1, depth_max: None, features_per_split: 2, leaf_rows_min: 1 };

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

    #[test]
    fn our_walk_is_smartcores() {
        let (rows, labels) = made_up(2_000);
        let matrix = matrix(&rows).expect("nothing is missing");
        let outcomes: Vec<f64> = labels.iter().copied().map(f64::from).collect();
        for depth_max in [None, Some(4)] {
            let parameters = ForestParameters { depth_max, ..SMALL };
            let grown =
                RandomForestRegressor::fit(&matrix, &outcomes, smartcore_parameters(&parameters, 3)).expect("grows");
            let wanted = grown.predict(&matrix).expect("predicts");
            let forest = Forest { trees: trees(&grown).expect("reads out") };
            assert_eq!(forest.trees.len(), 3);
            let model = model(forest);
            let mut scorer = Scorer::new(&model).expect("a forest");
            for (row, wanted) in rows.iter().zip(wanted) {
                assert_eq!(scorer.score(row).expect("a row"), [wanted], "{row:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides_every_tree() {
        let (rows, labels) = made_up(500);
        let bytes = |seed| {
            let forest = grow(&rows, &labels, &ForestParameters { groups: 2, ..SMALL }, seed).expect("grows");
            model(forest).to_bytes()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn missing_values_are_refused_not_sorted() {
        let rows = Rows::new(1, vec![1.0, f64::NAN]);
        assert!(matches!(grow(&rows, &[0, 1], &SMALL, 1), Err(ForestError::Missing)));
    }
}
