//! The place a candidate will stand at: found before the work starts, filled whole or not at all.

use std::path::{Path, PathBuf};

use contract::card::REPORT_SUFFIX;
use contract::file;
use contract::ids::{ModelName, ModelVersion};

/// The lock that a run holds while it writes a candidate and its report, which belong together.
const LOCK: &str = ".lock";

/// A free version in a folder that can be written to.
#[derive(Debug)]
pub struct Place {
    /// The version that is free.
    pub version: ModelVersion,
    path: PathBuf,
    /// Whether the version was asked for, and so no other will do.
    wanted: bool,
}

/// Why there is no place for a candidate.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The folder is not there.
    #[error("{0} is no folder: make it, or name another with --out")]
    NoFolder(PathBuf),
    /// A folder of the registry cannot be listed.
    #[error("cannot list {folder}: {source}")]
    List {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The folder cannot be written to.
    #[error("cannot write in {folder}: {source}")]
    Write {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The version exists, and a version is never written twice.
    #[error("{0} exists, and a version is never written twice: leave --version out, or give a higher one")]
    Taken(PathBuf),
    /// The counter is used up.
    #[error("no version follows the highest one in {0}")]
    UsedUp(PathBuf),
}

impl Place {
    /// Finds the place of a version: the one wanted, or the one after the highest among the candidates in the folder and
    /// the approved versions in the folder `approved` beside it.
    ///
    /// # Errors
    /// [`PlaceError`]: no folder, not writable, or the version exists in either folder.
    pub fn take(folder: &Path, model: &ModelName, wanted: Option<ModelVersion>) -> Result<Self, PlaceError> {
        if !folder.is_dir() {
            return Err(PlaceError::NoFolder(folder.to_owned()));
        }
        let absolute =
            folder.canonicalize().map_err(|source| PlaceError::List { folder: folder.to_owned(), source })?;
        let approved = absolute.with_file_name("approved");
        let mut taken = versions(folder, model)?;
        if approved.is_dir() && approved != absolute {
            taken.extend(versions(&approved, model)?);
        }
        let highest = taken.iter().max().map(|(version, _)| *version);
        let version = match (wanted, highest) {
            (Some(version), _) => version,
            (None, None) => ModelVersion::FIRST,
            (None, Some(highest)) => highest.next().ok_or_else(|| PlaceError::UsedUp(folder.to_owned()))?,
        };
        if let Some((_, path)) = taken.into_iter().find(|(taken, _)| *taken == version) {
            return Err(PlaceError::Taken(path));
        }
        // Tried now, since the answer would otherwise come after a minute of work.
        tempfile::tempfile_in(folder).map_err(|source| PlaceError::Write { folder: folder.to_owned(), source })?;
        Ok(Self { version, path: folder.join(format!("{model}-{version}.wasm")), wanted: wanted.is_some() })
    }

    /// Writes the candidate with its report beside it, each whole or not at all, and never over another candidate. The report
    /// comes first, so that no candidate is ever without one; gives where both stand.
    ///
    /// # Errors
    /// [`PlaceError`], when the disk refuses or someone else took the version meanwhile.
    pub fn fill(&self, module: &[u8], report: &str) -> Result<(PathBuf, PathBuf), PlaceError> {
        let folder = file::folder(&self.path);
        let refused = |source| PlaceError::Write { folder: folder.to_owned(), source };
        let _lock = file::lock(folder, LOCK).map_err(refused)?;
        if self.path.symlink_metadata().is_ok() {
            return Err(PlaceError::Taken(self.path.clone()));
        }
        let beside = self.report();
        // A report without a candidate was left by a run that was killed between the two.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
            _ => file::create(&beside, report.as_bytes()).map_err(refused)?,
        }
        match file::create(&self.path, module) {
            Ok(()) => Ok((self.path.clone(), beside)),
            Err(error) => {
                // It is about a candidate that is not there.
                let _ = std::fs::remove_file(&beside);
                match error.kind() {
                    std::io::ErrorKind::AlreadyExists => Err(PlaceError::Taken(self.path.clone())),
                    _ => Err(refused(error)),
                }
            }
        }
    }

    fn report(&self) -> PathBuf {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{stem}{REPORT_SUFFIX}"))
    }

    /// Finds another place, after another run took this one; none where this very version was asked for.
    ///
    /// # Errors
    /// [`PlaceError`], as from [`Place::take`].
    pub fn next(&self, model: &ModelName) -> Result<Self, PlaceError> {
        match self.path.parent() {
            Some(folder) if !self.wanted => Self::take(folder, model, None),
            _ => Err(PlaceError::Taken(self.path.clone())),
        }
    }
}

/// Lists the versions of a model in a folder, by file name.
fn versions(folder: &Path, model: &ModelName) -> Result<Vec<(ModelVersion, PathBuf)>, PlaceError> {
    let refused = |source| PlaceError::List { folder: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let counter = name.strip_prefix(model.as_str()).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".wasm"));
        if let Some(version) = counter.and_then(|counter| counter.parse().ok()) {
            found.push((version, path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, PathBuf, ModelName) {
        let root = tempfile::tempdir().expect("a folder");
        let candidates = root.path().join("candidates");
        std::fs::create_dir(&candidates).expect("a folder");
        std::fs::create_dir(root.path().join("approved")).expect("a folder");
        (root, candidates, "credit-risk".parse().expect("a name"))
    }

    fn next(folder: &Path, model: &ModelName) -> u64 {
        Place::take(folder, model, None).expect("a place").version.get()
    }

    #[test]
    fn versions_count_on_from_the_highest_of_both_folders() {
        let (root, candidates, model) = registry();
        let touch = |folder: &str, name: &str| std::fs::write(root.path().join(folder).join(name), "").expect("a file");
        assert_eq!(next(&candidates, &model), 1);
        touch("candidates", "credit-risk-2.wasm");
        touch("candidates", "credit-risk-010.wasm");
        touch("candidates", "credit-risk-x-9.wasm");
        touch("candidates", "other-30.wasm");
        touch("candidates", "credit-risk-40.wasm.part");
        assert_eq!(next(&candidates, &model), 3);
        touch("approved", "credit-risk-10.wasm");
        assert_eq!(next(&candidates, &model), 11);
        let taken = Place::take(&candidates, &model, Some(10.try_into().expect("a version")));
        assert!(matches!(taken, Err(PlaceError::Taken(_))), "approved versions are taken too");
    }

    #[test]
    fn a_version_is_written_once_and_whole() {
        let (_root, candidates, model) = registry();
        let first = Place::take(&candidates, &model, None).expect("a place");
        let second = Place::take(&candidates, &model, None).expect("two may try");
        let (path, report) = first.fill(b"one", "about one").expect("the first wins");
        assert!(matches!(second.fill(b"two", "about two"), Err(PlaceError::Taken(_))));
        assert_eq!(second.next(&model).expect("the loser takes the next").version.get(), 2);
        assert_eq!(std::fs::read(&path).expect("the file"), b"one");
        assert_eq!(std::fs::read(&report).expect("the file"), b"about one", "the loser leaves the winner's report");
        assert!(report.ends_with("credit-risk-1.report.html"), "{report:?}");
        let wanted = Some(5.try_into().expect("a version"));
        let asked = Place::take(&candidates, &model, wanted).expect("a place");
        assert!(matches!(asked.next(&model), Err(PlaceError::Taken(_))), "no other version will do");
        drop(Place::take(&candidates, &model, None).expect("a place given up"));
        let mut left: Vec<_> =
            std::fs::read_dir(&candidates).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        left.sort();
        assert_eq!(left, [candidates.join(LOCK), report, path], "nothing half done is left");
    }

    #[test]
    fn a_report_that_a_killed_run_left_is_replaced_and_one_that_cannot_be_written_stops_all() {
        let (_root, candidates, model) = registry();
        let orphan = candidates.join("credit-risk-1.report.html");
        std::fs::write(&orphan, "about a candidate that never came").expect("a file");
        assert_eq!(next(&candidates, &model), 1, "a report alone takes no version");
        let place = Place::take(&candidates, &model, None).expect("a place");
        place.fill(b"one", "about one").expect("the version is free");
        assert_eq!(std::fs::read(&orphan).expect("the file"), b"about one");
        let place = Place::take(&candidates, &model, None).expect("a place");
        std::fs::create_dir(candidates.join("credit-risk-2.report.html")).expect("a folder");
        assert!(matches!(place.fill(b"two", "about two"), Err(PlaceError::Write { .. })), "a folder is in the way");
        assert!(!candidates.join("credit-risk-2.wasm").exists(), "no candidate without its report");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let (root, _, model) = registry();
        let error = Place::take(&root.path().join("nowhere"), &model, None).expect_err("no folder");
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
