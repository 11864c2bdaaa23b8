//! What the end-to-end tests share: real binaries, real sockets, a temporary folder each.

mod binaries;
mod chance;
mod forge;
#[path = "../../host/src/engine/fixtures.rs"]
pub mod guests;
mod host;
mod latest;
mod raw;
mod s3;
mod scores;
mod workshop;

pub use binaries::{countersign, feature_job};
pub use chance::Chance;
pub use forge::Forge;
pub use host::{Answer, Host};
pub use latest::{check_served, rows};
pub use raw::RawAnswer;
pub use s3::S3;
pub use scores::{Scores, read_scores};
pub use workshop::{Workshop, shared};
