//! The boundary in Rust, generated from `wit/model.wit` so that the two cannot drift apart.

wasmtime::component::bindgen!({ path: "../wit", world: "model" });

pub(super) use self::exports::countersign::model::scorer::Refusal;
