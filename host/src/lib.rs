//! The host: keeps features, verifies and runs models, and answers by user id.
//!
//! Read in this order: what it is told ([`cli`], [`config`]), the story ([`serve`]), what it keeps ([`store`]), what runs
//! ([`engine`], [`registry`], [`mirror`]), who may ask ([`access`]), how it answers ([`http`]), what it remembers of that
//! ([`prediction_log`]), and what it tells of itself ([`health`], [`telemetry`]).

/// Prints a line; where nobody reads any more (`countersign review .. | head`), it is let go.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

pub mod access;
pub mod approver;
mod ask;
pub mod cli;
pub mod config;
pub mod engine;
mod follow;
pub mod health;
pub mod http;
pub mod mirror;
pub mod prediction_log;
pub mod registry;
pub mod rollback;
pub mod serve;
pub mod store;
pub mod telemetry;
