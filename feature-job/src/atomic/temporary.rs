//! The temporary file that becomes the real one, and those that killed runs left behind.
//!
//! A run holds a lock on its file for as long as it lives, and the system lets go of it when the run is killed. So a file
//! that can be locked belongs to nobody, and the next run that writes into the folder removes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// How the name of a temporary file begins: hidden, and nobody else's.
const PREFIX: &str = ".feature-job-";

/// Makes a temporary file in a folder, after removing those that belong to no run any more.
///
/// # Errors
/// Whatever keeps a file from being made.
pub fn make(folder: &Path) -> io::Result<NamedTempFile> {
    remove_stale(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file the user makes: the process's umask takes away what it should.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(folder)?;
        // Another run may have taken it for a stale one before it was locked here; then a new one is made.
        match file.as_file().try_lock() {
            Err(TryLockError::WouldBlock) => {}
            Ok(()) if !file.path().exists() => {}
            // Where the file system knows no locks, no run can take one either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Removes temporary files that no run holds. What cannot be removed is left: it is in nobody's way.
fn remove_stale(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Anything but a plain file might keep whoever opens it waiting.
        if !named || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        // Locked while it is removed, so that a run that has just made it sees that it is taken.
        let stale = File::open(&path).ok().filter(|file| file.try_lock().is_ok());
        if stale.is_some() && fs::remove_file(&path).is_ok() {
            tracing::info!("removed {}, which a run that was killed had left", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_a_living_runs_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let living = make(folder.path()).expect("a file");
        let (_, stale) = make(folder.path()).expect("a file").keep().expect("a file that stays");
        let other = folder.path().join("feature-job-not-hidden");
        let inside = folder.path().join(".feature-job-folder");
        fs::write(&other, "").expect("a file");
        fs::create_dir(&inside).expect("a folder");
        let next = make(folder.path()).expect("a file");
        assert!(!stale.exists());
        assert!(living.path().exists() && next.path().exists() && other.exists() && inside.exists());
    }

    #[test]
    fn runs_that_write_at_the_same_time_leave_each_others_files_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |writer: usize| {
            let path = folder.path().join(writer.to_string());
            (0..200).for_each(|_| {
                make(folder.path()).expect("a file").persist(&path).expect("nobody took it");
            });
        };
        std::thread::scope(|scope| (0..8).for_each(|writer| drop(scope.spawn(move || write(writer)))));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 8);
    }
}
