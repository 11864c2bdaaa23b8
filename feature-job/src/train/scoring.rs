//! Scores from a model on this machine, without a sandbox: what a component is compared with.

use guest_model::{Model, Scorer};

use super::rows::Rows;

/// Rows in one call; far below the bound of the boundary, and enough to walk trees in lockstep.
pub const CALL_ROWS: usize = 1024;

/// Why a fitted model gives no scores.
#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    /// The model contradicts itself.
    #[error("the fitted model is not valid: {0}")]
    Model(#[from] guest_model::ModelError),
    /// The model refused the rows.
    #[error("the fitted model refuses its own rows: {0:?}")]
    Refused(guest_model::Refusal),
}

/// Scores every row.
///
/// # Errors
/// [`ScoringError`], when the model is not valid for these rows.
pub fn score(model: &Model, rows: &Rows) -> Result<Vec<f64>, ScoringError> {
    let mut scorer = Scorer::new(model)?;
    let mut scores = Vec::with_capacity(rows.len());
    for call in rows.values().chunks(CALL_ROWS * rows.width().max(1)) {
        scores.extend(scorer.score(call).map_err(ScoringError::Refused)?);
    }
    Ok(scores)
}
