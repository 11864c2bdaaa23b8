//! Writing files so that a reader, or a crash, sees the old content or the new and nothing between; and reading files that
//! somebody else may have put there, without waiting for a pipe or filling the memory.

mod temporary;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use tempfile::NamedTempFile;

pub use temporary::temporary;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is a folder, a pipe, a device, or a link where links are not followed.
    #[error("it is no plain file")]
    NotAFile,
    /// It is larger than the bound.
    #[error("it has {bytes} bytes or more, at most {bytes_max} are read")]
    TooLarge {
        /// The size refused.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The system refused.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Whether the name of a file may be a link to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Links are followed: the operator's own files.
    Follow,
    /// A link is refused: files that others drop.
    Refuse,
}

/// Reads a plain file whole, if it is within the bound. Never waits for a pipe's writer, and never reads past the bound.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, bytes_max: u64, links: Links) -> Result<Vec<u8>, ReadError> {
    // Asked of the open file, not of its name: what the name stands for may change between a look and an opening.
    let mut flags = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    if links == Links::Refuse {
        flags |= libc::O_NOFOLLOW;
    }
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(link) if link.raw_os_error() == Some(libc::ELOOP) => return Err(ReadError::NotAFile),
        opened => opened?,
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(ReadError::NotAFile);
    }
    let too_large = |bytes| ReadError::TooLarge { bytes, bytes_max };
    if about.len() > bytes_max {
        return Err(too_large(about.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).map_err(|_| too_large(about.len()))?);
    // One byte more than allowed shows a file that has grown meanwhile.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Waits until nobody else holds the lock of this name in a folder, and takes it until the answer is dropped: for changes
/// that read a file, alter it and write it back.
///
/// # Errors
/// Whatever the system says, such as a folder that is not there.
pub fn lock(folder: &Path, name: &str) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(name))?;
    file.lock()?;
    Ok(file)
}

/// Replaces a file's content, keeping its permissions and owner where it exists; where the name is a link, what it leads to.
///
/// # Errors
/// Whatever the system says; the old content then still stands.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let pending = pending(path, bytes)?;
    if let Ok(old) = fs::metadata(path) {
        pending.as_file().set_permissions(old.permissions())?;
        // Whoever could read it still can: root changes files that a host reads as another user.
        let new = pending.as_file().metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(pending.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
    }
    pending.persist(path).map_err(|failed| failed.error)?;
    sync_folder(path)
}

/// Writes a new file; where one of that name exists it stays, and the error is `AlreadyExists`.
///
/// # Errors
/// Whatever the system says; nothing is then left behind.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    pending(path, bytes)?.persist_noclobber(path).map_err(|failed| failed.error)?;
    sync_folder(path)
}

/// Writes a new file that only its owner can read; where one of that name exists it stays, and the error is `AlreadyExists`.
///
/// # Errors
/// Whatever the system says; nothing is then left behind.
pub fn create_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // A torn secret would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
    })
}

/// Writes the content beside its place, under a name that watchers of the folder pass over.
fn pending(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = temporary(folder(path), 0o644)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the new name itself survive a crash.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// Gives the folder that a file stands in.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_never_overwrites_and_replace_does() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        create(&path, b"one").expect("a new file");
        assert_eq!(create(&path, b"two").expect_err("it exists").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("the file"), b"one");
        replace(&path, b"three").expect("replaced");
        assert_eq!(fs::read(&path).expect("the file"), b"three");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left behind");
    }

    #[test]
    fn only_plain_files_within_the_bound_are_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, b"12345").expect("a file");
        assert_eq!(read(&path, 5, Links::Refuse).expect("at the bound"), b"12345");
        assert!(matches!(read(&path, 4, Links::Refuse), Err(ReadError::TooLarge { bytes: 5, bytes_max: 4 })));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert_eq!(read(&link, 5, Links::Follow).expect("followed"), b"12345");
        assert!(matches!(read(&link, 5, Links::Refuse), Err(ReadError::NotAFile)));
        assert!(matches!(read(folder.path(), 5, Links::Follow), Err(ReadError::NotAFile)));
        assert!(matches!(read(Path::new("/dev/zero"), 5, Links::Follow), Err(ReadError::NotAFile)));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        assert!(matches!(read(&pipe, 5, Links::Refuse), Err(ReadError::NotAFile)), "and it does not wait");
    }

    #[test]
    fn replacing_through_a_link_keeps_the_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, b"old").expect("a file");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        replace(&link, b"new").expect("replaced");
        assert_eq!(fs::read(&path).expect("the file"), b"new");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    }
}
