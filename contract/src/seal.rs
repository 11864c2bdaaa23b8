//! The seal: one file that holds a component, its card, its approvals and the signatures over them.
//!
//! # Layout
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | component preamble (not hashed, therefore checked) |
//! | section `signature` | signed hash sets, see [`signature`] |
//! | part 1 | the bare component's sections, section `model-card`, section `signature_delimiter` |
//! | part 2 and on | section `model-approval`, section `signature_delimiter` |
//!
//! Hashes roll over the raw bytes after `signature`: the first covers part 1, the second parts 1 and 2, and so on. The
//! first is the module digest. The job signs the first; the k-th approver signs the first k + 1.
//!
//! # Source
//! <https://github.com/WebAssembly/tool-conventions/blob/main/Signatures.md>, as `wasmsign2` 0.2.8 writes it.

mod layout;
mod look;
pub mod refusal;
mod sign;
pub mod signature;
mod standing;
mod verify;

pub use layout::{Inspected, inspect};
pub use look::Look;
pub use refusal::Refusal;
pub use sign::{SealError, approve, seal_candidate};
pub use standing::Standing;
pub use verify::{Candidate, Verified, verify, verify_candidate};

/// The name of the card's section.
pub const CARD_SECTION: &str = "model-card";
/// The name of an approval's section.
pub const APPROVAL_SECTION: &str = "model-approval";
/// The name of the section that holds the signatures.
pub const SIGNATURE_SECTION: &str = "signature";
/// The name of the section that ends a part.
pub const DELIMITER_SECTION: &str = "signature_delimiter";
/// The most bytes of a module file that are read: ten times the largest forest the recipes make.
pub const MODULE_BYTES_MAX: u64 = 256 << 20;
/// The most approvals a module carries.
pub const APPROVALS_MAX: usize = 16;
