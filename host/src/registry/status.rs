//! What the registry says of itself: models, their versions, and refused files under the model their name suggests.

use std::fmt;

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::ModelName;
use serde::Serialize;
use utoipa::ToSchema;

use super::event::Event;
use super::reason::Reason;
use super::shadow::ShadowFigures;
use super::traffic::Traffic;

/// A model with all that is known under its name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelStatus {
    /// The model's name.
    #[schema(value_type = String)]
    pub name: ModelName,
    /// The live version, where there is one.
    pub live_version: Option<u64>,
    /// The highest version that was ever live.
    pub highest_live_version: Option<u64>,
    /// Whether an operator chose the live version; otherwise the newest goes live by itself.
    pub pinned: bool,
    /// What an operator set.
    pub traffic: Traffic,
    /// Why no version is live, where one was.
    pub unavailable: Option<Reason>,
    /// How the shadow compares, where there is one.
    pub shadow: Option<ShadowFigures>,
    /// Its versions, newest first, then the files refused under its name, by name.
    pub versions: Vec<VersionStatus>,
    /// What happened, the latest last.
    pub events: Vec<Event>,
}

/// A version, or a file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionStatus {
    /// The version; null for a refused file, since an unverified file's own claims mean nothing.
    pub version: Option<u64>,
    /// Where it stands.
    pub state: VersionState,
    /// The module digest; null for a refused file.
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// The file's name.
    pub file: String,
    /// The file's size.
    pub file_bytes: u64,
    /// The digest of the whole file; null where it was not read.
    #[schema(value_type = Option<String>)]
    pub file_digest: Option<Digest>,
    /// Whether the file has gone since it was judged; a live version stays live without it until the next restart.
    pub file_deleted: bool,
    /// Whether it is compiled and could go live at once.
    pub compiled: bool,
    /// Who approved it, as they named themselves.
    pub approved_by: Vec<String>,
    /// The last day on which all its keys and approvals count, where there is one. It stays live after it, and is refused by
    /// a host that starts later.
    #[schema(value_type = Option<String>)]
    pub expires: Option<Date>,
    /// Why it is refused, withdrawn, or waits.
    pub reason: Option<Reason>,
    /// Calls since it was compiled; null where it is not.
    pub calls: Option<u64>,
    /// How many of them failed by its fault; null where it is not compiled.
    pub failures: Option<u64>,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// It answers requests.
    Live,
    /// It answers those of a share of the users.
    Canary,
    /// It scores what the live one scores, for comparison only.
    Shadow,
    /// It was verified and waits.
    Standby,
    /// It failed too often, and waits for an operator.
    Withdrawn,
    /// It was refused, for the reason beside it.
    Rejected,
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
            Self::Standby => "standby",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
        })
    }
}

impl VersionStatus {
    /// Gives the status of a file of which nothing is known but that it was refused.
    pub(super) fn rejected() -> Self {
        Self {
            version: None,
            state: VersionState::Rejected,
            digest: None,
            file: String::new(),
            file_bytes: 0,
            file_digest: None,
            file_deleted: false,
            compiled: false,
            approved_by: Vec::new(),
            expires: None,
            reason: None,
            calls: None,
            failures: None,
        }
    }
}

/// Tells which model a file's name suggests: a known one that it starts with, else what stands before the version, else
/// what stands before the last hyphen. So `credit-risk-7.wasm` and `credit-risk-7-half.wasm` belong to `credit-risk`.
pub(super) fn model_of_file<'a>(file: &str, known: impl Iterator<Item = &'a ModelName>) -> Option<ModelName> {
    let stem = file.strip_suffix(".wasm").unwrap_or(file);
    let starts = |name: &&ModelName| {
        stem.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let longest = known.filter(starts).max_by_key(|name| name.as_str().len());
    if let Some(name) = longest {
        return Some(name.clone());
    }
    let version = |(at, _): &(usize, &str)| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let hyphen = stem.match_indices('-').find(version).map(|(at, _)| at).or_else(|| stem.rfind('-'));
    stem[..hyphen.unwrap_or(stem.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_grouped_by_name_alone() {
        let known: Vec<ModelName> = ["credit", "credit-risk"].map(|name| name.parse().expect("a name")).into();
        let check = |file: &str, known: &[ModelName], wanted: Option<&str>| {
            let found = model_of_file(file, known.iter());
            assert_eq!(found.as_ref().map(ModelName::as_str), wanted, "{file}");
        };
        check("credit-risk-7.wasm", &known, Some("credit-risk"));
        check("credit-risk-7-half-written.wasm", &known, Some("credit-risk"));
        check("credit-risk.wasm", &known, Some("credit-risk"));
        check("credit-risky.wasm", &known, Some("credit"));
        check("credit-risk-7.wasm", &[], Some("credit-risk"));
        check("credit-risk-7-half-written.wasm", &[], Some("credit-risk"));
        check("credit-risk-unsigned.wasm", &[], Some("credit-risk"));
        check("fraud.wasm", &known, Some("fraud"));
        check("-.wasm", &known, None);
        check("Ünknown.wasm", &known, None);
    }
}
