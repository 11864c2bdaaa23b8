//! The feature job: loans to features, features to a trained model, a trained model to a signed component.

pub mod columns;
pub mod offline;
