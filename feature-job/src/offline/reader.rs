//! Reads an offline store a row group at a time, so that its size does not matter.

use std::fs::File;
use std::io::Seek as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use contract::digest::Digest;
use polars::prelude::*;

use super::{Content, Manifest, OfflineError};
use crate::features::plan::Plan;

/// An offline store that is open; the file stays the same one, whatever is put in its place meanwhile.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    metadata: FileMetadataRef,
    content: Content,
    plan: Plan,
}

impl Reader {
    /// Opens an offline store, of whatever view.
    ///
    /// # Errors
    /// [`OfflineError`], which names the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, OfflineError> {
        let read = |source| OfflineError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let mut reader = ParquetReader::new(file.try_clone().map_err(read)?);
        let metadata = guarded(path, || reader.get_metadata().cloned())?;
        let content = content(path, &metadata)?;
        let planned = Plan::of(content.view.clone());
        let plan = planned.map_err(|source| OfflineError::Plan { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, metadata, content, plan })
    }

    /// Gives the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives what the file says it holds.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Reads where the store comes from, if that stands beside it.
    ///
    /// # Errors
    /// [`OfflineError::Read`], where the store itself does not read.
    pub fn manifest(&self) -> Result<Option<Manifest>, OfflineError> {
        Ok(Manifest::beside(&self.path, self.digest()?))
    }

    /// Gives the file's view, planned.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Checks that the file follows the view that models are trained and served on.
    ///
    /// # Errors
    /// [`OfflineError::View`].
    pub fn follows_own_view(self) -> Result<Self, OfflineError> {
        follows_own_view(&self.path, &self.content)?;
        Ok(self)
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
    pub fn groups<'a>(&'a self, columns: Vec<&'a str>) -> impl Iterator<Item = Result<DataFrame, OfflineError>> + 'a {
        let mut first = 0;
        self.metadata.row_groups.iter().map(move |group| {
            let slice = (first, group.num_rows());
            first += group.num_rows();
            self.slice(slice, &columns)
        })
    }

    fn slice(&self, slice: (usize, usize), columns: &[&str]) -> Result<DataFrame, OfflineError> {
        let file = self.file.try_clone().map_err(|source| OfflineError::Read { path: self.path.clone(), source })?;
        let mut reader = ParquetReader::new(file);
        reader.set_metadata(self.metadata.clone());
        let reader = reader.with_slice(Some(slice)).set_rechunk(true);
        let reader = reader.with_columns(Some(columns.iter().map(|&name| name.to_owned()).collect()));
        let frame = guarded(&self.path, || reader.finish())?;
        let wanted = self.plan.store_schema();
        let other = frame.columns().iter().find(|column| wanted.get(column.name()) != Some(column.dtype()));
        match other {
            None => Ok(frame),
            Some(column) => {
                let column = column.name().to_string();
                Err(OfflineError::Column { path: self.path.clone(), column, said: "has another type" })
            }
        }
    }
}

/// Runs the decoder, which trusts its input in places: a file that gets it to panic is a damaged file, not the end of us.
pub fn guarded<T>(path: &Path, decode: impl FnOnce() -> PolarsResult<T>) -> Result<T, OfflineError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(polars_err!(ComputeError: "the decoder gave up")))
        .map_err(|source| OfflineError::Parquet { path: path.to_owned(), source })
}

/// Reads what a file says it holds.
pub fn content(path: &Path, metadata: &FileMetadataRef) -> Result<Content, OfflineError> {
    let pairs = metadata.key_value_metadata().as_deref().unwrap_or_default();
    let find = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.as_deref();
    Content::from_pairs(find).map_err(|source| OfflineError::Content { path: path.to_owned(), source })
}

/// Checks that a store's view is the one that ships with the project.
pub fn follows_own_view(path: &Path, content: &Content) -> Result<(), OfflineError> {
    let (found, wanted) = (content.view.digest(), Plan::credit_risk().view().digest());
    if found == wanted { Ok(()) } else { Err(OfflineError::View { path: path.to_owned(), found, wanted }) }
}
