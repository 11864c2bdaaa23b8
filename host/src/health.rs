//! `countersign health`: asks a running host how it is, for those who watch it by a command's exit code, as containers do.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use contract::seal::refusal::printable;

use crate::ask::{HostArgs, Said};

/// The flags of `countersign health`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 0: the host is well; 1: it is not, does not answer, or answers too late.

Example, in a container beside the host whose COUNTERSIGN_LISTEN is set:
  countersign health --ready")]
pub struct HealthArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Ask whether it can serve predictions, and not only whether it lives
    #[arg(long)]
    ready: bool,
    /// Most milliseconds to wait for the answer
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

impl HealthArgs {
    /// Prints what the host says.
    ///
    /// # Errors
    /// Where it is not well, or says nothing.
    pub fn run(self) -> anyhow::Result<()> {
        let host = self.host.find(None, Duration::from_millis(self.timeout_ms))?;
        let path = if self.ready { "/health/ready" } else { "/health/live" };
        let Said { url, status, text } = host.ask("GET", path, None, ())?;
        if !(200..300).contains(&status) {
            bail!("{} answers {status}: {}", printable(&url), printable(&text));
        }
        say!("{}", printable(&text));
        Ok(())
    }
}
