//! Running a component here, to prove it and to score in batches.

use wasmtime::component::{Component as Compiled, Linker};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder, WasmFeatures};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "model" });
}

use bindings::Model;
use bindings::exports::countersign::model::scorer::Refusal;
use guest_model::ROWS_MAX;

/// The most memory that a component may take: far more than any forest needs, and less than a machine has.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// A component with one instance of it, ready to score.
pub struct Component {
    store: Store<StoreLimits>,
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

/// Gives the settings of the engine: what the host refuses or canonicalizes, whatever crate features the build has on, is
/// refused and canonicalized here as well.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).concurrency_support(false).cranelift_nan_canonicalization(true);
    let off = [
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::GC,
        WasmFeatures::GC_TYPES,
        WasmFeatures::FUNCTION_REFERENCES,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::LEGACY_EXCEPTIONS,
        WasmFeatures::MEMORY64,
        WasmFeatures::MULTI_MEMORY,
        WasmFeatures::CUSTOM_PAGE_SIZES,
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::STACK_SWITCHING,
        WasmFeatures::WIDE_ARITHMETIC,
        WasmFeatures::CM_ASYNC,
        WasmFeatures::CM_ASYNC_STACKFUL,
        WasmFeatures::CM_MORE_ASYNC_BUILTINS,
        WasmFeatures::CM_THREADING,
        WasmFeatures::CM_ERROR_CONTEXT,
        WasmFeatures::CM_FIXED_LENGTH_LISTS,
        WasmFeatures::CM_MAP,
        WasmFeatures::CM_GC,
        WasmFeatures::CM64,
    ];
    for feature in off {
        config.wasm_features(feature, false);
    }
    config
}

impl Component {
    /// Compiles a component, bare or sealed, and makes an instance.
    ///
    /// # Errors
    /// [`RunError::Load`].
    pub fn load(bytes: &[u8]) -> Result<Self, RunError> {
        Self::load_within(bytes, MEMORY_BYTES_MAX)
    }

    fn load_within(bytes: &[u8], memory_bytes_max: usize) -> Result<Self, RunError> {
        Self::load_as(false, bytes, memory_bytes_max)
    }

    /// Loads a component; one that is metered counts its instructions, which makes it slower.
    fn load_as(metered: bool, bytes: &[u8], memory_bytes_max: usize) -> Result<Self, RunError> {
        let engine = Engine::new(config().consume_fuel(metered)).map_err(RunError::Load)?;
        let compiled = Compiled::new(&engine, bytes).map_err(RunError::Load)?;
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes_max).trap_on_grow_failure(true).build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        if metered {
            store.set_fuel(u64::MAX).map_err(RunError::Load)?;
        }
        let model = Model::instantiate(&mut store, &compiled, &Linker::new(&engine)).map_err(RunError::Load)?;
        Ok(Self { store, model })
    }

    /// Gives the mean number of the sandbox's instructions that one row takes, each row in a call of its own, as a host calls
    /// for one user. Unlike a time it is the same on every machine.
    ///
    /// # Errors
    /// [`RunError`] from loading, or from the first call that fails.
    pub fn instructions_per_row(bytes: &[u8], rows: &[f64], width: usize) -> Result<f64, RunError> {
        let mut component = Self::load_as(true, bytes, MEMORY_BYTES_MAX)?;
        let before = component.store.get_fuel().map_err(RunError::Trap)?;
        let mut count = 0_u32;
        for row in rows.chunks_exact(width.max(1)) {
            component.score(row)?;
            count += 1;
        }
        let after = component.store.get_fuel().map_err(RunError::Trap)?;
        Ok((before - after) as f64 / f64::from(count.max(1)))
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

#[cfg(test)]
mod tests {
    use guest_model::{Calibration, Family, Logistic, Model};
    use wasmtime::Module;

    use super::*;

    #[test]
    fn memory_is_bounded() {
        let logistic = Logistic { means: vec![0.0], scales: vec![1.0], weights: vec![1.0], bias: 0.0 };
        let (family, calibration) = (Family::Logistic(logistic), Calibration::None);
        let model = Model { imputation: vec![0.0], family, calibration };
        let bytes = crate::compile::component(&model).expect("a sound model");
        assert!(Component::load(&bytes).is_ok());
        assert!(matches!(Component::load_within(&bytes, 1 << 16), Err(RunError::Load(_))));
    }

    #[test]
    fn instructions_are_counted_and_do_not_depend_on_the_run() {
        let of = |features: usize| {
            let [means, scales, weights] = [0.0, 1.0, 0.5].map(|value| vec![value; features]);
            let logistic = Logistic { means, scales, weights, bias: 0.0 };
            let model = Model {
                imputation: vec![0.0; features],
                family: Family::Logistic(logistic),
                calibration: Calibration::None,
            };
            let bytes = crate::compile::component(&model).expect("a sound model");
            let count = || Component::instructions_per_row(&bytes, &vec![0.3; features * 7], features).expect("rows");
            assert_eq!(count(), count());
            count()
        };
        assert!(of(1) > 100.0 && of(1) < of(64), "{} and {}", of(1), of(64));
    }

    #[test]
    fn what_the_host_refuses_is_refused_here() {
        let engine = Engine::new(&config()).expect("the settings agree");
        let check = |memories: &[u8], fine: bool| {
            let module = [b"\0asm\x01\0\0\0", memories].concat();
            assert_eq!(Module::validate(&engine, &module).is_ok(), fine, "{memories:?}");
        };
        check(b"\x05\x03\x01\x00\x01", true);
        // Two memories; one of 64 bits; a shared one.
        check(b"\x05\x05\x02\x00\x01\x00\x01", false);
        check(b"\x05\x03\x01\x04\x01", false);
        check(b"\x05\x04\x01\x03\x01\x01", false);
    }
}
