//! The host: keeps features, verifies and runs models, and answers by user id.
//!
//! Read in this order: what it is told ([`cli`], [`config`]), the story ([`serve`]), what it keeps ([`store`]), what runs
//! ([`engine`], [`registry`], [`mirror`]), and how it answers ([`http`]).

pub mod approver;
pub mod cli;
pub mod config;
pub mod engine;
pub mod http;
pub mod mirror;
pub mod registry;
pub mod serve;
pub mod store;
