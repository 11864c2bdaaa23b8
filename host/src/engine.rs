//! The sandbox: the one place that names wasmtime. It compiles a component and runs it under bounds.
//!
//! A guest gets no import at all, a deadline and a memory bound, and what it answers is checked before anyone sees it.
//! Nothing here knows files, signatures or versions; those are the registry's.

mod admission;
mod batch;
mod bindings;
mod counters;
mod error;
mod instance;
mod limits;
mod model;
mod ticker;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, OptLevel, WasmFeatures};

pub use self::admission::{AdmissionRefused, admit};
pub use self::batch::{BatchError, BatchPool, CHUNK_ROWS};
pub use self::counters::{EngineCounters, EngineFigures};
pub use self::error::{CompileError, EngineError, GuestRefusal, ScoreError};
pub use self::limits::{EngineLimits, ModuleLimits};
pub use self::model::CompiledModel;
use self::ticker::{Running, Ticker};

/// Up to this size, a model of some 20 MB, a memory always becomes one image that instances share, however sparse it is: otherwise
/// the compiler turns its data segments, thousands, into code, and each instance copies them. A larger one does if it is half full.
const IMAGE_BYTES: u64 = 64 << 20;

/// The compiler and the clock of all models; cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What every compiled model keeps alive: without the ticker no deadline would ever come.
struct Shared {
    wasmtime: wasmtime::Engine,
    limits: EngineLimits,
    counters: EngineCounters,
    ticker: Ticker,
}

impl Engine {
    /// Builds the engine and starts the thread that counts milliseconds while calls run; the last clone's end joins it.
    ///
    /// # Errors
    /// [`EngineError`]: a limit is out of range, or the machine cannot run compiled code.
    pub fn new(limits: EngineLimits) -> Result<Self, EngineError> {
        limits.check()?;
        let wasmtime = wasmtime::Engine::new(&config(&limits)).map_err(|e| EngineError::Config(format!("{e:#}")))?;
        let ticker = Ticker::start(&wasmtime).map_err(EngineError::Thread)?;
        Ok(Self(Arc::new(Shared { wasmtime, limits, counters: EngineCounters::default(), ticker })))
    }

    /// Admits a component by its structure and compiles it, for rows of `width` values.
    ///
    /// The bytes are always wasm: compiled code is never read from anywhere, since nothing could check it.
    ///
    /// # Errors
    /// [`CompileError`]: the structure is refused, or the compiler refuses the code.
    pub fn compile(&self, bytes: &[u8], width: usize) -> Result<CompiledModel, CompileError> {
        if width == 0 {
            return Err(CompileError::Width);
        }
        admit(bytes, &self.0.limits.module)?;
        let refused = |e: wasmtime::Error| CompileError::Compiler(format!("{e:#}"));
        let component = Component::from_binary(&self.0.wasmtime, bytes).map_err(refused)?;
        // An empty linker: a component that imports anything does not get past this line.
        let pre = Linker::new(&self.0.wasmtime).instantiate_pre(&component).map_err(refused)?;
        let pre = bindings::ModelPre::new(pre).map_err(refused)?;
        Ok(CompiledModel::new(self.clone(), pre, width))
    }

    /// Gives the bounds that all models run under.
    pub fn limits(&self) -> &EngineLimits {
        &self.0.limits
    }

    /// Sees to it that deadlines come until the answer is dropped; whatever runs guest code holds it.
    fn running(&self) -> Running<'_> {
        self.0.ticker.running()
    }

    /// Gives what was counted since the start.
    pub fn counters(&self) -> &EngineCounters {
        &self.0.counters
    }
}

/// States every choice, so that a crate feature which another crate of the build switches on changes nothing here.
fn config(limits: &EngineLimits) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true) // the same bits on every machine, NaNs included
        .epoch_interruption(true)
        .consume_fuel(false)
        .max_wasm_stack(limits.stack_bytes_max)
        .wasm_backtrace_max_frames(None) // a stranger's stack is no help to an operator, and walking it costs time
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(IMAGE_BYTES)
        .wasm_component_model(true)
        .concurrency_support(false);
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
