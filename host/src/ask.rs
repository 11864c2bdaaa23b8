//! How this program asks others over HTTP: a running host, or a collector of traces.

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

/// Whether the other side must show who it is, where it speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Certificates count as everywhere on this machine: by the system's store, or the file that SSL_CERT_FILE names.
    Shown,
    /// Any certificate will do: nothing secret is sent or believed.
    Any,
}

/// Gives what asks, and waits for at most `within` for a whole answer; every status is an answer.
pub fn agent(within: Duration, identity: Identity) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .disable_verification(identity == Identity::Any)
        .build();
    // Whoever needs no identity is on this machine, and behind no proxy.
    let proxy = (identity == Identity::Shown).then(Proxy::try_from_env).flatten();
    let config =
        Agent::config_builder().proxy(proxy).timeout_global(Some(within)).http_status_as_error(false).tls_config(tls);
    Agent::new_with_config(config.build())
}
