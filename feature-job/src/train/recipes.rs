//! The recipes, one file each.

mod baseline;
mod forest;
mod logistic;

pub use baseline::Baseline;
pub use forest::Forest;
pub use logistic::Logistic;
