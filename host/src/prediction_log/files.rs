//! The files of a log: numbered, of bounded size and number, the oldest gone first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use contract::prediction::{FILE_PREFIX, FILE_SUFFIX, numbered};

/// Why a log cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder or a file in it cannot be used.
    #[error("prediction log {path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The writer cannot be started.
    #[error("the writer of the prediction log cannot be started: {0}")]
    Thread(io::Error),
}

/// The files of a log, of which the last is written.
pub struct Files {
    folder: PathBuf,
    file_bytes: u64,
    files_max: usize,
    number: u64,
    file: BufWriter<File>,
    length: u64,
    flushed: Instant,
}

/// Lists the files of a log by their numbers.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    numbered(folder).map_err(|cause| LogError::File { path: folder.to_owned(), cause })
}

impl Files {
    /// Begins the file after the last one there is: what an earlier process wrote stays as it is.
    pub fn open(folder: &Path, file_bytes: u64, files_max: usize) -> Result<Self, LogError> {
        fs::create_dir_all(folder).map_err(|cause| LogError::File { path: folder.to_owned(), cause })?;
        let number = list(folder)?.last().map_or(1, |(number, _)| number + 1);
        let file = begin(folder, number)?;
        let files =
            Self { folder: folder.to_owned(), file_bytes, files_max, number, file, length: 0, flushed: Instant::now() };
        files.forget_oldest()?;
        Ok(files)
    }

    /// Writes a line, into the next file where this one is full.
    pub fn write(&mut self, line: &[u8]) -> Result<(), LogError> {
        if self.length > 0 && self.length + line.len() as u64 > self.file_bytes {
            let next = begin(&self.folder, self.number + 1)?;
            self.finish()?;
            (self.file, self.length, self.number) = (next, 0, self.number + 1);
            self.forget_oldest()?;
        }
        self.length += line.len() as u64;
        self.file.write_all(line).map_err(|cause| self.failed(cause))
    }

    /// Hands what was written to the system.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.flushed = Instant::now();
        self.file.flush().map_err(|cause| self.failed(cause))
    }

    /// The same, where the last time is so long ago.
    pub fn flush_if_due(&mut self, after: Duration) -> Result<(), LogError> {
        if self.flushed.elapsed() >= after { self.flush() } else { Ok(()) }
    }

    /// Brings what was written to the disk.
    pub fn finish(&mut self) -> Result<(), LogError> {
        self.flush()?;
        self.file.get_ref().sync_data().map_err(|cause| self.failed(cause))
    }

    fn forget_oldest(&self) -> Result<(), LogError> {
        let files = list(&self.folder)?;
        for (_, path) in &files[..files.len().saturating_sub(self.files_max)] {
            fs::remove_file(path).map_err(|cause| LogError::File { path: path.clone(), cause })?;
        }
        Ok(())
    }

    fn failed(&self, cause: io::Error) -> LogError {
        LogError::File { path: path_of(&self.folder, self.number), cause }
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{FILE_PREFIX}{number:06}{FILE_SUFFIX}"))
}

/// Begins a file that only its owner and group read: it holds what is known of people.
fn begin(folder: &Path, number: u64) -> Result<BufWriter<File>, LogError> {
    let path = path_of(folder, number);
    let file = OpenOptions::new().append(true).create_new(true).mode(0o640).open(&path);
    Ok(BufWriter::with_capacity(256 << 10, file.map_err(|cause| LogError::File { path, cause })?))
}
