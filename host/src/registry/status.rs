//! What the registry says of itself: models, their versions, and refused files under the model their name suggests.

use contract::digest::Digest;
use contract::ids::ModelName;
use serde::Serialize;

use super::reason::Reason;

/// A model with all that is known under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelStatus {
    /// The model's name.
    pub name: ModelName,
    /// The live version, where there is one.
    pub live_version: Option<u64>,
    /// The highest version that was ever live.
    pub highest_live_version: Option<u64>,
    /// Its versions, newest first, then the files refused under its name, by name.
    pub versions: Vec<VersionStatus>,
}

/// A version, or a file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionStatus {
    /// The version; null for a refused file, since an unverified file's own claims mean nothing.
    pub version: Option<u64>,
    /// Where it stands.
    pub state: VersionState,
    /// The module digest; null for a refused file.
    pub digest: Option<Digest>,
    /// The file's name.
    pub file: String,
    /// The file's size.
    pub file_bytes: u64,
    /// The digest of the whole file; null where it was not read.
    pub file_digest: Option<Digest>,
    /// Whether the file has gone since it was judged; a live version stays live without it until the next restart.
    pub file_deleted: bool,
    /// Whether it is compiled and could go live at once.
    pub compiled: bool,
    /// Why it is refused, or waits.
    pub reason: Option<Reason>,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// It answers requests.
    Live,
    /// It was admitted and waits.
    Standby,
    /// It was refused, for the reason beside it.
    Rejected,
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
