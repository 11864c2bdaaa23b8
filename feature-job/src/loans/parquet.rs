//! A Parquet file as lines of text, a piece at a time, so that its values meet the very checks that those of a CSV file do.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use contract::digest::Digest;
use polars::prelude::*;

use super::LoansError;
use super::line;

/// The most bytes that a Parquet file may have. It is held whole, so that what is hashed is what is decoded; the loans of
/// the generator's 20 million take a quarter of this.
const BYTES_MAX: u64 = 2 << 30;
/// How many rows are turned into text at a time.
const ROWS: usize = 1 << 14;

/// A Parquet file that reads as text.
pub struct ParquetText {
    bytes: Arc<[u8]>,
    digest: Digest,
    /// The rows of each row group that is still to be decoded, last first.
    groups: Vec<usize>,
    /// The rows of those that are decoded.
    decoded: usize,
    /// The row group at hand, and how many of its rows have become text.
    group: DataFrame,
    told: usize,
    text: Vec<u8>,
    read: usize,
}

impl ParquetText {
    /// Reads a file's bytes, and its header.
    ///
    /// # Errors
    /// [`LoansError`], where the file does not read, is too large, or is no Parquet.
    pub fn open(path: &Path, file: File) -> Result<Self, LoansError> {
        let failed = |source| LoansError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(LoansError::TooLarge { path: path.to_owned(), bytes_max: BYTES_MAX });
        }
        let (digest, bytes) = (Digest::of(&bytes), Arc::from(bytes));
        let (groups, group, text) = (Vec::new(), DataFrame::empty(), Vec::new());
        let mut text = Self { bytes, digest, groups, decoded: 0, group, told: 0, text, read: 0 };
        text.header().map_err(|source| LoansError::Parquet { path: path.to_owned(), said: source.to_string() })?;
        Ok(text)
    }

    /// Gives the digest of the file's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn header(&mut self) -> PolarsResult<()> {
        let mut reader = self.reader();
        let (groups, schema) = guarded(|| {
            let groups = reader.get_metadata()?.row_groups.iter().rev().map(|group| group.num_rows()).collect();
            Ok((groups, reader.schema()?))
        })?;
        self.groups = groups;
        self.line(schema.iter_names().map(|name| name.as_str()));
        Ok(())
    }

    /// Turns further rows into text, of the next row group where the last is done with; tells whether there were any.
    fn piece(&mut self) -> PolarsResult<bool> {
        if self.told == self.group.height() {
            let Some(rows) = self.groups.pop() else { return Ok(false) };
            self.group = DataFrame::empty();
            let reader = self.reader().with_slice(Some((self.decoded, rows)));
            self.group = guarded(|| reader.finish())?;
            polars_ensure!(self.group.height() == rows, ComputeError: "a row group lacks rows that it announces");
            (self.decoded, self.told) = (self.decoded + rows, 0);
        }
        let piece = self.group.slice(self.told as i64, ROWS);
        let texts = guarded(|| piece.columns().iter().map(texts).collect::<PolarsResult<Vec<_>>>())?;
        let mut columns: Vec<_> = texts.iter().map(StringChunked::iter).collect();
        for _ in 0..piece.height() {
            self.line(columns.iter_mut().map(|column| column.next().flatten().unwrap_or_default()));
        }
        self.told += piece.height();
        Ok(true)
    }

    fn line<'a>(&mut self, fields: impl Iterator<Item = &'a str>) {
        for (place, field) in fields.enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            line::quote(field, &mut self.text);
        }
        self.text.push(b'\n');
    }

    fn reader(&self) -> ParquetReader<Cursor<Arc<[u8]>>> {
        ParquetReader::new(Cursor::new(self.bytes.clone())).set_rechunk(true)
    }
}

impl std::fmt::Debug for ParquetText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetText").field("digest", &self.digest).field("decoded", &self.decoded).finish()
    }
}

impl Read for ParquetText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
            if !self.piece().map_err(io::Error::other)? {
                break;
            }
        }
        let count = (&self.text[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

/// Gives a column's values as the texts that a CSV file has for them; a type that has none there is left empty. A
/// midnight is its day: pandas knows no other.
fn texts(column: &Column) -> PolarsResult<StringChunked> {
    let series = column.as_materialized_series();
    let plain = match series.dtype() {
        DataType::Boolean => series.cast(&DataType::Int64)?,
        dtype if dtype.is_nested() => Series::full_null(series.name().clone(), series.len(), &DataType::String),
        _ => series.clone(),
    };
    let texts = plain.cast(&DataType::String)?.str()?.clone();
    let is_time = matches!(series.dtype(), DataType::Datetime(..));
    Ok(if is_time { texts.iter().map(|text| text.map(day_of_midnight)).collect() } else { texts })
}

/// Cuts the time of day away where it is midnight; one value decides nothing of another.
fn day_of_midnight(text: &str) -> &str {
    match text.split_once(' ') {
        Some((day, time)) if time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.')) => day,
        _ => text,
    }
}

/// Runs the decoder, which trusts its input in places: a file that gets it to panic is a damaged file.
fn guarded<T>(decode: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(polars_err!(ComputeError: "the decoder gave up")))
}
