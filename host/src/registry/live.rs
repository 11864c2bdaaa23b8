//! A proven model, as requests hold it.

use std::fmt;
use std::sync::Arc;

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};

use crate::engine::{CompiledModel, ScoreError};

/// A model that is live, or could be at once. Whoever holds it keeps it whole, whatever is swapped meanwhile.
pub struct LiveModel {
    card: ModelCard,
    digest: Digest,
    compiled: Arc<CompiledModel>,
}

impl LiveModel {
    pub(super) fn new(card: ModelCard, digest: Digest, compiled: CompiledModel) -> Self {
        Self { card, digest, compiled: Arc::new(compiled) }
    }

    /// Gives the model's name.
    pub fn name(&self) -> &ModelName {
        &self.card.model
    }

    /// Gives the version.
    pub fn version(&self) -> ModelVersion {
        self.card.version
    }

    /// Gives the module digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Gives the card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Gives the compiled model, for a [`BatchPool`](crate::engine::BatchPool).
    pub fn compiled(&self) -> &Arc<CompiledModel> {
        &self.compiled
    }

    /// Scores rows on the calling thread; meant for small calls.
    ///
    /// # Errors
    /// [`ScoreError`]; see [`CompiledModel::score`].
    pub fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreError> {
        self.compiled.score(rows)
    }
}

impl fmt::Debug for LiveModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveModel({} {})", self.card.name(), self.digest)
    }
}
