//! Decision trees, and the two ways to make a score of many: their mean, and the log odds they add up to.

use serde::{Deserialize, Serialize};

/// A forest; its score is the mean of its trees' leaf values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// The trees.
    pub trees: Vec<Tree>,
}

/// Boosted trees; their score is `1 / (1 + exp(-(base + sum of the trees' leaf values)))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    /// The log odds before any tree has its say.
    pub base: f64,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// A decision tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The nodes, the root first.
    pub nodes: Vec<TreeNode>,
}

/// A node of a decision tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TreeNode {
    /// Goes left where the feature is at most the threshold, and right where it is above it or missing.
    Split {
        /// The feature's place in a row.
        feature: u32,
        /// The threshold.
        threshold: f64,
        /// The node on the left.
        left: u32,
        /// The node on the right.
        right: u32,
    },
    /// Ends the walk.
    Leaf {
        /// What the tree answers.
        value: f64,
    },
}
