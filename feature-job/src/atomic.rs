//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub struct AtomicError {
    /// The file that was to be.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

/// Checks, before any long work, that a file can appear at a path: its folder is there and it is no folder itself.
///
/// # Errors
/// [`AtomicError`], which says what is in the way.
pub fn ready(path: &Path) -> Result<(), AtomicError> {
    let failed = |said: &str| Err(AtomicError { path: path.to_owned(), source: io::Error::other(said) });
    if path.is_dir() {
        return failed("it is a folder: name a file");
    }
    if path.file_name().is_none() {
        return failed("it names no file");
    }
    if folder(path).is_dir() { Ok(()) } else { failed("its folder is not there: make it first") }
}

/// Writes a file through `fill`: into a temporary file of the same folder, flushed to the disk, then renamed.
///
/// A reader sees the old content or the new, and a run that fails leaves nothing behind.
///
/// # Errors
/// What `fill` answers, or [`AtomicError`] made into it.
pub fn write<T, E: From<AtomicError>>(path: &Path, fill: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    ready(path)?;
    let failed = |source| AtomicError { path: path.to_owned(), source };
    let folder = folder(path);
    let mut file = temporary(folder).map_err(failed)?;
    let value = fill(file.as_file_mut())?;
    let finish = || -> io::Result<()> {
        file.as_file_mut().flush()?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The new name lives in the folder, which has a cache of its own.
        File::open(folder)?.sync_all()
    };
    finish().map_err(failed)?;
    Ok(value)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".feature-job-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file the user makes: the process's umask takes away what it should.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        write::<_, AtomicError>(&path, |file| {
            file.write_all(b"old").map_err(|source| AtomicError { path: "x".into(), source })
        })
        .expect("the folder takes a file");
        let failed = write::<(), AtomicError>(&path, |file| {
            file.write_all(b"half").expect("a write");
            Err(AtomicError { path: "x".into(), source: io::Error::other("stop") })
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).expect("the old file"), b"old");
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn a_missing_folder_or_a_folder_as_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path().join("absent/out"), folder.path().to_owned()] {
            assert!(write::<(), AtomicError>(&path, |_| Ok(())).is_err(), "{path:?}");
        }
        assert!(names(folder.path()).is_empty());
    }
}
