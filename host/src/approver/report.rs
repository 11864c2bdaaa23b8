//! The report beside a candidate: found, and held against the digest in the card, before anybody decides by it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::bail;
use contract::card::{ModelCard, REPORT_BYTES_MAX};
use contract::digest::Digest;
use contract::file::{self, Links, ReadError};

use super::registry::{RegistryArgs, shown};

/// What lies where the report should.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The very report that the card names.
    Holds(PathBuf),
    /// The card names a report, and none lies at the first of the places looked at.
    Missing(PathBuf),
    /// Another file, or one that cannot be read.
    Other {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        said: String,
    },
    /// The card names none.
    NotNamed,
}

impl Report {
    /// Looks for the report beside the module, or else among the registry's candidates, where an approved module's stayed.
    pub(super) fn find(module: &Path, card: &ModelCard, registry: &RegistryArgs) -> Self {
        let Some(wanted) = card.report else { return Self::NotNamed };
        let beside = module.with_file_name(card.report_name());
        let kept = registry.modules.join("candidates").join(card.report_name());
        match Self::at(&beside, wanted) {
            Self::Missing(_) => match Self::at(&kept, wanted) {
                Self::Missing(_) => Self::Missing(beside),
                found => found,
            },
            found => found,
        }
    }

    fn at(path: &Path, wanted: Digest) -> Self {
        let path = path.to_owned();
        match file::read(&path, REPORT_BYTES_MAX, Links::Follow) {
            Ok(bytes) if Digest::of(&bytes) == wanted => Self::Holds(path),
            Ok(bytes) => {
                let said = format!("it is {}, the card names {wanted}", Digest::of(&bytes));
                Self::Other { path, said }
            }
            Err(ReadError::System(absent)) if absent.kind() == ErrorKind::NotFound => Self::Missing(path),
            Err(error) => Self::Other { path, said: error.to_string() },
        }
    }

    /// Prints where the report lies, or what is wrong.
    pub(super) fn show(&self) {
        match self {
            Self::Holds(path) => say!("report      {} (its digest is the card's): read it first", shown(path)),
            Self::Missing(path) => say!(
                "report      MISSING: {} is not there. Ask for the file; without it nobody has seen the plots and the changes",
                shown(path)
            ),
            Self::Other { path, .. } => say!("report      REFUSED: {} is not the candidate's", shown(path)),
            Self::NotNamed => say!("report      MISSING: the card names none"),
        }
    }

    /// Refuses a report that is not the candidate's: whoever reads it would decide about something else.
    pub(super) fn demand_no_other(&self) -> anyhow::Result<()> {
        match self {
            Self::Other { path, said } => bail!(
                "{} is not this candidate's report ({said}): do not decide by it; get the one that was made with the candidate",
                shown(path)
            ),
            Self::Holds(_) | Self::Missing(_) | Self::NotNamed => Ok(()),
        }
    }

    /// Refuses to approve without the report, unless that is wanted.
    pub(super) fn demand(&self, without: bool) -> anyhow::Result<()> {
        self.demand_no_other()?;
        match self {
            Self::Missing(path) if !without => {
                bail!("the report {} is missing: get it and read it, or approve with --without-report", shown(path))
            }
            Self::NotNamed if !without => {
                bail!("the card names no report: train with a newer job, or approve with --without-report")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::fixtures;

    /// A registry folder, a candidate's path in it, and a card that names the report `wanted`.
    fn bench(wanted: Option<&[u8]>) -> (tempfile::TempDir, RegistryArgs, PathBuf, ModelCard) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["candidates", "approved"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let registry = RegistryArgs { modules: folder.path().to_owned(), trust: None };
        let card = ModelCard { report: wanted.map(Digest::of), ..fixtures::card(3, 0.5) };
        let module = folder.path().join("candidates/credit-risk-3.wasm");
        (folder, registry, module, card)
    }

    #[test]
    fn the_right_report_holds_beside_a_candidate_and_for_an_approved_module() {
        let (folder, registry, module, card) = bench(Some(b"good"));
        let path = folder.path().join("candidates/credit-risk-3.report.html");
        std::fs::write(&path, "good").expect("a file");
        for module in [module, folder.path().join("approved/credit-risk-3.wasm")] {
            let found = Report::find(&module, &card, &registry);
            assert_eq!(found, Report::Holds(path.clone()));
            assert!(found.demand(false).is_ok());
        }
    }

    #[test]
    fn another_report_is_refused_and_a_missing_one_takes_a_word() {
        let (folder, registry, module, card) = bench(Some(b"good"));
        let missing = Report::find(&module, &card, &registry);
        assert!(missing.demand_no_other().is_ok() && missing.demand(false).is_err() && missing.demand(true).is_ok());
        let path = folder.path().join("candidates/credit-risk-3.report.html");
        std::fs::write(&path, "good, and more").expect("a file");
        let other = Report::find(&module, &card, &registry);
        assert!(matches!(other, Report::Other { .. }), "{other:?}");
        assert!(other.demand_no_other().is_err() && other.demand(true).is_err());
        std::fs::remove_file(&path).expect("it can be removed");
        std::fs::create_dir(&path).expect("a folder");
        assert!(Report::find(&module, &card, &registry).demand(true).is_err(), "a folder is no report");
    }

    #[test]
    fn a_card_without_a_report_takes_a_word_as_well() {
        let (_folder, registry, module, card) = bench(None);
        let none = Report::find(&module, &card, &registry);
        assert_eq!(none, Report::NotNamed);
        assert!(none.demand(false).is_err() && none.demand(true).is_ok());
    }
}
