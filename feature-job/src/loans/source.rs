//! The bytes of a loan file: text, gzipped text or Parquet, told apart by how they start, and given as text.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use contract::digest::{Digest, HashingReader};
use flate2::read::MultiGzDecoder;

use super::LoansError;
use super::parquet::ParquetText;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const PARQUET: [u8; 4] = *b"PAR1";

/// A loan file on its way in.
#[derive(Debug)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(HashingReader<File>),
    /// Several gzip members in a row are one file, as `cat a.gz b.gz` makes it.
    Gzip(Box<MultiGzDecoder<HashingReader<File>>>),
    Parquet(ParquetText),
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`LoansError`], where the file is none or does not open.
    pub fn open(path: &Path) -> Result<Self, LoansError> {
        let failed = |source| LoansError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        // It is read twice, its header first, which a pipe does not allow.
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is a folder, a pipe or a device, and not a file")));
        }
        let mut start = Vec::new();
        (&mut file).take(PARQUET.len() as u64).read_to_end(&mut start).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let content = if start.starts_with(&GZIP) {
            Content::Gzip(Box::new(MultiGzDecoder::new(HashingReader::new(file))))
        } else if start == PARQUET {
            Content::Parquet(ParquetText::open(path, file)?)
        } else {
            Content::Text(HashingReader::new(file))
        };
        Ok(Self { path: path.to_owned(), content })
    }

    /// Gives the number of the first loan's line: a header is line 1, and Parquet has none.
    pub fn first_line(&self) -> u64 {
        if matches!(self.content, Content::Parquet(_)) { 1 } else { 2 }
    }

    /// Reads what is left, and gives the digest of the file as it lies on the disk, as `sha256sum` prints it.
    ///
    /// # Errors
    /// [`LoansError`], where the rest does not read.
    pub fn digest(self) -> Result<Digest, LoansError> {
        let digest = match self.content {
            Content::Text(reader) => reader.finish(),
            Content::Gzip(decoder) => decoder.into_inner().finish(),
            Content::Parquet(text) => Ok(text.digest()),
        };
        digest.map_err(|source| LoansError::Read { path: self.path, source })
    }

    /// Says what a failed read means.
    pub fn failed(&self, source: io::Error) -> LoansError {
        let path = self.path.clone();
        match self.content {
            Content::Text(_) => LoansError::Read { path, source },
            Content::Gzip(_) => LoansError::Gzip { path, source },
            Content::Parquet(_) => LoansError::Parquet { path, said: source.to_string() },
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Text(reader) => reader.read(buffer),
            Content::Gzip(decoder) => decoder.read(buffer),
            Content::Parquet(text) => text.read(buffer),
        }
    }
}
