//! The proof that a component is the model it was made from: the same bits for every held-out row.

use super::rows::Rows;
use super::scoring::CALL_ROWS;

/// Why a component is not the model it was made from.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The component did not answer.
    #[error("the component failed on rows {from} to {to}, so nothing was written: {said}")]
    Failed {
        /// The first row of the call.
        from: usize,
        /// The last row of the call.
        to: usize,
        /// What the component or its sandbox said.
        said: String,
    },
    /// The component gave more or fewer scores than rows.
    #[error("the component gave {found} scores for {wanted} rows, so nothing was written")]
    Count {
        /// Scores given.
        found: usize,
        /// Rows asked for.
        wanted: usize,
    },
    /// The component gave another score.
    #[error(
        "the component scores held-out row {row} ({values:?}) as {found:?}, the model as {wanted:?}; the bits must be \
         equal, so nothing was written"
    )]
    Differs {
        /// The place of the first row that differs, among the held-out ones.
        row: usize,
        /// The row.
        values: Vec<f64>,
        /// The component's score.
        found: f64,
        /// The model's score.
        wanted: f64,
    },
}

/// Compares a component's scores with the model's, bit for bit, row for row.
///
/// # Errors
/// [`ProofError`], with the first row that differs.
pub fn prove<E: std::fmt::Display>(
    rows: &Rows,
    wanted: &[f64],
    mut score: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<(), ProofError> {
    let mut found = Vec::with_capacity(rows.len());
    for call in rows.values().chunks(CALL_ROWS * rows.width().max(1)) {
        let (from, to) = (found.len(), found.len() + call.len() / rows.width().max(1));
        found.extend(score(call).map_err(|error| ProofError::Failed { from, to: to - 1, said: error.to_string() })?);
        if found.len() != to {
            return Err(ProofError::Count { found: found.len() - from, wanted: to - from });
        }
    }
    if found.len() != wanted.len() {
        return Err(ProofError::Count { found: found.len(), wanted: wanted.len() });
    }
    match found.iter().zip(wanted).position(|(found, wanted)| found.to_bits() != wanted.to_bits()) {
        None => Ok(()),
        Some(row) => {
            let values = rows.row(row).to_vec();
            Err(ProofError::Differs { row, values, found: found[row], wanted: wanted[row] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_in_one_row_is_found() {
        let rows = Rows::new(2, (0..6_000).map(f64::from).collect());
        let sums = |call: &[f64]| call.chunks(2).map(|row| row[0] + row[1]).collect::<Vec<_>>();
        let wanted = sums(rows.values());
        type Score<'a> = &'a mut dyn FnMut(&[f64]) -> Result<Vec<f64>, String>;
        let prove = |score: Score<'_>| super::prove(&rows, &wanted, score);
        assert!(prove(&mut |call| Ok(sums(call))).is_ok());
        let one_bit = |score: f64| if score == 5_001.0 { f64::from_bits(score.to_bits() + 1) } else { score };
        let differs = prove(&mut |call| Ok(sums(call).into_iter().map(one_bit).collect()));
        assert!(matches!(differs, Err(ProofError::Differs { row: 1_250, .. })), "{differs:?}");
        assert!(matches!(prove(&mut |_| Ok(vec![])), Err(ProofError::Count { found: 0, .. })));
        assert!(matches!(prove(&mut |_| Err("trap".to_owned())), Err(ProofError::Failed { from: 0, .. })));
    }

    #[test]
    fn minus_zero_is_not_zero() {
        let rows = Rows::new(1, vec![1.0]);
        assert!(prove(&rows, &[0.0], |_| Ok::<_, String>(vec![-0.0])).is_err());
    }
}
