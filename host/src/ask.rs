//! How this program asks others over HTTP: a running host, or a collector of traces.

mod pinned;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use contract::seal::refusal::printable;
use tokio_rustls::rustls::pki_types::CertificateDer;
use ureq::http::{Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, AsSendBody, Body, Proxy};

use pinned::Pinned;

use crate::http::tls;

/// The most bytes of a host's answer that are read: thousands of versions.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// How the other side shows who it is, where it speaks TLS.
#[derive(Debug)]
pub enum Identity {
    /// As everywhere on this machine: by the system's store, or the file that SSL_CERT_FILE names. Proxies are asked as the
    /// environment has it.
    Shown,
    /// By this very certificate, whatever name it is for; without one, TLS is not spoken. No proxy is asked.
    Direct(Option<CertificateDer<'static>>),
}

/// Gives what asks, and waits for at most `within` for a whole answer; every status is an answer.
pub fn agent(within: Duration, identity: Identity) -> Agent {
    let config = Agent::config_builder().timeout_global(Some(within)).http_status_as_error(false);
    match identity {
        Identity::Shown => {
            let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
            Agent::new_with_config(config.proxy(Proxy::try_from_env()).tls_config(tls).build())
        }
        Identity::Direct(certificate) => {
            let connector = TcpConnector::default().chain(Pinned::new(certificate));
            Agent::with_parts(config.proxy(None).build(), connector, DefaultResolver::default())
        }
    }
}

/// The flags that say which host is asked.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Host to ask [default: the one on this machine, by --listen]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Address that the host listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "COUNTERSIGN_LISTEN")]
    listen: SocketAddr,
    /// Certificate that the host must show, the very one [default: with --url, one that this machine trusts]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_CERT")]
    tls_cert: Option<PathBuf>,
}

/// A host that can be asked.
pub struct Host {
    url: String,
    agent: Agent,
}

impl HostArgs {
    /// Finds the host; on this machine at `listen`, where that is another address than --listen.
    ///
    /// # Errors
    /// Where the file of the certificate holds none, or the URL is not one that shows it.
    pub fn find(&self, listen: Option<SocketAddr>, within: Duration) -> anyhow::Result<Host> {
        if let (Some(url), Some(_)) = (&self.url, &self.tls_cert)
            && !url.starts_with("https://")
        {
            bail!(
                "--url {} with --tls-cert: a host that is to show a certificate has a URL of https://",
                printable(url)
            );
        }
        let certificate = self.tls_cert.as_deref().map(certificate).transpose()?;
        let (url, identity) = match (&self.url, certificate) {
            (Some(url), None) => (url.trim_end_matches('/').to_owned(), Identity::Shown),
            (Some(url), Some(certificate)) => {
                (url.trim_end_matches('/').to_owned(), Identity::Direct(Some(certificate)))
            }
            (None, certificate) => {
                (here(listen.unwrap_or(self.listen), certificate.is_some()), Identity::Direct(certificate))
            }
        };
        Ok(Host { url, agent: agent(within, identity) })
    }
}

impl Host {
    /// Sends a request to a path; gives the status and the text of the answer.
    ///
    /// # Errors
    /// Where there is no answer, or none that is text.
    pub fn ask(&self, method: &str, path: &str, bearer: Option<String>, body: impl AsSendBody) -> anyhow::Result<Said> {
        let url = format!("{}{path}", self.url);
        let mut request = Request::builder().method(method).uri(&url).header("content-type", "application/json");
        if let Some(bearer) = bearer {
            request = request.header("authorization", bearer);
        }
        let request = request.body(body).with_context(|| format!("{} is no address of a host", printable(&url)))?;
        let answer: Result<Response<Body>, _> = self.agent.run(request);
        let mut answer = answer.with_context(|| {
            format!("{} does not answer: is the host running, and is this its address?", printable(&url))
        })?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.with_context(|| format!("{} does not answer with text", printable(&url)))?;
        Ok(Said { url, status: answer.status().as_u16(), text })
    }
}

/// What a host said.
pub struct Said {
    /// What it was asked for.
    pub url: String,
    /// The status of its answer.
    pub status: u16,
    /// The answer.
    pub text: String,
}

/// Reads the first certificate of a chain, which is the host's own.
fn certificate(path: &Path) -> anyhow::Result<CertificateDer<'static>> {
    let chain = tls::chain(path).context("--tls-cert")?;
    chain.into_iter().next().context("a chain has a certificate")
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
