//! The template's exports: taking a model once, before the snapshot, and scoring ever after.
#![expect(unsafe_code, reason = "an export needs an unmangled name, and wit-bindgen's glue is unsafe")]

use core::arch::wasm32::unreachable;
use std::cell::RefCell;

use crate::{Model, Scorer};

wit_bindgen::generate!({ path: "../wit", world: "model" });

use exports::countersign::model::scorer::{Guest, Refusal};

/// The digest of the sources, which a test compares with the sources as they are.
#[unsafe(link_section = "template-sources")]
#[used]
static SOURCES: [u8; 64] = {
    let text = env!("COUNTERSIGN_TEMPLATE_SOURCES", "build the template with guest-model/build.sh");
    *text.as_bytes().as_array().expect("64 hexadecimal digits")
};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SCORER: RefCell<Option<Scorer>> = const { RefCell::new(None) };
}

/// Makes room for an encoded model of this many bytes and says where.
#[unsafe(no_mangle)]
extern "C" fn model_buffer(bytes: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        *input = vec![0; bytes];
        input.as_mut_ptr()
    })
}

/// Takes the model from the buffer and lays it out; traps where it is no model.
#[unsafe(no_mangle)]
extern "C" fn initialize() {
    let mut input = INPUT.take();
    // A trap without words: formatting a message would treble the size of every module, and feature-job checks the model
    // before it comes here.
    let Ok(model) = Model::from_bytes(&input) else { unreachable() };
    // The snapshot keeps freed memory too, so what is done with is made zero: zeros are not stored.
    input.fill(0);
    std::hint::black_box(&input);
    let Ok(scorer) = Scorer::new(&model) else { unreachable() };
    wipe(model);
    SCORER.set(Some(scorer));
}

/// Makes a model's lists zero before they are freed, for the same reason.
fn wipe(mut model: Model) {
    let trees = match &mut model.family {
        crate::Family::Forest(forest) => &mut forest.trees[..],
        crate::Family::Boosted(boosted) => &mut boosted.trees[..],
        crate::Family::Logistic(_) => &mut [],
    };
    for tree in trees {
        tree.nodes.fill(crate::TreeNode::Split { feature: 0, threshold: 0.0, left: 0, right: 0 });
    }
    std::hint::black_box(&model);
}

struct Exports;

impl Guest for Exports {
    fn score(rows: Vec<f64>) -> Result<Vec<f64>, Refusal> {
        SCORER.with_borrow_mut(|scorer| {
            let Some(scorer) = scorer.as_mut() else { unreachable() };
            scorer.score(&rows).map_err(|refusal| match refusal {
                crate::Refusal::RowWidth(width) => Refusal::RowWidth(width),
                crate::Refusal::TooManyRows(bound) => Refusal::TooManyRows(bound),
            })
        })
    }

    fn explain(_rows: Vec<f64>) -> Result<Vec<f64>, Refusal> {
        Err(Refusal::NotSupported)
    }
}

export!(Exports);
