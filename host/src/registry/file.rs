//! Looking at the folder of approved modules, and reading a file of it once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::digest::Digest;
use contract::file::{Links, ReadError};

use super::reason::Reason;

/// The code of a refusal for what the system says. It may say otherwise the next time, without any change of the file.
pub(super) const UNREADABLE: &str = "unreadable";

/// What tells whether a file has changed since it was judged. The time of the last change of its state is the system's
/// own: it shows another content under a time of writing that was set back, and permissions given later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: (u64, u64),
}

/// A file's bytes. They are read once: what is verified is what is compiled.
pub(super) struct ReadFile {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

/// The modules of a folder, and how many were passed over.
pub(super) struct Listing {
    pub(super) files: Vec<(OsString, Stamp)>,
    pub(super) passed_over: usize,
}

impl Stamp {
    /// Gives the file's size.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Gives the stamp of what a path names, links followed.
pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
    fs::metadata(path).map(|meta| stamp_of(&meta))
}

/// Lists what a folder holds under names that end in `.wasm`; names with a leading dot are files still being written. Of more
/// than `files_max`, those that are known stay in and of the others those whose names come first: a flood of new files pushes
/// out nothing that was there.
pub(super) fn list(folder: &Path, files_max: usize, known: &BTreeSet<OsString>) -> io::Result<Listing> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let module = Path::new(&name).extension().is_some_and(|extension| extension == "wasm");
        if module && !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_by_cached_key(|name| (!known.contains(name), name.clone()));
    let passed_over = names.len().saturating_sub(files_max);
    names.truncate(files_max);
    // Gone again since the folder was read: the next look will not list it.
    let stamped = |name: OsString| Some((stamp_of(&folder.join(&name).symlink_metadata().ok()?), name));
    let files = names.into_iter().filter_map(stamped).map(|(stamp, name)| (name, stamp)).collect();
    Ok(Listing { files, passed_over })
}

/// Reads a file whole, as far as the bound. What is no plain file when it is opened is refused without waiting for it.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<ReadFile, Reason> {
    let not_a_file = || Reason::new("not_a_file", "a module is a plain file: no folder, link or pipe");
    // A socket cannot be opened at all.
    let openable = || path.symlink_metadata().map_or(true, |meta| meta.is_file());
    let bytes = contract::file::read(path, bytes_max, Links::Refuse).map_err(|error| match error {
        ReadError::NotAFile => not_a_file(),
        ReadError::System(_) if !openable() => not_a_file(),
        ReadError::TooLarge { bytes, bytes_max } => {
            Reason::new("too_large", format!("the file has {bytes} bytes, at most {bytes_max} are read"))
        }
        ReadError::System(cause) => Reason::new(UNREADABLE, format!("the file cannot be read: {cause}")),
    })?;
    let digest = Digest::of(&bytes);
    Ok(ReadFile { bytes, digest })
}

fn stamp_of(meta: &Metadata) -> Stamp {
    Stamp {
        bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        inode: (meta.dev(), meta.ino()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modules_are_listed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["b.wasm", "a.wasm", ".hidden.wasm", "a.wasm.tmp", "README.md", "c.WASM"] {
            fs::write(folder.path().join(name), name).expect("a file");
        }
        let names = |max, known: &[&str]| {
            let known = known.iter().map(OsString::from).collect();
            let listing = list(folder.path(), max, &known).expect("a folder");
            let names: Vec<_> = listing.files.iter().map(|(name, _)| name.clone()).collect();
            (names, listing.passed_over)
        };
        assert_eq!(names(10, &[]), (vec!["a.wasm".into(), "b.wasm".into()], 0));
        assert_eq!(names(1, &[]), (vec!["a.wasm".into()], 1));
        assert_eq!(names(1, &["b.wasm"]), (vec!["b.wasm".into()], 1), "what is known stays");
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.wasm"), [7; 100]).expect("a file");
        fs::create_dir(at("folder.wasm")).expect("a folder");
        std::os::unix::fs::symlink(at("a.wasm"), at("link.wasm")).expect("a link");
        let check = |name: &str, max: u64, code: &str| {
            assert_eq!(read(&at(name), max).err().map(|reason| reason.code), Some(code), "{name}");
        };
        let made = std::process::Command::new("mkfifo").arg(at("pipe.wasm")).status();
        assert!(made.expect("mkfifo is part of every Unix").success());
        check("pipe.wasm", 100, "not_a_file");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.wasm")).expect("a socket");
        check("socket.wasm", 100, "not_a_file");
        check("folder.wasm", 100, "not_a_file");
        check("link.wasm", 100, "not_a_file");
        check("gone.wasm", 100, "unreadable");
        check("a.wasm", 99, "too_large");
        let read = read(&at("a.wasm"), 100).expect("at the bound");
        assert_eq!((read.bytes.len(), read.digest), (100, Digest::of(&[7; 100])));
    }

    #[test]
    fn a_content_swapped_under_its_old_time_is_seen() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.wasm");
        fs::write(&path, "old").expect("a file");
        let before = stamp(&path).expect("a file");
        let written = fs::metadata(&path).and_then(|meta| meta.modified()).expect("a time");
        // The system's clock for files ticks every few milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::write(&path, "new").expect("the file");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(written).expect("the file is ours");
        let after = stamp(&path).expect("a file");
        assert_eq!((before.bytes, before.modified, before.inode), (after.bytes, after.modified, after.inode));
        assert_ne!(before, after);
    }
}
