//! Looking at the folder of approved modules, and reading a file of it once.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::digest::Digest;

use super::reason::Reason;

/// What tells whether a file has changed since it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: (i64, i64),
    inode: (u64, u64),
}

/// A file's bytes. They are read once: what is verified is what is compiled.
pub(super) struct ReadFile {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

/// The modules of a folder, sorted by name, and how many were passed over.
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

/// Lists what a folder holds under names that end in `.wasm`; names with a leading dot are files still being written.
pub(super) fn list(folder: &Path, files_max: usize) -> io::Result<Listing> {
    let mut files = Vec::new();
    let mut passed_over = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let module = Path::new(&name).extension().is_some_and(|extension| extension == "wasm");
        if !module || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if files.len() >= files_max {
            passed_over += 1;
            continue;
        }
        // Gone again since the folder was read: the next scan will not list it.
        if let Ok(meta) = entry.path().symlink_metadata() {
            files.push((name, stamp_of(&meta)));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Listing { files, passed_over })
}

/// Reads a file whole, as far as the bound.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<ReadFile, Reason> {
    let unreadable = |cause: io::Error| Reason::new("unreadable", format!("the file cannot be read: {cause}"));
    let too_large =
        |bytes: u64| Reason::new("too_large", format!("the file has {bytes} bytes, at most {bytes_max} are read"));
    let meta = path.symlink_metadata().map_err(unreadable)?;
    // Asked before opening: opening a pipe would wait for its writer for ever.
    if !meta.is_file() {
        let message = "a module is a plain file: no folder, link or pipe";
        return Err(Reason::new("not_a_file", message));
    }
    if meta.len() > bytes_max {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // One byte more than allowed shows a file that has grown meanwhile.
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes.len() as u64));
    }
    let digest = Digest::of(&bytes);
    Ok(ReadFile { bytes, digest })
}

fn stamp_of(meta: &Metadata) -> Stamp {
    Stamp { bytes: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()), inode: (meta.dev(), meta.ino()) }
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
        let names = |max| {
            let listing = list(folder.path(), max).expect("a folder");
            let names: Vec<_> = listing.files.iter().map(|(name, _)| name.clone()).collect();
            (names.len(), listing.passed_over, names)
        };
        assert_eq!(names(10), (2, 0, vec!["a.wasm".into(), "b.wasm".into()]));
        assert_eq!((names(1).0, names(1).1), (1, 1));
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
        check("folder.wasm", 100, "not_a_file");
        check("link.wasm", 100, "not_a_file");
        check("gone.wasm", 100, "unreadable");
        check("a.wasm", 99, "too_large");
        let read = read(&at("a.wasm"), 100).expect("at the bound");
        assert_eq!((read.bytes.len(), read.digest), (100, Digest::of(&[7; 100])));
    }
}
