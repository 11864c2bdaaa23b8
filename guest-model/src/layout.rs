//! The scoring layout of decision trees: a walk has no branch to mispredict.
//!
//! # Layout
//! All trees lie in one array of 16-byte nodes:
//!
//! | bytes | inner node | leaf |
//! | --- | --- | --- |
//! | 0..8 | threshold | value |
//! | 8..12 | feature | the guard column, one past the features |
//! | 12..16 | the left child | the leaf itself |
//!
//! The right child follows the left, so a step is `left + (row[feature] > threshold)`. The guard column holds minus
//! infinity, which is never above a leaf's value, so a walk that has arrived stays where it is and all walks of a group
//! take the same number of steps.

use crate::model::ModelError;
use crate::trees::{Tree, TreeNode};

/// How many walks go side by side; more would not stay in registers.
const LANES: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f64,
    feature: u32,
    left: u32,
}

/// Trees in their scoring layout; a row's score is made of the sum of their leaf values.
#[derive(Debug)]
pub(crate) struct Layout {
    nodes: Vec<Node>,
    groups: Vec<Group>,
}

/// Trees that are walked side by side for one row.
#[derive(Debug)]
struct Group {
    roots: [u32; LANES],
    depths: [u32; LANES],
    depth: u32,
    lanes: usize,
}

impl Layout {
    /// Lays trees out for rows of `width` features.
    pub(crate) fn new(trees: &[Tree], width: usize) -> Result<Self, ModelError> {
        if trees.is_empty() {
            return Err(ModelError::NoTrees);
        }
        let mut nodes = Vec::with_capacity(trees.iter().map(|tree| tree.nodes.len()).sum());
        let mut placed = Vec::with_capacity(trees.len());
        for (number, tree) in trees.iter().enumerate() {
            placed.push(place_tree(&mut nodes, tree, number, width)?);
        }
        let groups = placed
            .chunks(LANES)
            .map(|trees| {
                let mut group = Group { roots: [trees[0].0; LANES], depths: [0; LANES], depth: 0, lanes: trees.len() };
                for (lane, &(root, depth)) in trees.iter().enumerate() {
                    group.roots[lane] = root;
                    group.depths[lane] = depth;
                    group.depth = group.depth.max(depth);
                }
                group
            })
            .collect();
        Ok(Self { nodes, groups })
    }

    /// Sums the leaf values of one guarded row, several trees side by side.
    pub(crate) fn sum_row(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        for group in &self.groups {
            let mut at = group.roots;
            for _ in 0..group.depth {
                for lane in &mut at {
                    *lane = self.step(*lane, row);
                }
            }
            // Added in the order of the trees, as `sum_rows` does: floats do not commute to the last bit.
            for &leaf in &at[..group.lanes] {
                sum += self.nodes[leaf as usize].threshold;
            }
        }
        sum
    }

    /// Sums the leaf values of guarded rows of `stride` values, several rows side by side, one tree after the other.
    pub(crate) fn sum_rows(&self, rows: &[f64], stride: usize) -> Vec<f64> {
        let mut sums = vec![0.0; rows.len() / stride];
        for group in &self.groups {
            for lane in 0..group.lanes {
                let (root, depth) = (group.roots[lane], group.depths[lane]);
                for (block, sums) in rows.chunks(stride * LANES).zip(sums.chunks_mut(LANES)) {
                    self.add_tree(root, depth, block, stride, sums);
                }
            }
        }
        sums
    }

    #[inline]
    fn add_tree(&self, root: u32, depth: u32, rows: &[f64], stride: usize, sums: &mut [f64]) {
        let mut at = [root; LANES];
        for _ in 0..depth {
            for (lane, row) in at.iter_mut().zip(rows.chunks_exact(stride)) {
                *lane = self.step(*lane, row);
            }
        }
        for (sum, leaf) in sums.iter_mut().zip(at) {
            *sum += self.nodes[leaf as usize].threshold;
        }
    }

    #[inline(always)]
    fn step(&self, at: u32, row: &[f64]) -> u32 {
        let node = &self.nodes[at as usize];
        // Not `>`: a missing value compares false either way and belongs on the right.
        #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN goes right")]
        let right = !(row[node.feature as usize] <= node.threshold);
        node.left + u32::from(right)
    }
}

/// Appends one tree to the layout, siblings adjacent, and gives its root and depth.
fn place_tree(nodes: &mut Vec<Node>, tree: &Tree, number: usize, width: usize) -> Result<(u32, u32), ModelError> {
    let place = |count: usize| u32::try_from(count).map_err(|_| ModelError::TooManyNodes);
    let root = nodes.len();
    let empty = Node { threshold: 0.0, feature: 0, left: 0 };
    nodes.push(empty);
    let mut seen = vec![false; tree.nodes.len()];
    // Each entry: where the node stands in the tree, where it goes in the layout, how deep it is.
    let mut waiting = std::collections::VecDeque::from([(0_usize, root, 0_u32)]);
    let mut depth_max = 0;
    while let Some((from, to, depth)) = waiting.pop_front() {
        depth_max = depth_max.max(depth);
        if seen.get(from) != Some(&false) {
            return Err(ModelError::NotATree { tree: number, node: from });
        }
        seen[from] = true;
        nodes[to] = match tree.nodes[from] {
            TreeNode::Leaf { value } if value.is_finite() => {
                Node { threshold: value, feature: place(width)?, left: place(to)? }
            }
            TreeNode::Split { feature, .. } if feature as usize >= width => {
                return Err(ModelError::NoSuchFeature { tree: number, feature, width });
            }
            TreeNode::Split { feature, threshold, left, right } if threshold.is_finite() => {
                let pair = nodes.len();
                nodes.extend([empty, empty]);
                waiting.push_back((left as usize, pair, depth + 1));
                waiting.push_back((right as usize, pair + 1, depth + 1));
                Node { threshold, feature, left: place(pair)? }
            }
            TreeNode::Leaf { .. } => return Err(ModelError::NotFinite("a leaf's value")),
            TreeNode::Split { .. } => return Err(ModelError::NotFinite("a threshold")),
        };
    }
    place(nodes.len())?;
    Ok((place(root)?, depth_max))
}
