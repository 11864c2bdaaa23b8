//! A proven model, as requests hold it.

use std::fmt;
use std::sync::Arc;

use contract::card::ModelCard;
use contract::digest::Digest;
use contract::ids::{ModelName, ModelVersion};

use super::health::Health;
use crate::engine::{CompiledModel, ScoreError};

/// A model that is live, or could be at once. Whoever holds it keeps it whole, whatever is swapped meanwhile.
pub struct LiveModel {
    card: ModelCard,
    digest: Digest,
    compiled: Arc<CompiledModel>,
    health: Health,
}

impl LiveModel {
    pub(super) fn new(card: ModelCard, digest: Digest, compiled: CompiledModel, health: Health) -> Self {
        Self { card, digest, compiled: Arc::new(compiled), health }
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
        let answer = self.compiled.score(rows);
        self.count(&answer);
        answer
    }

    /// Counts a call that was made on [`compiled`](Self::compiled).
    pub(super) fn count<T>(&self, answer: &Result<T, ScoreError>) {
        self.health.called(answer);
    }

    /// Forgets its failures, since an operator wants it.
    pub(super) fn forgive(&self) {
        self.health.forgive();
    }

    /// Gives how many calls there were in service, and how many of them failed.
    pub fn calls(&self) -> (u64, u64) {
        self.health.figures()
    }
}

impl fmt::Debug for LiveModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveModel({} {})", self.card.name(), self.digest)
    }
}
