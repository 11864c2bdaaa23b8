//! Files that appear whole or not at all, and never in the place of a device, or of what they are made from.

mod output;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use output::Output;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub struct AtomicError {
    /// The file that was to be.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

/// Checks, before any long work, that a file can appear at a path: its folder is there, what exists of that name is a
/// regular file, and it is none of the `inputs`, under whatever name.
///
/// # Errors
/// [`AtomicError`], which says what is in the way.
pub fn ready(out: &Path, inputs: &[&Path]) -> Result<(), AtomicError> {
    let real = real(out)?;
    let same = |input: &&&Path| matches!((identity(&real), identity(input)), (Some(out), Some(input)) if out == input);
    match inputs.iter().find(same) {
        Some(input) => Err(refused(out, format!("it is an input as well ({}): name another file", input.display()))),
        None => Ok(()),
    }
}

/// Writes a file through `fill`: into a temporary file of the same folder, flushed to the disk, then renamed.
///
/// A reader sees the old content or the new, and a run that fails leaves nothing behind; one that is killed leaves its temporary
/// file, which whoever writes into that folder next removes. A link to a file stays a link: the file that it leads to is replaced.
///
/// # Errors
/// [`AtomicError`] where the system refuses, whatever `fill` makes of that; else what `fill` answers.
pub fn write<T, E: From<AtomicError>>(path: &Path, fill: impl FnOnce(&mut Output) -> Result<T, E>) -> Result<T, E> {
    let real = real(path)?;
    let failed = |source| AtomicError { path: path.to_owned(), source };
    let folder = folder(&real);
    // As any file the user makes: all may be permitted that the process's umask lets through.
    let mut file = contract::file::temporary(folder, 0o666).map_err(failed)?;
    let mut output = Output::new(file.as_file_mut());
    let filled = fill(&mut output);
    if let Some(refusal) = output.refusal() {
        return Err(failed(refusal).into());
    }
    let value = filled?;
    let finish = || -> io::Result<()> {
        file.as_file_mut().flush()?;
        file.as_file().sync_all()?;
        file.persist(&real).map_err(|error| error.error)?;
        // The new name lives in the folder, which has a cache of its own.
        File::open(folder)?.sync_all()
    };
    finish().map_err(failed)?;
    Ok(value)
}

/// Finds where the file is to lie, links followed: renaming onto a link, a pipe or a device would put the file in its place.
fn real(path: &Path) -> Result<PathBuf, AtomicError> {
    let failed = |source| AtomicError { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(refused(path, "it is a folder: name a file")),
        Ok(found) if !found.is_file() => Err(refused(path, "it is a pipe, socket or device: name a file")),
        Ok(_) => path.canonicalize().map_err(failed),
        Err(_) if path.file_name().is_none() => Err(refused(path, "it names no file")),
        Err(_) if !folder(path).is_dir() => Err(refused(path, "its folder is not there: make it first")),
        Err(_) if path.is_symlink() => Err(refused(path, "it is a link that leads to no file: remove it first")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(failed(error)),
    }
}

fn refused(path: &Path, said: impl Into<String>) -> AtomicError {
    AtomicError { path: path.to_owned(), source: io::Error::other(said.into()) }
}

/// Tells files apart whatever they are called: by device and inode, so that hard links are one file as well.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let [socket, to_socket, to_nothing] =
            ["socket", "to-socket", "to-nothing"].map(|name| folder.path().join(name));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        std::os::unix::fs::symlink("socket", &to_socket).expect("a link");
        std::os::unix::fs::symlink("absent", &to_nothing).expect("a link");
        for (path, said) in [(&socket, "device"), (&to_socket, "device"), (&to_nothing, "leads to no file")] {
            let error = ready(path, &[]).expect_err("no file").to_string();
            assert!(error.contains(said), "{error}");
            assert!(write::<(), AtomicError>(path, |_| Ok(())).is_err(), "{path:?}");
        }
        assert!(to_nothing.is_symlink() && to_socket.is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_is_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let there = folder.path().join("there");
        std::fs::create_dir(&there).expect("a folder");
        let (file, link) = (there.join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").expect("a file");
        std::os::unix::fs::symlink("there/file", &link).expect("a link");
        write(&link, |file| file.write_all(b"new").map_err(|source| AtomicError { path: "x".into(), source }))
            .expect("a file to replace");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).expect("the file"), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_no_output_under_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let [input, hard, soft, other] = ["input", "hard", "soft", "other"].map(|name| folder.path().join(name));
        std::fs::write(&input, "loans").expect("a file");
        std::fs::write(&other, "loans").expect("a file");
        std::fs::hard_link(&input, &hard).expect("a link");
        std::os::unix::fs::symlink("input", &soft).expect("a link");
        for name in [input.clone(), folder.path().join(".").join("input"), hard, soft] {
            let error = ready(&name, &[&other, &input]).expect_err("an input").to_string();
            assert!(error.contains("it is an input as well"), "{error}");
        }
        let absent = folder.path().join("absent");
        for fine in [&other, &absent] {
            ready(fine, &[&input, &absent]).expect("no input");
        }
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
