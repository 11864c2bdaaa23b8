//! The temporary file that becomes the real one, and those that killed programs left behind.
//!
//! A program holds a lock on its file for as long as it lives, and the system lets go of it when the program is killed. So a
//! file that can be locked belongs to nobody, and whoever writes into the folder next removes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// How the name of a temporary file begins: hidden, and nobody else's.
const PREFIX: &str = ".countersign-";
/// How it ends: watchers of a folder pass over it.
const SUFFIX: &str = ".part";

/// Makes a temporary file in a folder, after removing those that belong to nobody any more. The process's umask takes from the
/// permissions of `mode` what it should.
///
/// # Errors
/// Whatever keeps a file from being made.
pub fn temporary(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    remove_stale(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).permissions(fs::Permissions::from_mode(mode));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Another program may have taken it for a stale one before it was locked here; then a new one is made.
        match file.as_file().try_lock() {
            Err(TryLockError::WouldBlock) => {}
            Ok(()) if !file.path().exists() => {}
            // Where the file system knows no locks, nobody can take one either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Removes temporary files that no program holds. What cannot be removed is left: it is in nobody's way.
fn remove_stale(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let named = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        // Anything but a plain file might keep whoever opens it waiting.
        if !named || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        // Locked while it is removed, so that a program that has just made it sees that it is taken.
        if let Some(_locked) = File::open(&path).ok().filter(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_behind_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let living = temporary(folder.path(), 0o644).expect("a file");
        let (_, stale) = temporary(folder.path(), 0o644).expect("a file").keep().expect("a file that stays");
        let other = folder.path().join("countersign-visible.part");
        let inside = folder.path().join(".countersign-folder.part");
        fs::write(&other, "").expect("a file");
        fs::create_dir(&inside).expect("a folder");
        let next = temporary(folder.path(), 0o644).expect("a file");
        assert!(!stale.exists());
        assert!(living.path().exists() && next.path().exists() && other.exists() && inside.exists());
    }

    #[test]
    fn writers_of_one_folder_leave_each_others_files_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |writer: usize| {
            let path = folder.path().join(writer.to_string());
            (0..200).for_each(|_| {
                temporary(folder.path(), 0o644).expect("a file").persist(&path).expect("nobody took it");
            });
        };
        std::thread::scope(|scope| (0..8).for_each(|writer| drop(scope.spawn(move || write(writer)))));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 8);
    }
}
