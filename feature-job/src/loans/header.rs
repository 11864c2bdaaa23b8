//! The header of a loan file: which column stands where.

use std::path::Path;

use super::LoansError;
use super::blocks::Blocks;
use super::line::{self, Splitter};
use super::schema::Schema;
use super::source::Source;

/// How long a header may be.
const HEADER_BYTES_MAX: usize = 1 << 16;

/// What a file's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How many columns there are.
    pub width: usize,
    /// Where each column of the schema stands.
    pub places: Vec<Option<usize>>,
}

impl Header {
    /// Reads a file's header, and nothing more of it than a block; the columns in `kept` are needed as well.
    ///
    /// # Errors
    /// [`LoansError`]: the file does not read, is empty, has no header, or lacks a column that is needed.
    pub fn read(path: &Path, schema: &Schema, kept: &[usize]) -> Result<Self, LoansError> {
        let mut blocks = Blocks::new(Source::open(path)?, HEADER_BYTES_MAX);
        let block = match blocks.next_block() {
            Err(LoansError::LongLine { .. }) => return Err(not_csv(path, "its first line is longer than 64 KiB")),
            read => read?.unwrap_or_default(),
        };
        let (first, after) = split_first(&block);
        if first.trim_ascii().is_empty() && after.trim_ascii().is_empty() {
            return Err(LoansError::Empty(path.to_owned()));
        }
        Self::of(path, line::trim(first), schema, kept)
    }

    fn of(path: &Path, line: &[u8], schema: &Schema, kept: &[usize]) -> Result<Self, LoansError> {
        let text = std::str::from_utf8(line).map_err(|_| not_csv(path, "its first line is not UTF-8 text"))?;
        if text.contains('\0') {
            return Err(not_csv(path, "its first line holds a zero byte"));
        }
        let mut splitter = Splitter::default();
        let fields = splitter.split(line).ok_or_else(|| not_csv(path, "its header leaves a quote open"))?;
        if fields.count() < 2 {
            let said = "its first line holds no comma; write the columns' names there, with commas between";
            return Err(not_csv(path, said));
        }
        let names: Vec<_> = fields.iter().map(|name| line::text(name.trim_ascii())).collect();
        needed_once(path, &names, schema, kept)?;
        let place = |name: &str| names.iter().position(|own| own == name);
        Ok(Self { width: names.len(), places: schema.columns.iter().map(|column| place(&column.name)).collect() })
    }
}

/// Splits the first line off a text.
pub fn split_first(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1))
}

/// A column that stands twice leaves open which of the two is meant, needed or not.
fn needed_once(path: &Path, names: &[String], schema: &Schema, kept: &[usize]) -> Result<(), LoansError> {
    let times = |name: &str| names.iter().filter(|own| *own == name).count();
    let needed = schema.columns.iter().enumerate().filter(|(place, column)| column.needed || kept.contains(place));
    let missing = needed.map(|(_, column)| column).filter(|column| times(&column.name) == 0);
    let double = schema.columns.iter().filter(|column| times(&column.name) > 1);
    let refused = |columns: Vec<&str>, said| {
        let header: String = names.join(", ").escape_default().take(600).collect();
        LoansError::Columns { path: path.to_owned(), columns: columns.join(", "), said, header }
    };
    let missing: Vec<_> = missing.map(|column| column.name.as_str()).collect();
    let double: Vec<_> = double.map(|column| column.name.as_str()).collect();
    match (missing.is_empty(), double.is_empty()) {
        (false, _) => Err(refused(missing, "missing")),
        (_, false) => Err(refused(double, "twice in the header")),
        _ => Ok(()),
    }
}

fn not_csv(path: &Path, said: &str) -> LoansError {
    LoansError::NotCsv { path: path.to_owned(), said: said.to_owned() }
}
