//! What the end-to-end tests share: real binaries, real sockets, a temporary folder each.

mod binaries;
mod host;
mod scores;
mod workshop;

pub use binaries::{countersign, feature_job};
pub use host::{Answer, Host};
pub use scores::{Scores, read_scores};
pub use workshop::{Workshop, shared};
