//! Running a component here, to prove it and to score in batches.

use wasmtime::component::{Component as Compiled, Linker};
use wasmtime::{Config, Engine, Store};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "model" });
}

use bindings::Model;
use bindings::exports::countersign::model::scorer::Refusal;
use guest_model::ROWS_MAX;

/// A component with one instance of it, ready to score.
pub struct Component {
    store: Store<()>,
    model: Model,
}

/// Why a component did not score.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The component does not load.
    #[error("the component does not load: {0:#}")]
    Load(wasmtime::Error),
    /// The call trapped.
    #[error("the component trapped: {0:#}")]
    Trap(wasmtime::Error),
    /// The component refused the rows.
    #[error("the component refused the rows: {0:?}")]
    Refused(Refusal),
}

/// Gives the settings of the engine: those that wizer's features switch on for the whole build are off here as in the host.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_threads(false);
    config.wasm_memory64(false);
    config.wasm_relaxed_simd(false);
    config
}

impl Component {
    /// Compiles a component, bare or sealed, and makes an instance.
    ///
    /// # Errors
    /// [`RunError::Load`].
    pub fn load(bytes: &[u8]) -> Result<Self, RunError> {
        let engine = Engine::new(&config()).map_err(RunError::Load)?;
        let compiled = Compiled::new(&engine, bytes).map_err(RunError::Load)?;
        let mut store = Store::new(&engine, ());
        let model = Model::instantiate(&mut store, &compiled, &Linker::new(&engine)).map_err(RunError::Load)?;
        Ok(Self { store, model })
    }

    /// Scores any number of whole rows of `width` values, as many at a time as the guest takes.
    ///
    /// # Errors
    /// [`RunError`] from the first call that fails.
    pub fn score_all(&mut self, rows: &[f64], width: usize) -> Result<Vec<f64>, RunError> {
        let mut scores = Vec::with_capacity(rows.len() / width.max(1));
        for block in rows.chunks(ROWS_MAX * width.max(1)) {
            scores.extend(self.score(block)?);
        }
        Ok(scores)
    }

    /// Scores rows in one call.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn score(&mut self, rows: &[f64]) -> Result<Vec<f64>, RunError> {
        let scorer = self.model.countersign_model_scorer();
        scorer.call_score(&mut self.store, rows).map_err(RunError::Trap)?.map_err(RunError::Refused)
    }
}
