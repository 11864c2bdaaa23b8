//! One tree of a boosted model, grown on histograms.
//!
//! A node's histogram sums the slopes of its rows by bin; the best cut is found by one walk over the bins. Of two siblings
//! only the smaller one's histogram is summed, the other's is what the parent's leaves over. Every sum runs over rows in
//! their order and by one thread, features being what threads share out, so that the count of threads changes no bit.

use std::ops::Range;

use guest_model::{Tree, TreeNode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use super::BoostedParameters;
use crate::train::binned::Binned;

/// The first and the second derivative of a row's loss by its log odds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slope {
    /// The first derivative.
    pub gradient: f64,
    /// The second derivative.
    pub curvature: f64,
}

/// Slopes summed over rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    curvature: f64,
    rows: f64,
}

/// For each feature, the sums of its bins.
type Histogram = Vec<[Sum; 256]>;

/// A grown tree over bins, siblings adjacent.
pub struct Grown {
    nodes: Vec<Node>,
}

/// A node; a leaf where `left` is 0, since no child can be the root.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// The last bin that goes left.
    bin: u8,
    feature: u32,
    left: u32,
    /// What a leaf answers, in log odds.
    answer: f64,
}

/// A tree on its way.
pub struct Grower<'a> {
    binned: &'a Binned,
    slopes: &'a [Slope],
    parameters: &'a BoostedParameters,
    /// The rows; a node owns a range of them.
    rows: Vec<u32>,
    spare: Vec<u32>,
    nodes: Vec<Node>,
    random: StdRng,
}

/// A node not yet decided.
struct Open {
    node: usize,
    range: Range<usize>,
    depth: usize,
    histogram: Histogram,
}

struct Cut {
    feature: usize,
    bin: usize,
    gain: f64,
}

/// Below so many rows, features are summed by one thread: sharing them out would take longer than the sum.
const SHARED_ROWS_MIN: usize = 1 << 13;

impl Sum {
    fn add(&mut self, slope: Slope) {
        self.gradient += slope.gradient;
        self.curvature += slope.curvature;
        self.rows += 1.0;
    }

    fn with(self, other: Self) -> Self {
        Self {
            gradient: self.gradient + other.gradient,
            curvature: self.curvature + other.curvature,
            rows: self.rows + other.rows,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// Twice what the penalized loss falls by when these rows share a leaf of their own.
    fn gain(self, l2: f64) -> f64 {
        self.gradient * self.gradient / (self.curvature + l2)
    }
}

impl<'a> Grower<'a> {
    /// Starts a tree; the seed decides random cuts.
    pub fn new(binned: &'a Binned, slopes: &'a [Slope], parameters: &'a BoostedParameters, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { binned, slopes, parameters, rows: Vec::new(), spare: Vec::new(), nodes: Vec::new(), random }
    }

    /// Grows the tree on these rows, rising and at least one.
    pub fn grow(mut self, rows: Vec<u32>) -> Grown {
        self.rows = rows;
        let all = 0..self.rows.len();
        let histogram = self.histogram(&all);
        self.nodes.push(Node { answer: self.answer(sum(&histogram)), ..Node::default() });
        let mut open = vec![Open { node: 0, range: all, depth: 0, histogram }];
        while let Some(parent) = open.pop() {
            let Some(cut) = self.best_cut(&parent.histogram) else { continue };
            open.extend(self.split(parent, &cut));
        }
        Grown { nodes: self.nodes }
    }

    /// Makes two leaves of one, and gives those that may be split further.
    fn split(&mut self, parent: Open, cut: &Cut) -> Vec<Open> {
        let middle = self.part(&parent.range, cut);
        let left = self.nodes.len();
        let below = parent.histogram[cut.feature][..=cut.bin].iter().fold(Sum::default(), |sum, bin| sum.with(*bin));
        let above = sum(&parent.histogram).without(below);
        self.nodes.extend([below, above].map(|sum| Node { answer: self.answer(sum), ..Node::default() }));
        self.nodes[parent.node] =
            Node { bin: cut.bin as u8, feature: cut.feature as u32, left: left as u32, answer: 0.0 };
        let depth = parent.depth + 1;
        if depth == self.parameters.depth_max {
            return Vec::new();
        }
        let ranges = [parent.range.start..middle, middle..parent.range.end];
        let smaller = usize::from(ranges[1].len() < ranges[0].len());
        let counted = self.histogram(&ranges[smaller]);
        let mut rest = parent.histogram;
        for (rest, counted) in rest.iter_mut().zip(&counted) {
            rest.iter_mut().zip(counted).for_each(|(rest, counted)| *rest = rest.without(*counted));
        }
        let histograms = if smaller == 0 { [counted, rest] } else { [rest, counted] };
        let child = |((side, range), histogram)| Open { node: left + side, range, depth, histogram };
        ranges.into_iter().enumerate().zip(histograms).map(child).collect()
    }

    fn histogram(&self, range: &Range<usize>) -> Histogram {
        let rows = &self.rows[range.clone()];
        let of_feature = |codes: &Vec<u8>| {
            let mut bins = [Sum::default(); 256];
            rows.iter().for_each(|&row| bins[usize::from(codes[row as usize])].add(self.slopes[row as usize]));
            bins
        };
        if rows.len() < SHARED_ROWS_MIN {
            self.binned.codes.iter().map(of_feature).collect()
        } else {
            self.binned.codes.par_iter().map(of_feature).collect()
        }
    }

    /// Finds the cut that lowers the loss most; none where no cut lowers it. Of equals, the first.
    fn best_cut(&mut self, histogram: &Histogram) -> Option<Cut> {
        let (all, l2) = (sum(histogram), self.parameters.l2);
        let enough = |side: Sum| side.rows >= self.parameters.leaf_rows_min as f64;
        let mut best: Option<Cut> = None;
        for (feature, bins) in histogram.iter().enumerate() {
            let allowed = self.cuts(bins);
            let mut below = Sum::default();
            for (bin, counted) in bins.iter().enumerate().take(allowed.end) {
                below = below.with(*counted);
                let above = all.without(below);
                if !allowed.contains(&bin) || !enough(below) || !enough(above) {
                    continue;
                }
                let gain = below.gain(l2) + above.gain(l2) - all.gain(l2);
                if gain > best.as_ref().map_or(0.0, |best| best.gain) {
                    best = Some(Cut { feature, bin, gain });
                }
            }
        }
        best
    }

    /// Gives the bins after which a feature may be cut: all but the last that has rows, or a random one of them.
    fn cuts(&mut self, bins: &[Sum; 256]) -> Range<usize> {
        let with_rows = |bin: &Sum| bin.rows > 0.0;
        let first = bins.iter().position(with_rows).unwrap_or(0);
        let last = bins.iter().rposition(with_rows).unwrap_or(0);
        if !self.parameters.random_cuts || first == last {
            return first..last;
        }
        let cut = self.random.random_range(first..last);
        cut..cut + 1
    }

    /// Parts a node's rows, each side still in their order; gives where the right side starts.
    fn part(&mut self, range: &Range<usize>, cut: &Cut) -> usize {
        let codes = &self.binned.codes[cut.feature];
        self.spare.clear();
        let mut middle = range.start;
        for place in range.clone() {
            let row = self.rows[place];
            if usize::from(codes[row as usize]) <= cut.bin {
                self.rows[middle] = row;
                middle += 1;
            } else {
                self.spare.push(row);
            }
        }
        self.rows[middle..range.end].copy_from_slice(&self.spare);
        middle
    }

    /// The Newton step of a leaf, shortened by the learning rate.
    fn answer(&self, sum: Sum) -> f64 {
        -self.parameters.learning_rate * sum.gradient / (sum.curvature + self.parameters.l2)
    }
}

/// Sums a node's slopes over the bins of its first feature, where every row has one.
fn sum(histogram: &Histogram) -> Sum {
    histogram.iter().take(1).flatten().fold(Sum::default(), |sum, bin| sum.with(*bin))
}

impl Grown {
    /// Gives the tree's answer for a row in bins.
    pub fn answer(&self, codes: &[Vec<u8>], row: usize) -> f64 {
        let mut node = self.nodes[0];
        while node.left > 0 {
            let right = codes[node.feature as usize][row] > node.bin;
            node = self.nodes[node.left as usize + usize::from(right)];
        }
        node.answer
    }

    /// Gives the tree over values, as the guest reads it.
    pub fn tree(&self, ends: &[Vec<f64>]) -> Tree {
        let node = |node: &Node| match node.left {
            0 => TreeNode::Leaf { value: node.answer },
            left => TreeNode::Split {
                feature: node.feature,
                threshold: ends[node.feature as usize][usize::from(node.bin)],
                left,
                right: left + 1,
            },
        };
        Tree { nodes: self.nodes.iter().map(node).collect() }
    }
}
