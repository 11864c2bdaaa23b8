//! Reads an offline store a row group at a time, so that its size does not matter.

use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use polars::prelude::*;

use super::table::{self, OfflineError};
use super::{Manifest, table::guarded};

/// An offline store that is open; it stays the same file, whatever is put in its place meanwhile.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    metadata: FileMetadataRef,
    manifest: Manifest,
}

impl Reader {
    /// Opens an offline store.
    ///
    /// # Errors
    /// [`OfflineError`], which names the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, OfflineError> {
        let unread = |source| OfflineError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        let mut reader = ParquetReader::new(file.try_clone().map_err(unread)?);
        let metadata = guarded(path, || reader.get_metadata().cloned())?;
        let manifest = table::manifest(path, &metadata)?;
        Ok(Self { path: path.to_owned(), file, metadata, manifest })
    }

    /// Gives the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives what the file says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Hashes the whole file.
    ///
    /// # Errors
    /// [`OfflineError::Read`].
    pub fn digest(&self) -> Result<Digest, OfflineError> {
        let hash = || {
            let mut file = self.file.try_clone()?;
            file.rewind()?;
            Digest::of_reader(file)
        };
        hash().map_err(|source| OfflineError::Read { path: self.path.clone(), source })
    }

    /// Reads some columns, one row group after the other, in order.
    pub fn groups(&self, columns: Vec<&'static str>) -> impl Iterator<Item = Result<DataFrame, OfflineError>> {
        let mut first = 0;
        self.metadata.row_groups.iter().map(move |group| {
            let slice = (first, group.num_rows());
            first += group.num_rows();
            self.slice(slice, &columns)
        })
    }

    fn slice(&self, slice: (usize, usize), columns: &[&str]) -> Result<DataFrame, OfflineError> {
        let file = self.file.try_clone();
        let file = file.map_err(|source| OfflineError::Read { path: self.path.clone(), source })?;
        let mut reader = ParquetReader::new(file);
        reader.set_metadata(self.metadata.clone());
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        let reader = reader.with_slice(Some(slice)).with_columns(Some(columns)).set_rechunk(true);
        guarded(&self.path, || reader.finish())
    }
}
