//! Which object store, and where in it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

/// The folder of approved modules, in a store as on a disk.
const APPROVED: &str = "approved";

/// A place in an object store, such as `s3://models/credit`.
#[derive(Debug, Clone)]
pub struct Place {
    url: Url,
    store: Arc<dyn ObjectStore>,
    approved: Path,
}

/// Why a URL names no place that modules can come from.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is no URL.
    #[error("it is no URL: {0}")]
    Url(#[from] url::ParseError),
    /// It carries credentials, which would end up in logs and lists of processes.
    #[error(
        "a URL must not carry credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
    )]
    Credentials,
    /// It carries more than a place.
    #[error("a URL of modules has no query and no fragment: use s3://BUCKET/PREFIX")]
    More,
    /// Nothing here speaks that protocol.
    #[error("modules come from a folder, s3://BUCKET/PREFIX or file:///FOLDER")]
    Scheme,
    /// The store's client cannot be set up.
    #[error("the object store cannot be used: {0}")]
    Store(#[from] object_store::Error),
}

impl Place {
    /// Gives the store.
    pub(super) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Gives the path of the approved modules in it.
    pub(super) fn approved(&self) -> &Path {
        &self.approved
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let url = Url::parse(text)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlaceError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PlaceError::More);
        }
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| PlaceError::Scheme)?;
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local => Arc::new(LocalFileSystem::new()),
            // The look itself is repeated: a request that hangs is worth less than the next look.
            ObjectStoreScheme::AmazonS3 => Arc::new(
                AmazonS3Builder::from_env()
                    .with_url(text)
                    .with_retry(RetryConfig {
                        backoff: BackoffConfig::default(),
                        max_retries: 2,
                        retry_timeout: Duration::from_secs(15),
                    })
                    .build()?,
            ),
            _ => return Err(PlaceError::Scheme),
        };
        let approved = prefix.join(APPROVED);
        Ok(Self { url, store, approved })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_its_url() {
        let approved = |text: &str| text.parse::<Place>().map(|place| place.approved.to_string());
        assert_eq!(approved("s3://models").expect("a bucket"), "approved");
        assert_eq!(approved("s3://models/credit/eu/").expect("a prefix"), "credit/eu/approved");
        assert_eq!(approved("file:///srv/modules").expect("a folder"), "srv/modules/approved");
    }

    #[test]
    fn what_is_no_place_is_refused_with_advice() {
        let check = |text: &str, says: &str| {
            let error = text.parse::<Place>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        };
        check("s3://", "s3://BUCKET");
        check("s3://key:secret@models/credit", "AWS_ACCESS_KEY_ID");
        check("s3://models/credit?region=eu", "no query");
        check("ftp://models/credit", "s3://BUCKET");
        check("memory:///", "s3://BUCKET");
        check("://", "no URL");
    }
}
