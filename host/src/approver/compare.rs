//! What a candidate is held against: the version that a running host has live, or else the newest that is approved here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use contract::card::ModelCard;
use contract::digest::Digest;
use contract::file::{self, Links};
use contract::ids::{ModelName, ModelVersion};
use contract::seal::refusal::printable;
use contract::seal::{self, MODULE_BYTES_MAX};
use contract::token::Token;
use contract::trust::TrustPolicy;
use serde::Deserialize;

use super::registry::RegistryArgs;
use crate::ask::{Identity, agent};

/// How long a host may take to say what is live.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of its answer that are read: thousands of versions.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The host that is asked what is live.
#[derive(Debug, Args)]
pub(super) struct HostArgs {
    /// A running host, to compare with what it has live
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// File with a token for the host; any role may ask; - is standard input [default: what COUNTERSIGN_TOKEN holds]
    #[arg(long, value_name = "FILE", requires = "host")]
    token_file: Option<PathBuf>,
}

/// The version a candidate is held against.
pub(super) enum Beside {
    /// What a host has live, and its card where its file is here.
    Live { version: ModelVersion, digest: Digest, card: Option<Box<ModelCard>> },
    /// The newest other version in approved/ that the policy lets run.
    Newest(Box<ModelCard>),
    /// No version at all.
    Nothing,
}

/// What is read of a host's answer about a model.
#[derive(Deserialize)]
struct Model {
    live_version: Option<ModelVersion>,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: Option<ModelVersion>,
    digest: Option<Digest>,
}

impl Beside {
    /// Finds what to hold `card` against: what the host has live, where one is named.
    pub(super) fn find(
        card: &ModelCard,
        registry: &RegistryArgs,
        policy: Option<&TrustPolicy>,
        asked: &HostArgs,
    ) -> anyhow::Result<Self> {
        let Some(host) = &asked.host else {
            let newest = policy.and_then(|policy| registry.newest_approved(card, policy));
            return Ok(newest.map_or(Self::Nothing, |card| Self::Newest(Box::new(card))));
        };
        Ok(match live(host, asked.token_file.as_deref(), &card.model)? {
            Some((version, digest)) => {
                Self::Live { version, digest, card: card_of(digest, &card.model, registry).map(Box::new) }
            }
            None => Self::Nothing,
        })
    }

    /// Gives the card whose figures may stand beside the candidate's.
    pub(super) fn card(&self) -> Option<&ModelCard> {
        match self {
            Self::Live { card, .. } => card.as_deref(),
            Self::Newest(card) => Some(card),
            Self::Nothing => None,
        }
    }

    /// Prints what the candidate is held against, and whether the job compared it with the same.
    pub(super) fn show(&self, card: &ModelCard) {
        let version = match self {
            Self::Live { version, digest, card: beside } => {
                say!("compared    with version {version}, which the host has live ({digest})");
                match beside {
                    Some(_) => say!("            its figures stand in brackets"),
                    None => say!("            its figures are not here: no file in approved/ has this digest"),
                }
                *version
            }
            Self::Newest(newest) => {
                say!("compared    with version {}, the newest approved; its figures stand in brackets", newest.version);
                newest.version
            }
            Self::Nothing => {
                say!("compared    with nothing: no other version of {} is there", card.model);
                return;
            }
        };
        let compared = card.champion.as_ref().map(|champion| champion.version);
        if compared.is_some_and(|compared| compared != version) && version != card.version {
            say!("            the job compared the candidate with another version, as below");
        }
    }
}

/// Asks a host which version of a model is live.
fn live(host: &str, token_file: Option<&Path>, model: &ModelName) -> anyhow::Result<Option<(ModelVersion, Digest)>> {
    let url = format!("{}/v1/models/{model}", host.trim_end_matches('/'));
    let said =
        || format!("cannot ask {} what is live: name a running host, such as http://127.0.0.1:8080", printable(&url));
    let mut request = agent(ANSWER_WITHIN, Identity::Shown).get(&url);
    if let Some(token) = Token::of_client(token_file)? {
        request = request.header("authorization", token.bearer());
    }
    let mut answer = request.call().with_context(said)?;
    match answer.status().as_u16() {
        200 => {}
        401 | 403 => bail!(
            "{} lets us in with a token only: name a file that holds one with --token-file, or set COUNTERSIGN_TOKEN",
            printable(&url)
        ),
        404 => return Ok(None),
        status => bail!("{} answered with status {status}", printable(&url)),
    }
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().with_context(said)?;
    let answer: Model = serde_json::from_str(&text).with_context(said)?;
    let Some(live) = answer.live_version else { return Ok(None) };
    let digest = answer.versions.iter().find(|about| about.version == Some(live)).and_then(|about| about.digest);
    let digest = digest.with_context(|| format!("{} does not say which module version {live} is", printable(&url)))?;
    Ok(Some((live, digest)))
}

/// Gives the card in the approved file of this digest, which the host believes and the file's hashes were held against.
fn card_of(digest: Digest, model: &ModelName, registry: &RegistryArgs) -> Option<ModelCard> {
    let prefix = format!("{model}-");
    let files = fs::read_dir(registry.approved()).ok()?.filter_map(Result::ok);
    let mut named = files.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    named.find_map(|entry| {
        let bytes = file::read(&entry.path(), MODULE_BYTES_MAX, Links::Refuse).ok()?;
        let found = seal::inspect(&bytes).ok()?;
        (found.digest == digest && found.card.model == *model).then_some(found.card)
    })
}
