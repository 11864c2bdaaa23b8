//! The steps of a verified module: compiled, then proven. Each consumes the one before.

use contract::card::{GoldenVector, ModelCard};
use contract::digest::Digest;
use contract::seal::Verified;

use super::health::Health;
use super::live::LiveModel;
use super::reason::Reason;
use crate::engine::{CompileError, CompiledModel, Engine};

/// The golden rows of one call; small, so that each call stays far from its deadline.
const GOLDEN_CHUNK_ROWS: usize = 64;

/// A verified module that has been admitted and compiled; nothing of it has run.
pub(super) struct Compiled {
    card: ModelCard,
    digest: Digest,
    model: CompiledModel,
}

/// A compiled model that gave its golden scores bit for bit, with its instances warmed up.
pub(super) struct Proven(Compiled);

/// Admits a verified module by its structure, long before it may be compiled.
pub(super) fn admit(verified: &Verified<'_>, engine: &Engine) -> Result<(), Reason> {
    Ok(crate::engine::admit(verified.file(), &engine.limits().module).map_err(CompileError::from)?)
}

/// Admits and compiles what was verified: the same bytes.
pub(super) fn compile(verified: Verified<'_>, engine: &Engine) -> Result<Compiled, Reason> {
    let model = engine.compile(verified.file(), verified.card.view.width())?;
    let digest = verified.digest();
    Ok(Compiled { card: verified.card, digest, model })
}

impl Compiled {
    /// Runs the golden vectors, then warms up instances.
    pub(super) fn prove(self, warm_instances: usize) -> Result<Proven, Reason> {
        let deadline_ms = self.model.engine().limits().proof_deadline_ms;
        for (chunk, golden) in self.card.golden.chunks(GOLDEN_CHUNK_ROWS).enumerate() {
            let rows: Vec<f64> = golden.iter().flat_map(GoldenVector::values).collect();
            let scores = self.model.score_within(&rows, deadline_ms).map_err(|error| {
                Reason::new("golden_failed", format!("the golden vectors cannot be scored: {error}"))
            })?;
            let same = |(golden, score): (&GoldenVector, &f64)| golden.scores[0].get().to_bits() == score.to_bits();
            if let Some(row) = golden.iter().zip(&scores).position(|pair| !same(pair)) {
                let (place, wanted) = (chunk * GOLDEN_CHUNK_ROWS + row, golden[row].scores[0].get());
                let message = format!("golden vector {place} scores {} here, the card says {wanted}", scores[row]);
                return Err(Reason::new("golden_mismatch", message));
            }
        }
        let row: Vec<f64> = self.card.golden.first().map(|golden| golden.values().collect()).unwrap_or_default();
        self.model
            .warm(warm_instances, &row)
            .map_err(|error| Reason::new("warm_up_failed", format!("the model cannot be warmed up: {error}")))?;
        Ok(Proven(self))
    }
}

impl Proven {
    /// Makes it ready to be live.
    pub(super) fn ready(self, health: Health) -> LiveModel {
        LiveModel::new(self.0.card, self.0.digest, self.0.model, health)
    }
}
