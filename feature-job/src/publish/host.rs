//! The address of a host.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

use super::HostError;

/// Where a host listens, such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl FromStr for Host {
    type Err = HostError;
    fn from_str(text: &str) -> Result<Self, HostError> {
        let refused = || HostError::Address(text.escape_default().to_string());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let plain = matches!(uri.scheme_str(), Some("http" | "https"))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none();
        let named = uri.host().is_some_and(|host| !host.is_empty()) && !text.contains('@');
        if plain && named { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(refused()) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
