//! From a trained model to a component: the guest template takes the model in, is snapshotted, and is wrapped.
//!
//! No compiler of sources runs here. The template's own code lays the model out in its memory, and the memory as it then
//! is becomes the new module's data. The code that did so is dropped: what is approved and compiled is what scores.

mod component;
mod template;

use guest_model::{Model, ModelError, Scorer};
use walrus::ModuleConfig;
use wasmtime::{Engine, Instance, Linker, Module, Store};
use wasmtime_wizer::Wizer;
use wit_component::ComponentEncoder;

pub use component::{Component, RunError};
pub use template::template_digest;

/// The export that makes room for an encoded model.
const BUFFER: &str = "model_buffer";
/// The export that lays the model out; it is gone from the snapshot.
const INITIALIZE: &str = "initialize";

/// Why a model was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The model itself is at fault.
    #[error("the model cannot be scored: {0}")]
    Model(#[from] ModelError),
    /// The template did not take the model in.
    #[error("the guest template did not take the model: {0:#}")]
    Snapshot(wasmtime::Error),
    /// The snapshot was not wrapped as a component.
    #[error("the snapshot is no component: {0:#}")]
    Wrap(anyhow::Error),
    /// What the snapshot does not need could not be dropped.
    #[error("the snapshot cannot be pruned: {0:#}")]
    Prune(anyhow::Error),
}

/// Compiles a model into a bare component.
///
/// # Errors
/// [`CompileError`]; a model at fault is found before the template sees it.
pub fn component(model: &Model) -> Result<Vec<u8>, CompileError> {
    Scorer::new(model)?;
    let snapshot = snapshot(&model.to_bytes()).map_err(CompileError::Snapshot)?;
    let pruned = prune(&snapshot).map_err(CompileError::Prune)?;
    wrap(&pruned).map_err(CompileError::Wrap)
}

fn snapshot(model: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let engine = Engine::new(&component::config())?;
    let mut store = Store::new(&engine, ());
    let mut wizer = Wizer::new();
    wizer.init_func(INITIALIZE);
    pollster::block_on(wizer.run(&mut store, template::TEMPLATE, async |store, module| hand_over(store, module, model)))
}

/// Instantiates the template and puts the model's bytes where it wants them.
fn hand_over(store: &mut Store<()>, module: &Module, model: &[u8]) -> wasmtime::Result<Instance> {
    let instance = Linker::new(module.engine()).instantiate(&mut *store, module)?;
    let length = i32::try_from(model.len())?;
    let buffer = instance.get_typed_func::<i32, i32>(&mut *store, BUFFER)?.call(&mut *store, length)?;
    let memory = instance.get_memory(&mut *store, "memory").ok_or_else(|| wasmtime::format_err!("no memory"))?;
    memory.write(&mut *store, buffer as u32 as usize, model)?;
    Ok(instance)
}

/// Drops what scoring never reaches, which is most of the template's code: a host compiles what is left in a sixth of the time.
fn prune(snapshot: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut config = ModuleConfig::new();
    let mut module = config.generate_name_section(false).generate_producers_section(false).parse(snapshot)?;
    module.exports.remove(BUFFER)?;
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

fn wrap(snapshot: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(snapshot)?.encode()
}

#[cfg(test)]
mod tests {
    use guest_model::{Boosted, Calibration, Family, Forest, Logistic, Tree, TreeNode};

    use super::*;

    fn forest() -> Model {
        let split = |feature, threshold, left, right| TreeNode::Split { feature, threshold, left, right };
        let leaf = |value| TreeNode::Leaf { value };
        let tree = |shift: f64| Tree {
            nodes: vec![
                split(0, shift, 1, 2),
                leaf(0.1 + shift / 7.0),
                split(2, -shift, 3, 4),
                leaf(0.3),
                leaf(1.0 / (3.0 + shift)),
            ],
        };
        let trees = (0..11).map(|n| tree(f64::from(n) / 3.0)).collect();
        model(vec![f64::NAN, 0.0, -1.0], Family::Forest(Forest { trees }))
    }

    fn model(imputation: Vec<f64>, family: Family) -> Model {
        Model { imputation, family, calibration: Calibration::None }
    }

    fn logistic() -> Model {
        let logistic = Logistic {
            means: vec![1.5, 0.0, 10.0],
            scales: vec![0.3, 1.0, 7.0],
            weights: vec![0.7, -2.1, 0.01],
            bias: -1.3,
        };
        model(vec![1.5, 0.0, 10.0], Family::Logistic(logistic))
    }

    /// The trees of [`forest`], added up to log odds.
    fn boosted() -> Model {
        let Family::Forest(Forest { trees }) = forest().family else { panic!("a forest") };
        model(vec![f64::NAN, 0.0, f64::NAN], Family::Boosted(Boosted { base: -1.7, trees }))
    }

    fn calibrations() -> [Calibration; 3] {
        let isotonic = Calibration::Isotonic {
            scores: (0..40).map(|point| f64::from(point * point) / 1_600.0).collect(),
            values: (0..40).map(|point| f64::from(point / 3) / 37.0).collect(),
        };
        [Calibration::None, Calibration::Platt { slope: 0.83, intercept: -2.9 }, isotonic]
    }

    fn rows() -> Vec<f64> {
        let values = [0.0, -0.0, 0.5, 1.0 / 3.0, 3.3, f64::NAN, -1e300, 1e300, f64::MIN_POSITIVE, 40.0];
        (0..300).map(|n| values[(n * 7 + n / 3) % values.len()]).collect()
    }

    #[test]
    fn the_component_gives_the_native_bits() {
        let families = [forest(), logistic(), boosted()];
        let pairs = families.iter().flat_map(|model| calibrations().map(|calibration| (model, calibration)));
        for (model, calibration) in pairs {
            let model = Model { calibration, ..model.clone() };
            let bytes = component(&model).expect("a sound model");
            let mut component = Component::load(&bytes).expect("our own component");
            let mut scorer = Scorer::new(&model).expect("a sound model");
            let bits = |scores: Vec<f64>| scores.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            let native = bits(scorer.score(&rows()).expect("whole rows"));
            assert_eq!(bits(component.score(&rows()).expect("whole rows")), native);
            let singles = rows().chunks(3).flat_map(|row| component.score(row).expect("a row")).collect();
            assert_eq!(bits(singles), native, "one at a time");
        }
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        assert_eq!(component(&forest()).expect("sound"), component(&forest()).expect("sound"));
    }

    #[test]
    fn a_component_holds_what_scores_and_no_more() {
        let bytes = component(&logistic()).expect("a sound model");
        let holds = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!holds(BUFFER) && !holds(INITIALIZE));
        let (size, template) = (bytes.len(), template::TEMPLATE.len());
        assert!(size < template / 2, "{size} bytes of the template's {template}");
    }

    #[test]
    fn broken_rows_are_refused_by_the_guest() {
        let mut component = Component::load(&component(&forest()).expect("sound")).expect("ours");
        assert!(matches!(component.score(&[1.0, 2.0]), Err(RunError::Refused(_))));
        assert_eq!(component.score(&[]).expect("no rows"), Vec::<f64>::new());
    }

    #[test]
    fn a_broken_model_is_found_before_the_template_sees_it() {
        let mut model = forest();
        if let Family::Forest(forest) = &mut model.family {
            forest.trees[3].nodes[0] = TreeNode::Split { feature: 3, threshold: 0.0, left: 1, right: 2 };
        }
        let error = component(&model).expect_err("a feature too many");
        assert!(matches!(error, CompileError::Model(ModelError::NoSuchFeature { tree: 3, feature: 3, width: 3 })));
    }
}
