//! What can go wrong with a model, one enum for each operation.

use std::fmt;

use super::admission::AdmissionRefused;
use super::bindings::Refusal;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A limit is out of range.
    #[error("{0}")]
    Limit(&'static str),
    /// The compiler does not run here.
    #[error("the engine cannot be set up on this machine: {0}")]
    Config(String),
    /// The clock's thread could not be started.
    #[error("the engine's clock thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Its structure is not that of a model.
    #[error(transparent)]
    Structure(#[from] AdmissionRefused),
    /// The compiler refuses it.
    #[error("the compiler refuses the module: {0}")]
    Compiler(String),
    /// A model must read at least one value.
    #[error("a model's row must have at least one value")]
    Width,
}

impl CompileError {
    /// Gives the stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Structure(refused) => refused.code(),
            Self::Compiler(_) => "not_compilable",
            Self::Width => "row_width",
        }
    }
}

/// Why rows were not scored. After any of these the next call is served by a healthy instance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// The values are not whole rows; the guest was not called.
    #[error("{values} values are not whole rows of {width}")]
    RowWidth {
        /// How many values there are.
        values: usize,
        /// How many a row has.
        width: usize,
    },
    /// There are more rows than a call takes; the guest was not called.
    #[error("{rows} rows are too many, one call takes {rows_max}")]
    TooManyRows {
        /// How many rows there are.
        rows: usize,
        /// How many a call takes.
        rows_max: usize,
    },
    /// The guest ran past its deadline and was stopped.
    #[error("the model ran longer than {deadline_ms} ms and was stopped")]
    Deadline {
        /// The deadline it missed.
        deadline_ms: u64,
    },
    /// The guest asked for more memory than it may have and was stopped.
    #[error("the model asked for more than {bytes_max} bytes of memory and was stopped")]
    Memory {
        /// The most it may have.
        bytes_max: usize,
    },
    /// The guest trapped.
    #[error("the model trapped: {0}")]
    Trap(String),
    /// The guest's answer does not follow the boundary's rules, such as a list outside its memory.
    #[error("the model broke the boundary's rules: {0}")]
    Boundary(String),
    /// The guest answered another number of scores than there are rows.
    #[error("the model answered {got} scores for {wanted} rows")]
    OutputLength {
        /// How many scores came.
        got: usize,
        /// How many rows were asked for.
        wanted: usize,
    },
    /// A score is NaN or infinite.
    #[error("the model's score for row {row} is no finite number")]
    OutputNotFinite {
        /// The row, from 0.
        row: usize,
    },
    /// The guest says why it does not answer.
    #[error("the model refuses the rows: {0}")]
    Refused(GuestRefusal),
    /// No instance could be made, for lack of memory or since the module does not start.
    #[error("the model could not be instantiated: {0}")]
    Instance(String),
}

/// A guest's own reason for not answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestRefusal {
    /// The rows are not whole rows of this many values.
    RowWidth(u32),
    /// There are more rows than this many.
    TooManyRows(u32),
    /// The model does not offer this call.
    NotSupported,
}

impl ScoreError {
    /// Gives the stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RowWidth { .. } => "row_width",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::Trap(_) => "trap",
            Self::Boundary(_) => "boundary",
            Self::OutputLength { .. } => "output_length",
            Self::OutputNotFinite { .. } => "output_not_finite",
            Self::Refused(_) => "refused",
            Self::Instance(_) => "instance",
        }
    }
}

impl From<Refusal> for GuestRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::RowWidth(width) => Self::RowWidth(width),
            Refusal::TooManyRows(rows_max) => Self::TooManyRows(rows_max),
            Refusal::NotSupported => Self::NotSupported,
        }
    }
}

impl fmt::Display for GuestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowWidth(width) => write!(f, "a row has {width} values"),
            Self::TooManyRows(rows_max) => write!(f, "one call takes at most {rows_max} rows"),
            Self::NotSupported => f.write_str("it does not offer this call"),
        }
    }
}
