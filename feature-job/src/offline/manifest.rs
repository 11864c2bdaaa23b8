//! Where an offline store comes from: `features.parquet.manifest.json`, beside the store.
//!
//! # Shape
//! JSON: the store's digest, the digest of its feature view, as-of, ages, the loan files with their digests and counts, the
//! counts of all, and the program and revision that made it. It is apart from the store, so that a store's bytes follow from
//! its content alone: a store that was extended is the one that a full run would have made.
//!
//! # Together with the store
//! Two files cannot be replaced at once. So the new manifest is written first, with the one before inside it, then the store,
//! then the manifest alone: whenever a run is killed, one of the two manifests names the store that is there.

use std::path::{Path, PathBuf};

use contract::card::{Quality, QualityFinding};
use contract::date::Date;
use contract::digest::Digest;
use contract::file::{self, Links};
use contract::view::Ages;
use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::atomic::{self, AtomicError};
use crate::builder::{BUILDER, revision};

/// The most bytes of a manifest that are read: those of ten thousand loan files.
const BYTES_MAX: u64 = 16 << 20;

/// Where an offline store comes from and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The digest of the store's file.
    pub store: Digest,
    /// The digest of the feature view that it follows.
    pub view: Digest,
    /// The day the features were computed for.
    pub as_of: Date,
    /// What ages count from in the features' own columns.
    pub ages: Ages,
    /// How many loans it holds.
    pub rows: u64,
    /// How many users these belong to.
    pub entities: u64,
    /// The loan files it was made from, in order.
    pub sources: Vec<Source>,
    /// The program that made it, with its version.
    pub builder: String,
    /// The revision of the program's code, where the build knew it.
    pub revision: Option<String>,
}

/// A loan file that an offline store was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The digest of the file, as `sha256sum` prints it.
    pub digest: Digest,
    /// Rows read from it.
    pub rows: u64,
    /// Rows that were put aside because they broke a rule.
    pub rejected: u64,
    /// Loans that were left out, since they lie after as-of.
    pub excluded: u64,
    /// The rules that its rows broke.
    pub findings: Vec<QualityFinding>,
}

/// What is written while a store is replaced.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    manifest: Manifest,
    /// The manifest of the store that is being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Manifest>,
}

impl Manifest {
    /// Says where a store comes from.
    pub fn of(content: &Content, store: Digest, sources: Vec<Source>) -> Self {
        Self {
            store,
            view: content.view.digest(),
            as_of: content.as_of,
            ages: content.ages,
            rows: content.rows,
            entities: content.entities,
            sources,
            builder: BUILDER.to_owned(),
            revision: revision(),
        }
    }

    /// Reads the manifest of a store of this digest; none where there is none, or only that of another store.
    pub fn beside(store: &Path, digest: Digest) -> Option<Self> {
        let Stored { manifest, before } = read(store)?;
        [Some(manifest), before].into_iter().flatten().find(|manifest| manifest.store == digest)
    }

    /// Writes the manifest of a store that is about to be put in its place; the one of the store that is there now stays in it.
    ///
    /// # Errors
    /// [`AtomicError`].
    pub fn announce(&self, store: &Path) -> Result<(), AtomicError> {
        let there = std::fs::File::open(store).and_then(Digest::of_reader).ok();
        let before = there.filter(|there| *there != self.store).and_then(|there| Self::beside(store, there));
        write(store, &Stored { manifest: self.clone(), before })
    }

    /// Writes the manifest of a store that is in its place.
    ///
    /// # Errors
    /// [`AtomicError`].
    pub fn settle(&self, store: &Path) -> Result<(), AtomicError> {
        write(store, &Stored { manifest: self.clone(), before: None })
    }

    /// Gives how many loans were left out, since they lie after as-of.
    pub fn excluded(&self) -> u64 {
        self.sources.iter().map(|source| source.excluded).sum()
    }

    /// Gives how many rows were put aside because they broke a rule.
    pub fn rejected(&self) -> u64 {
        self.sources.iter().map(|source| source.rejected).sum()
    }

    /// Gives what a model card says of the data.
    pub fn quality(&self) -> Quality {
        let mut findings: Vec<QualityFinding> = Vec::new();
        for finding in self.sources.iter().flat_map(|source| &source.findings) {
            let same = |known: &&mut QualityFinding| (&known.rule, &known.column) == (&finding.rule, &finding.column);
            match findings.iter_mut().find(same) {
                Some(known) => known.rows += finding.rows,
                None => findings.push(finding.clone()),
            }
        }
        Quality {
            sources: self.sources.iter().map(|source| source.digest).collect(),
            rows: self.sources.iter().map(|source| source.rows).sum(),
            rejected: self.rejected(),
            excluded: self.excluded(),
            findings,
        }
    }
}

/// Gives the path of a store's manifest.
pub fn path_beside(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".manifest.json");
    path.into()
}

fn read(store: &Path) -> Option<Stored> {
    let bytes = file::read(&path_beside(store), BYTES_MAX, Links::Follow).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn write(store: &Path, stored: &Stored) -> Result<(), AtomicError> {
    use std::io::Write as _;
    let path = path_beside(store);
    let text = serde_json::to_string_pretty(stored).expect("a manifest is plain data") + "\n";
    atomic::write(&path, |file| {
        file.write_all(text.as_bytes()).map_err(|source| AtomicError { path: path.clone(), source })
    })
}

#[cfg(test)]
mod tests {
    use contract::view::FeatureView;

    use super::*;

    fn source(name: &str, rejected: u64) -> Source {
        let finding = |rule: &str| QualityFinding { rule: rule.to_owned(), column: "id".to_owned(), rows: rejected };
        let findings = vec![finding("id_range"), finding(name)];
        Source { digest: Digest::of(name.as_bytes()), rows: 10, rejected, excluded: 1, findings }
    }

    fn manifest(store: &[u8]) -> Manifest {
        let content = Content {
            as_of: "2021-12-27".parse().expect("a day"),
            ages: Ages::Event,
            view: FeatureView::credit_risk().clone(),
            rows: 13,
            entities: 2,
        };
        Manifest::of(&content, Digest::of(store), vec![source("first", 2), source("second", 3)])
    }

    #[test]
    fn quality_adds_up_over_the_sources() {
        let quality = manifest(b"store").quality();
        assert_eq!((quality.rows, quality.rejected, quality.excluded), (20, 5, 2));
        let found: Vec<_> = quality.findings.iter().map(|finding| (finding.rule.as_str(), finding.rows)).collect();
        assert_eq!(found, [("id_range", 5), ("first", 2), ("second", 3)]);
    }

    #[test]
    fn whenever_a_run_is_killed_a_manifest_names_the_store_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("features.parquet");
        let found = |bytes: &[u8]| Manifest::beside(&store, Digest::of(bytes));
        let [old, new] = [b"old", b"new"].map(|bytes| (manifest(bytes), bytes));
        old.0.announce(&store).expect("a folder to write in");
        std::fs::write(&store, old.1).expect("a store");
        assert_eq!(found(b"old"), Some(old.0.clone()), "killed before the first is settled");
        old.0.settle(&store).expect("a folder to write in");
        new.0.announce(&store).expect("a folder to write in");
        assert_eq!((found(b"old"), found(b"new")), (Some(old.0), Some(new.0.clone())), "killed at the swap");
        std::fs::write(&store, new.1).expect("a store");
        new.0.settle(&store).expect("a folder to write in");
        assert_eq!((found(b"old"), found(b"new")), (None, Some(new.0)));
        std::fs::write(path_beside(&store), "{}").expect("a file");
        assert_eq!(found(b"new"), None);
    }
}
