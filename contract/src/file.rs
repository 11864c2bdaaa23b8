//! Writing files so that a reader, or a crash, sees the old content or the new and nothing between.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces a file's content, keeping its permissions where it exists.
///
/// # Errors
/// Whatever the system says; the old content then still stands.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let pending = pending(path, bytes)?;
    if let Ok(old) = fs::metadata(path) {
        pending.as_file().set_permissions(old.permissions())?;
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

/// Writes the content beside its place, under a name that watchers of the folder pass over.
fn pending(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the new name itself survive a crash.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
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
}
