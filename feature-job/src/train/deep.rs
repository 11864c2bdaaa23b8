//! Trees without a depth limit, grown until every leaf is pure or cannot be told apart.
//!
//! smartcore goes on splitting nodes that are pure: there every split gains nothing, nothing is better than none, and so it
//! peels off one value after the other, in time that grows with the square of the node. On the real data, balanced by
//! SMOTE, five such trees were not done after eight minutes. A pure node is a leaf here; that changes no prediction.
//!
//! # Source
//! Breiman, "Random Forests" (2001), with scikit-learn's reading of it: a bootstrap sample for each tree, and for each split
//! so many features drawn, and more only while none of them varies in the node.

use guest_model::{Forest, Tree, TreeNode};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use serde::Deserialize;

use super::rows::Rows;
use super::trees::ForestError;

/// How deep trees are grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeepParameters {
    /// The number of trees.
    pub trees: usize,
    /// Features drawn for each split; where all of them are constant in the node, drawing goes on to the first that varies.
    pub features_per_split: usize,
}

/// Grows trees on rows without missing values; the same rows, parameters and seed give the same trees.
///
/// # Errors
/// [`ForestError::Missing`], when a value is missing.
pub fn grow(rows: &Rows, labels: &[u8], parameters: &DeepParameters, seed: u64) -> Result<Forest, ForestError> {
    if rows.values().iter().any(|value| value.is_nan()) {
        return Err(ForestError::Missing);
    }
    let columns: Vec<Vec<f64>> = (0..rows.width()).map(|feature| rows.column(feature).collect()).collect();
    let orders: Vec<Vec<u32>> = columns.par_iter().map(|column| ascending(column)).collect();
    let mut random = StdRng::seed_from_u64(seed);
    let seeds: Vec<u64> = (0..parameters.trees).map(|_| random.random()).collect();
    let grow_one = |seed| {
        let grower = Grower::new(&columns, &orders, labels, parameters.features_per_split, seed);
        Tree { nodes: grower.grow() }
    };
    Ok(Forest { trees: seeds.into_par_iter().map(grow_one).collect() })
}

fn ascending(column: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..column.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]).then(a.cmp(&b)));
    order
}

/// One tree on its way.
struct Grower<'a> {
    columns: &'a [Vec<f64>],
    labels: &'a [u8],
    /// How often the bootstrap drew each row.
    drawn: Vec<u32>,
    /// The drawn rows by each feature, ascending; a node owns the same range of all of them.
    sorted: Vec<Vec<u32>>,
    /// For each row, whether the split at hand sends it left.
    goes_left: Vec<bool>,
    spare: Vec<u32>,
    features: Vec<usize>,
    features_per_split: usize,
    random: StdRng,
    nodes: Vec<TreeNode>,
}

/// A node not yet decided: where it stands, and the rows it owns.
struct Open {
    node: usize,
    range: std::ops::Range<usize>,
    counts: Counts,
}

/// Rows, counted as often as they were drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: f64,
    positive: f64,
}

struct Cut {
    feature: usize,
    threshold: f64,
    gain: f64,
}

impl Counts {
    fn add(&mut self, drawn: u32, label: u8) {
        self.all += f64::from(drawn);
        self.positive += f64::from(drawn) * f64::from(label);
    }

    fn without(self, other: Self) -> Self {
        Self { all: self.all - other.all, positive: self.positive - other.positive }
    }

    fn is_pure(self) -> bool {
        self.positive == 0.0 || self.positive == self.all
    }

    /// What a side adds to the gain: the higher over both sides, the lower their Gini impurity.
    fn gain(self) -> f64 {
        self.positive * self.positive / self.all
    }
}

impl<'a> Grower<'a> {
    fn new(
        columns: &'a [Vec<f64>],
        orders: &[Vec<u32>],
        labels: &'a [u8],
        features_per_split: usize,
        seed: u64,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut drawn = vec![0; labels.len()];
        (0..labels.len()).for_each(|_| drawn[random.random_range(0..labels.len())] += 1);
        let kept = |order: &Vec<u32>| order.iter().copied().filter(|&row| drawn[row as usize] > 0).collect();
        let sorted: Vec<Vec<u32>> = orders.iter().map(kept).collect();
        Self {
            columns,
            labels,
            goes_left: vec![false; labels.len()],
            spare: Vec::new(),
            features: (0..columns.len()).collect(),
            features_per_split,
            random,
            nodes: Vec::new(),
            sorted,
            drawn,
        }
    }

    fn grow(mut self) -> Vec<TreeNode> {
        let all = 0..self.sorted.first().map_or(0, Vec::len);
        let mut counts = Counts::default();
        self.drawn.iter().zip(self.labels).for_each(|(&drawn, &label)| counts.add(drawn, label));
        self.nodes.push(leaf(counts));
        let mut open = vec![Open { node: 0, range: all, counts }];
        while let Some(Open { node, range, counts }) = open.pop() {
            if counts.is_pure() {
                continue;
            }
            let Some(cut) = self.best_cut(&range, counts) else { continue };
            let (middle, left_counts) = self.part(&range, &cut);
            let left = self.nodes.len();
            let right_counts = counts.without(left_counts);
            self.nodes.extend([leaf(left_counts), leaf(right_counts)]);
            self.nodes[node] = TreeNode::Split {
                feature: cut.feature as u32,
                threshold: cut.threshold,
                left: left as u32,
                right: left as u32 + 1,
            };
            open.push(Open { node: left + 1, range: middle..range.end, counts: right_counts });
            open.push(Open { node: left, range: range.start..middle, counts: left_counts });
        }
        self.nodes
    }

    /// Finds the best cut over the drawn features; none if no feature varies.
    fn best_cut(&mut self, range: &std::ops::Range<usize>, counts: Counts) -> Option<Cut> {
        self.features.shuffle(&mut self.random);
        let mut best: Option<Cut> = None;
        for (drawn, &feature) in self.features.iter().enumerate() {
            if drawn >= self.features_per_split && best.is_some() {
                break;
            }
            let (column, rows) = (&self.columns[feature], &self.sorted[feature][range.clone()]);
            let value = |place: usize| column[rows[place] as usize];
            if value(0) == value(rows.len() - 1) {
                continue;
            }
            let mut left = Counts::default();
            let mut before = value(0);
            for &row in rows {
                let value = column[row as usize];
                if value > before {
                    let gain = left.gain() + counts.without(left).gain();
                    if best.as_ref().is_none_or(|best| gain > best.gain) {
                        best = Some(Cut { feature, threshold: between(before, value), gain });
                    }
                    before = value;
                }
                left.add(self.drawn[row as usize], self.labels[row as usize]);
            }
        }
        best
    }

    /// Parts the node's range of every feature, each side still ascending; gives where the right side starts.
    fn part(&mut self, range: &std::ops::Range<usize>, cut: &Cut) -> (usize, Counts) {
        let mut left = Counts::default();
        for &row in &self.sorted[cut.feature][range.clone()] {
            let row = row as usize;
            self.goes_left[row] = self.columns[cut.feature][row] <= cut.threshold;
            if self.goes_left[row] {
                left.add(self.drawn[row], self.labels[row]);
            }
        }
        let mut middle = range.start;
        for sorted in &mut self.sorted {
            self.spare.clear();
            middle = range.start;
            for place in range.clone() {
                let row = sorted[place];
                if self.goes_left[row as usize] {
                    sorted[middle] = row;
                    middle += 1;
                } else {
                    self.spare.push(row);
                }
            }
            sorted[middle..range.end].copy_from_slice(&self.spare);
        }
        (middle, left)
    }
}

fn leaf(counts: Counts) -> TreeNode {
    TreeNode::Leaf { value: if counts.all > 0.0 { counts.positive / counts.all } else { 0.0 } }
}

/// Gives the middle of two values, and the lower one where the middle rounds up to the higher.
pub(super) fn between(lower: f64, higher: f64) -> f64 {
    let middle = lower + (higher - lower) / 2.0;
    if middle < higher { middle } else { lower }
}

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Model, Scorer};

    use super::*;

    const PARAMETERS: DeepParameters = DeepParameters { trees: 3, features_per_split: 2 };

    fn made_up(count: usize) -> (Rows, Vec<u8>) {
        let mut random = StdRng::seed_from_u64(4);
        let rows = Rows::new(3, (0..3 * count).map(|_| random.random::<f64>()).collect());
        let labels = rows.iter().map(|row| u8::from(row[0] + row[1] * row[2] > 0.9)).collect();
        (rows, labels)
    }

    #[test]
    fn a_pure_node_is_a_leaf_however_many_rows_it_has() {
        // One cut tells the classes apart; smartcore 0.7 would go on cutting both sides.
        let rows = Rows::new(1, (0..400_000).map(f64::from).collect());
        let labels: Vec<u8> = (0..400_000).map(|row| u8::from(row >= 200_000)).collect();
        let forest = grow(&rows, &labels, &DeepParameters { trees: 2, features_per_split: 1 }, 1).expect("grows");
        for tree in forest.trees {
            assert_eq!(tree.nodes.len(), 3);
            assert!(matches!(tree.nodes[0], TreeNode::Split { threshold, .. } if (threshold - 200_000.0).abs() < 50.0));
        }
    }

    #[test]
    fn rows_that_differ_end_in_pure_leaves_and_are_learned() {
        let (rows, labels) = made_up(3_000);
        let forest = grow(&rows, &labels, &PARAMETERS, 9).expect("grows");
        for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
            assert!(!matches!(node, TreeNode::Leaf { value } if *value != 0.0 && *value != 1.0));
        }
        let (family, calibration) = (Family::Forest(forest), Calibration::None);
        let model = Model { imputation: vec![0.0; 3], family, calibration };
        let scores = Scorer::new(&model).expect("a forest").score(rows.values()).expect("rows");
        let right = scores.iter().zip(&labels).filter(|&(&score, &label)| (score >= 0.5) == (label == 1)).count();
        assert!(right > 2_900, "{right}");
    }

    #[test]
    fn rows_that_cannot_be_told_apart_share_a_leaf() {
        let rows = Rows::new(1, [vec![1.0; 1_000], vec![2.0; 1_000]].concat());
        let labels: Vec<u8> = (0..2_000).map(|row| u8::from(row % 4 == 0 || row >= 1_000)).collect();
        let forest = grow(&rows, &labels, &DeepParameters { trees: 1, features_per_split: 1 }, 1).expect("grows");
        let [TreeNode::Split { threshold, .. }, TreeNode::Leaf { value: low }, TreeNode::Leaf { value: high }] =
            forest.trees[0].nodes[..]
        else {
            panic!("one cut between the two values: {forest:?}")
        };
        assert_eq!((threshold, high), (1.5, 1.0));
        assert!((low - 0.25).abs() < 0.06, "{low}");
    }

    #[test]
    fn the_seed_decides_and_threads_do_not() {
        let (rows, labels) = made_up(800);
        let with_threads = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| grow(&rows, &labels, &PARAMETERS, seed)).expect("grows")
        };
        assert_eq!(with_threads(1, 5), with_threads(4, 5));
        assert_ne!(with_threads(1, 5), with_threads(1, 6));
    }

    #[test]
    fn missing_values_are_refused() {
        let rows = Rows::new(1, vec![1.0, f64::NAN]);
        assert!(matches!(grow(&rows, &[0, 1], &PARAMETERS, 1), Err(ForestError::Missing)));
    }
}
