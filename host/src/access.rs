//! Who may ask the host for what: bearer tokens in a file of the operator's, each with one role.
//!
//! Read in this order: roles and what they open (here), [`list`] (the file), [`watch`] (the file
//! read again while serving) and [`verb`] (`countersign tokens`).

mod list;
mod verb;
mod watch;

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

pub use list::{Principal, TokenError, TokenList, add, remove};
pub use verb::TokensArgs;
pub use watch::TokenFile;

/// What a token is for; one token has one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asking for features, predictions and scores.
    Predict,
    /// Writing features.
    Ingest,
    /// Everything, and orders: which version answers whom.
    Admin,
}

impl Role {
    /// Gives the role's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, always: whether the host lives is asked by machines that hold no secret.
    Health,
    /// Anybody, where the host serves more than its health: what the routes are.
    Public,
    /// Any token: reading what the host knows and does.
    Any,
    /// A token of this role, or an admin's.
    Only(Role),
}

impl Access {
    /// Tells whether a role opens it.
    pub fn is_open_to(self, role: Role) -> bool {
        match self {
            Self::Health | Self::Public | Self::Any => true,
            Self::Only(wanted) => role == wanted || role == Role::Admin,
        }
    }
}

/// Why a caller is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The host was given no tokens, so nobody can show one.
    #[error(
        "this host serves only its health, since it was started without tokens: its operator starts it with --tokens FILE"
    )]
    NoTokens,
    /// A web page from elsewhere asks, by the browser of somebody on this machine.
    #[error(
        "a page of another origin may not ask a host that takes no tokens, nor may anybody by another name than localhost: start the host with --tokens FILE"
    )]
    ForeignOrigin,
    /// The caller shows none.
    #[error("a token is needed: send it as `authorization: Bearer TOKEN`")]
    Needed,
    /// The caller shows one that is not in the file.
    #[error("this token is not known here, or not any more: ask the host's operator for another")]
    Unknown,
    /// The caller's token has ended.
    #[error("this token has expired: ask the host's operator for another")]
    Expired,
    /// The caller's token is for something else.
    #[error("this token has the role {has}, and this takes the role {needs}")]
    Role {
        /// The token's role.
        has: Role,
        /// The role it takes.
        needs: Role,
    },
}

/// How callers are told apart.
#[derive(Debug, Clone)]
pub enum Gate {
    /// They are not: whoever reaches the host may do anything. For one machine, by `--insecure-loopback`.
    Open,
    /// Nobody comes in.
    Closed,
    /// By the tokens of a file.
    Tokens(Arc<TokenFile>),
}

impl Gate {
    /// Turns away web pages where no tokens are asked for: the browser of whoever sits at this machine reaches the loopback address,
    /// whatever page is open in it. It says where the page is from; and where the page's own name was made to lead here, it says by which
    /// name it asks. Other callers say no origin, and this machine's name.
    ///
    /// # Errors
    /// [`Denied::ForeignOrigin`].
    pub fn admit_origin(&self, origin: Option<&[u8]>, host: Option<&[u8]>) -> Result<(), Denied> {
        let ours =
            |url: Option<&[u8]>, scheme: &str| url.is_none_or(|url| is_loopback(&[scheme.as_bytes(), url].concat()));
        match self {
            Self::Open if !(ours(origin, "") && ours(host, "http://")) => Err(Denied::ForeignOrigin),
            _ => Ok(()),
        }
    }

    /// Decides about a caller by the value of its `authorization` header; gives whose token it is, where one was needed.
    ///
    /// # Errors
    /// [`Denied`], which says what would help.
    pub fn admit(&self, access: Access, authorization: Option<&[u8]>) -> Result<Option<Arc<Principal>>, Denied> {
        let tokens = match (self, access) {
            (_, Access::Health) | (Self::Open, _) => return Ok(None),
            (Self::Closed, _) => return Err(Denied::NoTokens),
            (Self::Tokens(_), Access::Public) => return Ok(None),
            (Self::Tokens(file), _) => file.current(),
        };
        let principal = tokens.find(authorization.and_then(bearer).ok_or(Denied::Needed)?)?;
        match access {
            Access::Only(needs) if !access.is_open_to(principal.role) => {
                Err(Denied::Role { has: principal.role, needs })
            }
            _ => Ok(Some(principal)),
        }
    }
}

/// Tells whether an origin such as `http://127.0.0.1:8080` is this machine.
fn is_loopback(origin: &[u8]) -> bool {
    let url = str::from_utf8(origin).ok().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

/// Gives the token of a header `Bearer TOKEN`; the scheme's case does not matter.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;
