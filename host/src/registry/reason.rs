//! Why a file is refused or a version waits: a stable code for machines and a sentence for people.

use contract::seal::{Refusal, refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::CompileError;

/// A reason, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// The sentence; what it quotes from a file is bounded and escaped.
    pub message: String,
}

impl Reason {
    /// Takes a code and a sentence.
    pub(super) fn new(code: &'static str, message: impl AsRef<str>) -> Self {
        Self { code, message: refusal::printable(message.as_ref()) }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<CompileError> for Reason {
    fn from(error: CompileError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
