//! Writes an offline store, a row group at a time.

use std::io::Write;

use polars::prelude::*;
use polars_io::parquet::write::BatchedWriter;

use super::Content;
use crate::features::plan::Plan;

/// An offline store on its way to a file: zstd, with statistics, so that a reader can skip what it does not look for.
///
/// The bytes depend on the content, and on how the rows were divided into groups, and on nothing else.
pub struct Writer<W: Write> {
    inner: BatchedWriter<W>,
    schema: SchemaRef,
    rows: u64,
    rows_wanted: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file that says what it will hold.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub fn new(file: W, plan: &Plan, content: &Content) -> PolarsResult<Self> {
        let schema = plan.store_schema();
        let inner = ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(None))
            .with_statistics(StatisticsOptions::default())
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(content.pairs())))
            .batched(&schema)?;
        Ok(Self { inner, schema: schema.into(), rows: 0, rows_wanted: content.rows })
    }

    /// Appends rows as one row group; they come after those before, in order of user and day.
    ///
    /// # Errors
    /// Where the columns are not the store's, or the file does not take them.
    pub fn append(&mut self, mut rows: DataFrame) -> PolarsResult<()> {
        rows.schema().ensure_is_exact_match(&self.schema)?;
        self.rows += rows.height() as u64;
        // A frame of several chunks would become several groups.
        rows.rechunk_mut();
        self.inner.write_batch(&rows)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where the rows are not as many as was said, or the file does not take its end.
    pub fn finish(self) -> PolarsResult<()> {
        polars_ensure!(
            self.rows == self.rows_wanted,
            ComputeError: "{} rows were computed for {} loans", self.rows, self.rows_wanted
        );
        self.inner.finish().map(|_| ())
    }
}
