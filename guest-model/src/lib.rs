//! The guest: a model's parameters and how they score a row.
//!
//! The same code runs in two places. Natively it checks a model while it is trained. Compiled to WebAssembly it is the
//! template: a module that takes a [`Model`] once, lays it out in its memory as a [`Scorer`], and is then snapshotted, so
//! that a served model starts ready. Nothing here depends on the machine: no fused arithmetic, no vendor's `exp`, one
//! order of summation, so both places give the same bits.

mod calibration;
#[cfg(target_arch = "wasm32")]
mod exports;
mod layout;
mod logistic;
mod model;
mod scorer;
mod trees;

pub use calibration::Calibration;
pub use logistic::Logistic;
pub use model::{Family, Model, ModelError};
pub use scorer::{ROWS_MAX, Refusal, Scorer};
pub use trees::{Boosted, Forest, Tree, TreeNode};
