//! The host: keeps features, verifies and runs models, and answers by user id.

pub mod engine;
pub mod registry;
