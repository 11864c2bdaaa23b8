//! A model made ready to score rows.

use crate::calibration::Calibration;
use crate::layout::Layout;
use crate::logistic::{Logistic, probability};
use crate::model::{Family, Model, ModelError, check_list};

/// The most rows one call takes; it bounds what a call can make the guest allocate.
pub const ROWS_MAX: usize = 16_384;

/// Why rows were not scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The values are not whole rows of this many.
    RowWidth(u32),
    /// There are more rows than this many.
    TooManyRows(u32),
}

/// A model laid out for scoring, with its working memory.
#[derive(Debug)]
pub struct Scorer {
    imputation: Vec<f64>,
    family: Ready,
    calibration: Calibration,
    /// The rows of a call, missing values imputed, each followed by the guard column of minus infinity.
    rows: Vec<f64>,
}

#[derive(Debug)]
enum Ready {
    Forest { layout: Layout, trees_count: f64 },
    Boosted { layout: Layout, base: f64 },
    Logistic(Logistic),
}

impl Scorer {
    /// Checks a model and lays it out.
    ///
    /// # Errors
    /// [`ModelError`], which says what is wrong with the model.
    pub fn new(model: &Model) -> Result<Self, ModelError> {
        let width = model.width();
        if width == 0 {
            return Err(ModelError::NoFeatures);
        }
        if model.imputation.iter().any(|value| value.is_infinite()) {
            return Err(ModelError::NotFinite("an imputed value"));
        }
        let family = match &model.family {
            Family::Forest(forest) => {
                let layout = Layout::new(&forest.trees, width)?;
                Ready::Forest { layout, trees_count: forest.trees.len() as f64 }
            }
            Family::Boosted(boosted) if !boosted.base.is_finite() => return Err(ModelError::NotFinite("the base")),
            Family::Boosted(boosted) => {
                Ready::Boosted { layout: Layout::new(&boosted.trees, width)?, base: boosted.base }
            }
            Family::Logistic(logistic) => {
                // A sum with a missing term is missing: here every feature needs a value to stand in.
                check_list("the imputation", &model.imputation, width)?;
                logistic.check(width)?;
                Ready::Logistic(logistic.clone())
            }
        };
        model.calibration.check()?;
        let (imputation, calibration) = (model.imputation.clone(), model.calibration.clone());
        Ok(Self { imputation, family, calibration, rows: Vec::new() })
    }

    /// Gives how many values a row has.
    pub fn width(&self) -> usize {
        self.imputation.len()
    }

    /// Scores rows: row-major, NaN is missing.
    ///
    /// # Errors
    /// [`Refusal`] when the values are no whole rows, or too many.
    pub fn score(&mut self, rows: &[f64]) -> Result<Vec<f64>, Refusal> {
        let width = self.width();
        if !rows.len().is_multiple_of(width) {
            return Err(Refusal::RowWidth(u32::try_from(width).unwrap_or(u32::MAX)));
        }
        if rows.len() / width > ROWS_MAX {
            return Err(Refusal::TooManyRows(ROWS_MAX as u32));
        }
        self.rows.clear();
        for row in rows.chunks_exact(width) {
            let imputed = row.iter().zip(&self.imputation).map(|(&x, &stand_in)| if x.is_nan() { stand_in } else { x });
            self.rows.extend(imputed);
            self.rows.push(f64::NEG_INFINITY);
        }
        let mut scores = self.family_scores(width + 1);
        scores.iter_mut().for_each(|score| *score = self.calibration.of(*score));
        Ok(scores)
    }

    /// Gives the family's scores of the guarded rows at hand.
    fn family_scores(&self, stride: usize) -> Vec<f64> {
        let sums = |layout: &Layout| {
            if self.rows.len() == stride {
                vec![layout.sum_row(&self.rows)]
            } else {
                layout.sum_rows(&self.rows, stride)
            }
        };
        match &self.family {
            Ready::Forest { layout, trees_count } => sums(layout).into_iter().map(|sum| sum / trees_count).collect(),
            Ready::Boosted { layout, base } => sums(layout).into_iter().map(|sum| probability(base + sum)).collect(),
            Ready::Logistic(logistic) => self.rows.chunks_exact(stride).map(|row| logistic.score_row(row)).collect(),
        }
    }
}
