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
    /// Lines that the system has, and lines that still wait here.
    handed: u64,
    waiting: u64,
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
        let files = Self {
            folder: folder.to_owned(),
            file_bytes,
            files_max,
            number,
            file,
            length: 0,
            flushed: Instant::now(),
            handed: 0,
            waiting: 0,
        };
        files.forget_oldest();
        Ok(files)
    }

    /// Writes a line, into the next file where this one is full.
    pub fn write(&mut self, line: &[u8]) -> Result<(), LogError> {
        if self.length > 0 && self.length + line.len() as u64 > self.file_bytes {
            // First what may fail and be tried again: a file that was begun cannot be begun once more.
            self.finish()?;
            (self.file, self.length, self.number) = (begin(&self.folder, self.number + 1)?, 0, self.number + 1);
            self.forget_oldest();
        }
        self.file.write_all(line).map_err(|cause| self.failed(cause))?;
        self.length += line.len() as u64;
        self.waiting += 1;
        Ok(())
    }

    /// Gives how many lines the system has.
    pub fn handed(&self) -> u64 {
        self.handed
    }

    /// Gives how many lines wait to be handed to it.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Hands what was written to the system.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.flushed = Instant::now();
        self.file.flush().map_err(|cause| self.failed(cause))?;
        self.handed += std::mem::take(&mut self.waiting);
        Ok(())
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

    /// Removes what is too old; who moved it away before was quicker, and what cannot be removed is tried with the next file.
    fn forget_oldest(&self) {
        let files = match list(&self.folder) {
            Ok(files) => files,
            Err(error) => return tracing::warn!(%error, "the oldest of the prediction log stays"),
        };
        for (_, path) in &files[..files.len().saturating_sub(self.files_max)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, file = %path.display(), "the oldest of the prediction log stays");
                }
                _ => {}
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_was_full_is_written_again_when_it_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(folder.path(), 10, 3).expect("a log");
        files.write(b"one\n").expect("a disk");
        files.flush().expect("a disk");
        let good = std::mem::replace(
            &mut files.file,
            BufWriter::new(OpenOptions::new().write(true).open("/dev/full").expect("Linux has one")),
        );
        files.write(b"two\n").expect("it waits in memory");
        assert!(files.flush().is_err(), "the disk is full");
        assert!(files.write(b"three\n").is_err(), "and no next file is begun before this one is whole");
        files.file = good;
        files.write(b"four\n").expect("a disk again");
        files.write(b"five\n").expect("a disk again");
        files.finish().expect("a disk again");
        let names: Vec<_> = list(folder.path()).expect("a folder").into_iter().map(|(number, _)| number).collect();
        assert_eq!(names, [1, 2]);
    }

    #[test]
    fn a_file_that_somebody_moved_away_is_no_trouble() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(folder.path(), 4, 2).expect("a log");
        for _ in 0..4 {
            files.write(b"one\n").expect("a disk");
            let _ = fs::remove_file(path_of(folder.path(), 1));
        }
        files.finish().expect("a disk");
        let names: Vec<_> = list(folder.path()).expect("a folder").into_iter().map(|(number, _)| number).collect();
        assert_eq!(names, [3, 4]);
    }
}
