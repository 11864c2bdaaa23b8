//! The bounds a model is admitted and run under.

use super::error::EngineError;

/// The bounds of every call, and of what stays warm between calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLimits {
    /// How long a call may run, in milliseconds, the time it waits for a processor not counted. A row takes
    /// microseconds: past this the guest hangs.
    pub deadline_ms: u64,
    /// How long a call may run that proves or warms up a model, off the request path and with its memory still cold.
    pub proof_deadline_ms: u64,
    /// The most linear memory of an instance, in bytes. A forest of 100 trees of depth 8 takes under 2 MiB; unbounded
    /// trees on a million rows take tens. Instances share what they do not write.
    pub memory_bytes_max: usize,
    /// The most elements of a table; a guest's table only holds its own few function pointers.
    pub table_elements_max: usize,
    /// The most stack of a call, in bytes. Threads here have 2 MiB, and the host's own frames need their part.
    pub stack_bytes_max: usize,
    /// The most rows of one call. A guest may bound them lower, and then refuses.
    pub call_rows_max: usize,
    /// The most idle instances a version keeps warm: more than there are workers is never used.
    pub warm_instances_max: usize,
    /// After how many calls an instance is replaced, so that what a guest leaks or remembers has an end. Making one
    /// costs some 40 microseconds, which this many calls make disappear.
    pub instance_calls_max: u32,
    /// The bounds of a module's structure.
    pub module: ModuleLimits,
}

/// The bounds of a module's structure, checked before it is compiled. A module has some 16 KB of code in 18 functions,
/// and one made before the code that no score reaches was dropped 90 KB in 148, of at most 10 KB, 54 locals and 184 blocks, 44
/// deep; a model adds data only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleLimits {
    /// The most bytes of the file.
    pub module_bytes_max: usize,
    /// The most functions; compile time grows with them.
    pub functions_max: u32,
    /// The most bytes of code; compile time grows with them.
    pub code_bytes_max: u64,
    /// The most bytes of one function; the compiler's memory grows faster than this does.
    pub function_bytes_max: u64,
    /// The most locals of one function: they weigh nothing in the file, and the compiler keeps each in sight everywhere.
    pub locals_max: u32,
    /// The most blocks, loops and conditions of one function: the compiler's time grows with the square of them.
    pub blocks_max: u32,
    /// The most of them in all functions.
    pub all_blocks_max: u32,
    /// How deep they may stand in each other: the compiler's time grows with the square of it.
    pub nesting_max: u32,
    /// The most data segments: a snapshot has up to 10,000 and then the few that the template came with.
    pub data_segments_max: u32,
    /// The most pages (64 KiB) of initial memory.
    pub memory_pages_max: u64,
    /// The most tables.
    pub tables_max: u32,
    /// The most elements a table starts with.
    pub table_elements_max: u64,
    /// The most entries of any other section: types, globals, exports, elements, aliases, instances.
    pub entries_max: u32,
    /// The most custom sections, ours and those of tools.
    pub custom_sections_max: u32,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            deadline_ms: 50,
            proof_deadline_ms: 2_000,
            memory_bytes_max: 256 << 20,
            table_elements_max: 10_000,
            stack_bytes_max: 512 << 10,
            call_rows_max: 1024,
            warm_instances_max: 32,
            instance_calls_max: 10_000,
            module: ModuleLimits::default(),
        }
    }
}

impl Default for ModuleLimits {
    fn default() -> Self {
        Self {
            module_bytes_max: 256 << 20,
            functions_max: 2_000,
            code_bytes_max: 1 << 20,
            function_bytes_max: 128 << 10,
            locals_max: 400,
            blocks_max: 1_000,
            all_blocks_max: 10_000,
            nesting_max: 128,
            data_segments_max: 16_384,
            memory_pages_max: 4_096,
            tables_max: 4,
            table_elements_max: 10_000,
            entries_max: 2_000,
            custom_sections_max: 64,
        }
    }
}

impl EngineLimits {
    /// Checks what would make every call fail, or put the process at risk.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let check = |fine: bool, what: &'static str| if fine { Ok(()) } else { Err(EngineError::Limit(what)) };
        check((1..=60_000).contains(&self.deadline_ms), "deadline_ms must be from 1 to 60000")?;
        check((1..=60_000).contains(&self.proof_deadline_ms), "proof_deadline_ms must be from 1 to 60000")?;
        check((64 << 10..=4 << 30).contains(&self.memory_bytes_max), "memory_bytes_max must be from 64 KiB to 4 GiB")?;
        check((64 << 10..=1 << 20).contains(&self.stack_bytes_max), "stack_bytes_max must be from 64 KiB to 1 MiB")?;
        check((1..=65_536).contains(&self.call_rows_max), "call_rows_max must be from 1 to 65536")?;
        check((1..=1024).contains(&self.warm_instances_max), "warm_instances_max must be from 1 to 1024")?;
        check(self.instance_calls_max > 0, "instance_calls_max must be at least 1")
    }
}
