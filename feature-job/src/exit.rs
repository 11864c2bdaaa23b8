//! What the process answers to whoever called it.

use std::process::ExitCode;

/// An error that ends the process with a code of its own, so that a script can tell it from others.
#[derive(Debug)]
pub struct Stop {
    /// Why it ends.
    pub code: Code,
    /// What is said of it.
    pub said: String,
}

/// The codes that a script may tell apart; all else that fails is 1, and wrong arguments are 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The loan data broke a rule of the table, or too many rows broke a rule of theirs; nothing downstream was touched.
    DataRefused,
    /// The candidate was written, and marked: a gate was not passed.
    GatesFailed,
    /// Nothing was to be done.
    NotDue,
}

impl Code {
    /// Gives the number.
    pub fn number(self) -> u8 {
        match self {
            Self::DataRefused => 3,
            Self::GatesFailed => 4,
            Self::NotDue => 5,
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Stop {}

/// Gives the code of an error: that of a [`Stop`] among its causes, or 1.
pub fn code(error: &anyhow::Error) -> ExitCode {
    match error.chain().find_map(|cause| cause.downcast_ref::<Stop>()) {
        Some(stop) => ExitCode::from(stop.code.number()),
        None => ExitCode::FAILURE,
    }
}
