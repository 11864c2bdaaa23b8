//! Logistic regression with a little ridge, by Newton's method.
//!
//! smartcore's own `LogisticRegression` predicts classes and no probabilities, stops by an absolute bound of 1e-8 on a
//! gradient summed over all rows, whatever their count, and does not say whether it settled. Newton's method needs one
//! small matrix per round and says so when it does not settle.
//!
//! # Source
//! Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 4.4.1 (iteratively reweighted least squares).

use guest_model::Logistic;
use rayon::prelude::*;
use serde::Deserialize;

use super::rows::Rows;

/// How a regression is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegressionParameters {
    /// The penalty on the squared weights of standardized features; it keeps weights finite where the classes separate.
    pub ridge: f64,
    /// The most rounds.
    pub rounds_max: usize,
    /// A round that moves no weight by more than this is the last.
    pub tolerance: f64,
}

/// Why no regression was fitted.
#[derive(Debug, thiserror::Error)]
pub enum RegressionError {
    /// A value is missing.
    #[error("a regression cannot be fitted on missing values: impute them first")]
    Missing,
    /// The rounds did not settle.
    #[error("the regression did not settle within {0} rounds: raise its ridge")]
    Unsettled(usize),
}

/// Rows summed by one thread at a time; fixed, so that sums do not depend on the count of threads.
const BLOCK_ROWS: usize = 1 << 14;

/// Fits the weights of standardized features; `weights` say how much each row counts, all the same where there are none.
///
/// # Errors
/// [`RegressionError`], when a value is missing or the rounds do not settle.
pub fn fit(
    rows: &Rows,
    labels: &[u8],
    weights: Option<&[f64]>,
    parameters: &RegressionParameters,
) -> Result<Logistic, RegressionError> {
    if rows.values().iter().any(|value| value.is_nan()) {
        return Err(RegressionError::Missing);
    }
    let (means, scales): (Vec<f64>, Vec<f64>) = (0..rows.width()).map(|feature| moments(rows, feature)).unzip();
    let standardized: Vec<f64> = rows
        .iter()
        .flat_map(|row| row.iter().zip(&means).zip(&scales).map(|((x, mean), scale)| (x - mean) / scale))
        .collect();
    let rows = Rows::new(rows.width(), standardized);
    let counts = weights.map_or_else(|| vec![1.0; labels.len()], <[f64]>::to_vec);
    let sample = Counted { rows: &rows, labels, counts: &counts };

    // The bias stands last, where a row has an unwritten 1.
    let mut weights = vec![0.0; rows.width() + 1];
    let mut slope = Slope::at(sample, &weights, parameters.ridge);
    for _ in 0..parameters.rounds_max {
        let step = slope.newton_step();
        // A full step may overshoot far from the optimum; halve it until the loss falls.
        let (moved, next) = (0..40)
            .map(|halvings| {
                let share = 0.5_f64.powi(halvings);
                let moved: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - share * step).collect();
                let slope = Slope::at(sample, &moved, parameters.ridge);
                (moved, slope)
            })
            .find(|(_, next)| next.loss <= slope.loss * (1.0 + 1e-12))
            .ok_or(RegressionError::Unsettled(parameters.rounds_max))?;
        let largest = moved.iter().zip(&weights).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        (weights, slope) = (moved, next);
        if largest <= parameters.tolerance {
            let bias = weights.pop().unwrap_or_default();
            return Ok(Logistic { means, scales, weights, bias });
        }
    }
    Err(RegressionError::Unsettled(parameters.rounds_max))
}

/// Gives mean and standard deviation; 1 for a feature that does not vary, so that its weight stays 0.
fn moments(rows: &Rows, feature: usize) -> (f64, f64) {
    let count = rows.len().max(1) as f64;
    let mean = rows.column(feature).sum::<f64>() / count;
    let variance = rows.column(feature).map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, if variance.sqrt() > 1e-12 * mean.abs() { variance.sqrt() } else { 1.0 })
}

/// Labelled rows, and how much each counts.
#[derive(Clone, Copy)]
struct Counted<'a> {
    rows: &'a Rows,
    labels: &'a [u8],
    counts: &'a [f64],
}

/// The penalized loss at some weights, with its first and second derivatives.
struct Slope {
    loss: f64,
    gradient: Vec<f64>,
    /// Row-major, symmetric.
    curvature: Vec<f64>,
}

impl Slope {
    fn at(sample: Counted<'_>, weights: &[f64], ridge: f64) -> Self {
        let rows = sample.rows;
        let blocks: Vec<Self> = rows
            .values()
            .par_chunks(BLOCK_ROWS * rows.width().max(1))
            .zip(sample.labels.par_chunks(BLOCK_ROWS))
            .zip(sample.counts.par_chunks(BLOCK_ROWS))
            .map(|((values, labels), counts)| {
                Self::of_block(values.chunks_exact(rows.width()), labels, counts, weights)
            })
            .collect();
        let mut sum = Self::zero(weights.len());
        for block in blocks {
            sum.loss += block.loss;
            sum.gradient.iter_mut().zip(block.gradient).for_each(|(sum, part)| *sum += part);
            sum.curvature.iter_mut().zip(block.curvature).for_each(|(sum, part)| *sum += part);
        }
        // The bias, last, is not penalized.
        for (place, weight) in weights.iter().enumerate().take(rows.width()) {
            sum.loss += 0.5 * ridge * weight * weight;
            sum.gradient[place] += ridge * weight;
            sum.curvature[place * weights.len() + place] += ridge;
        }
        sum
    }

    fn zero(size: usize) -> Self {
        Self { loss: 0.0, gradient: vec![0.0; size], curvature: vec![0.0; size * size] }
    }

    fn of_block<'a>(rows: impl Iterator<Item = &'a [f64]>, labels: &[u8], counts: &[f64], weights: &[f64]) -> Self {
        let size = weights.len();
        let mut sum = Self::zero(size);
        let mut with_one = vec![1.0; size];
        for ((row, &label), &count) in rows.zip(labels).zip(counts) {
            with_one[..size - 1].copy_from_slice(row);
            let logit: f64 = with_one.iter().zip(weights).map(|(x, weight)| x * weight).sum();
            let probability = 1.0 / (1.0 + libm::exp(-logit));
            // ln(1 + e^z) - y z, without overflow for large z.
            let loss = logit.max(0.0) + libm::log1p(libm::exp(-logit.abs())) - f64::from(label) * logit;
            sum.loss += count * loss;
            let error = count * (probability - f64::from(label));
            let weight = count * probability * (1.0 - probability);
            for (i, x) in with_one.iter().enumerate() {
                sum.gradient[i] += error * x;
                for (j, other) in with_one.iter().enumerate() {
                    sum.curvature[i * size + j] += weight * x * other;
                }
            }
        }
        sum
    }

    /// Solves curvature x step = gradient by Cholesky's decomposition.
    fn newton_step(&self) -> Vec<f64> {
        let size = self.gradient.len();
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
                let rest = self.curvature[i * size + j] - known;
                // Where every probability is 0 or 1 the curvature vanishes; the floor keeps the step finite.
                lower[i * size + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / lower[j * size + j] };
            }
        }
        let mut step = self.gradient.clone();
        for i in 0..size {
            let known: f64 = (0..i).map(|k| lower[i * size + k] * step[k]).sum();
            step[i] = (step[i] - known) / lower[i * size + i];
        }
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|k| lower[k * size + i] * step[k]).sum();
            step[i] = (step[i] - known) / lower[i * size + i];
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: RegressionParameters = RegressionParameters { ridge: 1e-9, rounds_max: 50, tolerance: 1e-10 };

    #[test]
    fn one_binary_feature_by_hand() {
        // 1 of 4 positive where the feature is 0, 3 of 4 where it is 1: logits -ln 3 and ln 3.
        let rows = Rows::new(1, vec![0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        let fitted = fit(&rows, &[1, 0, 0, 0, 1, 1, 1, 0], None, &PARAMETERS).expect("settles");
        assert_eq!((fitted.means[0], fitted.scales[0]), (0.5, 0.5));
        assert!((fitted.weights[0] - 3.0_f64.ln()).abs() < 1e-7, "{fitted:?}");
        assert!(fitted.bias.abs() < 1e-7, "{fitted:?}");
    }

    #[test]
    fn a_weight_of_three_is_three_rows() {
        let rows = Rows::new(1, vec![0.0, 0.3, 1.0, 1.7, 2.0]);
        let labels = [0, 1, 0, 1, 1];
        let weighted = fit(&rows, &labels, Some(&[1.0, 3.0, 1.0, 1.0, 2.0]), &PARAMETERS).expect("settles");
        let places = [0, 1, 1, 1, 2, 3, 4, 4];
        let copied_labels: Vec<u8> = places.iter().map(|&place| labels[place]).collect();
        let copied = fit(&rows.select(&places), &copied_labels, None, &PARAMETERS).expect("settles");
        // Means and scales differ, the line does not.
        let line = |of: &Logistic| {
            let slope = of.weights[0] / of.scales[0];
            (slope, of.bias - slope * of.means[0])
        };
        let ((slope, bias), (wanted_slope, wanted_bias)) = (line(&weighted), line(&copied));
        assert!((slope - wanted_slope).abs() < 1e-6 && (bias - wanted_bias).abs() < 1e-6, "{slope}, {wanted_slope}");
    }

    #[test]
    fn constant_and_separating_features_stay_finite() {
        let rows = Rows::new(2, (0..40).flat_map(|row| [7.0, f64::from(row)]).collect());
        let labels: Vec<u8> = (0..40).map(|row| u8::from(row >= 20)).collect();
        let fitted = fit(&rows, &labels, None, &RegressionParameters { ridge: 1.0, ..PARAMETERS }).expect("settles");
        assert_eq!((fitted.scales[0], fitted.weights[0]), (1.0, 0.0));
        assert!(fitted.weights[1] > 1.0 && fitted.weights[1].is_finite());
    }

    #[test]
    fn the_count_of_threads_changes_no_bit() {
        let count = 3 * BLOCK_ROWS + 17;
        let rows = Rows::new(2, (0..2 * count).map(|place| ((place * 7919) % 1013) as f64 * 0.37).collect());
        let labels: Vec<u8> = rows.iter().map(|row| u8::from(row[0] * 0.7 > row[1])).collect();
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let fitted = pool.install(|| fit(&rows, &labels, None, &RegressionParameters { ridge: 1.0, ..PARAMETERS }));
            let fitted = fitted.expect("settles");
            fitted.weights.iter().chain([&fitted.bias]).map(|weight| weight.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(with_threads(1), with_threads(4));
    }

    #[test]
    fn missing_values_are_refused() {
        let rows = Rows::new(1, vec![1.0, f64::NAN]);
        assert!(matches!(fit(&rows, &[0, 1], None, &PARAMETERS), Err(RegressionError::Missing)));
    }
}
