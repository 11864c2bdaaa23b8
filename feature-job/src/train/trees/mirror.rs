//! Trees out of smartcore 0.7, whose fields are private: its serde form in bincode, read into structs of the same form.

use guest_model::{Tree, TreeNode};
use serde::{Deserialize, Serialize};

use super::ForestError;

/// Takes the trees out of a grown forest.
///
/// # Errors
/// [`ForestError`], when smartcore's trees have another form than the version this was written for.
pub fn trees_of(grown: &impl Serialize) -> Result<Vec<Tree>, ForestError> {
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
