//! How much of loan files is held in memory: past a limit the data is refused, and the machine lives on.

use super::blocks::BLOCK_BYTES;

/// The limits of one run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Loans: 60 bytes each while features are made of them, so that the most of them take three quarters of 4 GB.
    pub loans_max: usize,
    /// Rows that broke a rule, whatever share of all rows they are.
    pub rejects_max: usize,
    /// Bytes of such rows, of which some may be long.
    pub rejects_bytes_max: usize,
    /// Bytes that one thread looks at at a time, and thereby of a line.
    pub block_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { loans_max: 50_000_000, rejects_max: 1_000_000, rejects_bytes_max: 256 << 20, block_bytes: BLOCK_BYTES }
    }
}
