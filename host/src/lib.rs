//! The host: keeps features, verifies and runs models, and answers by user id.

pub mod config;
pub mod http;
pub mod store;
