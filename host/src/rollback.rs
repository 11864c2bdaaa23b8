//! `countersign rollback`: takes a model of a running host back to the version before, in one request, from wherever this program
//! and the host's address are, such as in the host's own container.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use contract::ids::{ModelName, ModelVersion};
use contract::seal::refusal::printable;
use contract::token::Token;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ask::{HostArgs, Said};

/// The flags of `countersign rollback`.
#[derive(Debug, Args)]
#[command(after_help = "\
The version stays pinned, whatever newer one is approved, until traffic is set anew (PUT /v1/models/MODEL/traffic with {}).
Exit code 0: it answers now; 1: it was not carried out, or no version is live after it, and the reason is told. A second rollback goes further back.

Example, in a container of the host, with a token of the role admin on standard input:
  countersign rollback credit-risk --token-file - < admin.token")]
pub struct RollbackArgs {
    /// Model to take back
    #[arg(value_name = "MODEL")]
    model: ModelName,
    /// Version to go to [default: the one that was live before]
    #[arg(long, value_name = "VERSION")]
    to: Option<ModelVersion>,
    /// File with a token of the role admin; - is standard input [default: what COUNTERSIGN_TOKEN holds]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    host: HostArgs,
    /// Address where the host takes orders, if that is one of its own
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_ADMIN_LISTEN")]
    admin_listen: Option<SocketAddr>,
    /// Most milliseconds to wait for the answer
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

/// What is read of a host's answer; whatever is no answer of a host lacks it.
#[derive(Deserialize)]
struct Model {
    live_version: Value,
}

/// What is read of a host's refusal.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl RollbackArgs {
    /// Gives the order, and tells which version answers then.
    ///
    /// # Errors
    /// Where the host does not carry it out, or says nothing.
    pub fn run(self) -> anyhow::Result<()> {
        let token = Token::of_client(self.token_file.as_deref())?;
        let host = self.host.find(self.admin_listen, Duration::from_millis(self.timeout_ms))?;
        let path = format!("/v1/models/{}/rollback", self.model);
        let order = self.to.map_or_else(|| json!({}), |to| json!({ "to": to }));
        let Said { url, status, text } =
            host.ask("POST", &path, token.map(|token| token.bearer()), order.to_string())?;
        if status != 200 {
            let detail = serde_json::from_str(&text).map_or(text, |Problem { detail }| detail);
            bail!("{} answers {status}: {}", printable(&url), printable(&detail));
        }
        let answer = serde_json::from_str(&text);
        let Model { live_version } =
            answer.with_context(|| format!("{} answers with something else than a model", printable(&url)))?;
        let Some(version) = live_version.as_u64() else {
            bail!("{}: the order was carried out, and no version is live; /v1/models says why", self.model);
        };
        say!("{}: version {version} answers now, and stays until traffic is set anew", self.model);
        Ok(())
    }
}
