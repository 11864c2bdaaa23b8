//! `countersign health`: asks a running host how it is, for those who watch it by a command's exit code, as containers do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use contract::seal::refusal::printable;

use crate::ask::{Identity, agent};

/// The most bytes of an answer that are shown.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// The flags of `countersign health`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 0: the host is well; 1: it is not, does not answer, or answers too late.

Example, in a container beside the host whose COUNTERSIGN_LISTEN is set:
  countersign health --ready")]
pub struct HealthArgs {
    /// Host to ask [default: the one on this machine, by --listen]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Address that the host listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "COUNTERSIGN_LISTEN")]
    listen: SocketAddr,
    /// The host's certificate, if it speaks TLS
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_CERT")]
    tls_cert: Option<PathBuf>,
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
        // On this machine the certificate is for another name, and nothing secret is told.
        let (host, identity) = match &self.url {
            Some(url) => (url.trim_end_matches('/').to_owned(), Identity::Shown),
            None => (here(self.listen, self.tls_cert.is_some()), Identity::Any),
        };
        let url = format!("{host}/health/{}", if self.ready { "ready" } else { "live" });
        let within = Duration::from_millis(self.timeout_ms);
        let mut answer = agent(within, identity).get(&url).call().with_context(|| {
            format!("{} does not answer: is the host running, and is this its address?", printable(&url))
        })?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.with_context(|| format!("{} does not answer with text", printable(&url)))?;
        if !answer.status().is_success() {
            bail!("{} answers {}: {}", printable(&url), answer.status(), printable(&text));
        }
        say!("{}", printable(&text));
        Ok(())
    }
}

/// Gives the host on this machine; one that listens on all addresses is there by the loopback one.
fn here(listen: SocketAddr, encrypted: bool) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    format!("{}://{address}", if encrypted { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_on_all_addresses_is_asked_on_loopback() {
        let check = |listen: &str, encrypted, url: &str| {
            assert_eq!(here(listen.parse().expect("an address"), encrypted), url);
        };
        check("0.0.0.0:8080", false, "http://127.0.0.1:8080");
        check("[::]:80", true, "https://[::1]:80");
        check("10.0.0.7:8443", true, "https://10.0.0.7:8443");
    }
}
