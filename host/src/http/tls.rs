//! TLS on a port, with certificates that are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::file::{self, Links, ReadError};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

use crate::follow::follow;

/// The most bytes of a certificate chain, and of a key.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// A certificate chain and its key, as the files said last.
#[derive(Debug)]
pub struct Certificates {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: ReadError,
    },
    /// A file holds no PEM of the kind wanted.
    #[error("{path} holds no {wanted} in PEM: {cause}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Why.
        cause: pem::Error,
    },
    /// The certificate and the key do not go together, or are of a kind that is not spoken.
    #[error("{chain} and {key} cannot be used together: {cause}")]
    Pair {
        /// The file of the certificates.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
}

impl Certificates {
    /// Reads a chain, the host's own certificate first, and the key of that one.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(chain: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(load(chain, key)?);
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), current }))
    }

    /// Follows both files until the task is ended; what cannot be used does not count. Connections that are there keep theirs.
    pub async fn follow(self: Arc<Self>) {
        follow(vec![self.chain.clone(), self.key.clone()], || match load(&self.chain, &self.key) {
            Ok(pair) => {
                tracing::info!(certificate = %self.chain.display(), "certificate read");
                self.current.store(Arc::new(pair));
            }
            // Between the writing of one file and of the other they do not go together.
            Err(error) => tracing::error!(%error, "the certificate from before is still shown"),
        })
        .await;
    }

    /// Gives what shakes hands with callers: TLS 1.3 and 1.2, with HTTP/1.1 inside.
    ///
    /// # Errors
    /// What TLS itself says of its versions.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn load(chain_path: &Path, key_path: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = chain(chain_path)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key_path)?);
    let key = key.map_err(|cause| TlsError::Pem { path: key_path.to_owned(), wanted: "private key", cause })?;
    let pair = CertifiedKey::from_der(chain, key, &ring::default_provider());
    pair.map_err(|cause| TlsError::Pair { chain: chain_path.to_owned(), key: key_path.to_owned(), cause })
}

/// Reads a chain of certificates, of which there is one at least.
///
/// # Errors
/// [`TlsError`].
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    chain.map_err(|cause| TlsError::Pem { path: path.to_owned(), wanted: "certificate", cause })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let bytes = file::read(path, PEM_BYTES_MAX, Links::Follow);
    bytes.map_err(|cause| TlsError::Read { path: path.to_owned(), cause })
}
